;; Wants half a million things at once, all of them without a name.
(memory (export "memory") 400)
(data (i32.const 16) "\00\02\00\00\0a\00\00\00" "\10\02\00\00\05\00\00\00" "\20\02\00\00\01\00\00\00" "\30\02\00\00\02\00\00\00")
(data (i32.const 64) "\00\00\02\00" "\20\a1\07\00")
(data (i32.const 512) "test-guest")
(data (i32.const 528) "1.0.0")
(data (i32.const 544) ".")
(data (i32.const 560) "{}")
(func (export "taskwright:task/executor@0.1.0#describe") (result i32) (i32.const 16))
