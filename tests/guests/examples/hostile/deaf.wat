;; Sleeps for an hour in a call that blocks its whole instance, so that no other call ever reaches it.
(import "taskwright:task/sink@0.1.0" "state" (func $state (param i32 i32 i32 i32)))
(import "taskwright:task/clock@0.1.0" "sleep" (func $sleep (param i64)))
(data (i32.const 2048) "deaf")
(func (export "taskwright:task/executor@0.1.0#start") (param i32) (result i32)
  (call $state (i32.const 1) (i32.const 2048) (i32.const 4) (i32.const 4096))
  (call $sleep (i64.const 3600000))
  (i32.const 1024))
