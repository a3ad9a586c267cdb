;; Prints a text that is no UTF-8.
(import "taskwright:task/sink@0.1.0" "output" (func $output (param i32 i32 i32)))
(data (i32.const 2048) "good \ff\fe\c0\80 bad")
(func (export "taskwright:task/executor@0.1.0#start") (param i32) (result i32)
  (call $output (i32.const 2048) (i32.const 13) (i32.const 4096))
  (i32.const 1024))
