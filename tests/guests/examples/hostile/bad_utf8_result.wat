;; Succeeds with a summary that is no UTF-8.
(data (i32.const 1040) "\01\00\00\00\00\08\00\00\04\00\00\00")
(data (i32.const 2048) "\ff\ff\ff\ff")
(func (export "taskwright:task/executor@0.1.0#start") (param i32) (result i32) (i32.const 1024))
