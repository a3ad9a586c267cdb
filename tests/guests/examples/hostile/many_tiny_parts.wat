;; Posts a message of two million empty texts: no byte of text, and a list that takes far more of the host than of the guest.
(import "taskwright:task/sink@0.1.0" "post" (func $post (param i32 i32 i32 i32 i32 i32)))
(memory (export "memory") 400)
(func (export "taskwright:task/executor@0.1.0#start") (param i32) (result i32)
  (call $post (i32.const 131072) (i32.const 2000000) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 4096))
  (i32.const 1024))
