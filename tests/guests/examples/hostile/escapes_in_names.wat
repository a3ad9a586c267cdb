;; Traps in a function whose name clears the screen and turns the rest of the line round.
(func $"\1b[2J\1b]0;mine\07\c2\9b31m\e2\80\ae" unreachable)
(func (export "taskwright:task/executor@0.1.0#start") (param i32) (result i32)
  (call $"\1b[2J\1b]0;mine\07\c2\9b31m\e2\80\ae")
  (i32.const 1024))
