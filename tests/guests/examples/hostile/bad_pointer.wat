;; Prints a text that lies outside of its memory.
(import "taskwright:task/sink@0.1.0" "output" (func $output (param i32 i32 i32)))
(func (export "taskwright:task/executor@0.1.0#start") (param i32) (result i32)
  (call $output (i32.const 0xfffffff0) (i32.const 64) (i32.const 4096))
  (i32.const 1024))
