;; Asks for the time for ever: a loop that lives inside host calls.
(import "taskwright:task/clock@0.1.0" "now" (func $now (result i64)))
(func (export "taskwright:task/executor@0.1.0#start") (param i32) (result i32)
  (loop $again
    (drop (call $now))
    (br $again))
  (i32.const 1024))
