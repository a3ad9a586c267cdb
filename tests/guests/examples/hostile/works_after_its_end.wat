;; Returns its outcome and goes on: yields to the host for ever and reports at every turn that it is still there.
(import "[export]taskwright:task/executor@0.1.0" "[task-return]start"
  (func $return (param i32 i32 i64 i32 i32 i32 i64 i32)))
(import "taskwright:task/sink@0.1.0" "state" (func $state (param i32 i32 i32 i32)))
(data (i32.const 2048) "still there")
(func (export "[async-lift]taskwright:task/executor@0.1.0#start") (param i32) (result i32)
  (call $return (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0))
  ;; Yield.
  (i32.const 1))
(func (export "[callback][async-lift]taskwright:task/executor@0.1.0#start") (param i32 i32 i32) (result i32)
  (call $state (i32.const 1) (i32.const 2048) (i32.const 11) (i32.const 4096))
  (i32.const 1))
