;; What a guest in the text form does where it says nothing else: part by part, each taken if the guest has none of its own.

;; part: (export "memory")
(memory (export "memory") 1)

;; part: (export "cabi_realloc")
;; Hands out memory from the 64 KiB mark on and never takes any back.
(global $next (mut i32) (i32.const 65536))
(func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
  (local $at i32)
  (local.set $at
    (i32.and
      (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
  (global.set $next (i32.add (local.get $at) (local.get $size)))
  (block $enough
    (br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
    (br_if $enough
      (i32.ne (i32.const -1)
        (memory.grow
          (i32.add (i32.const 1)
            (i32.shr_u (i32.sub (global.get $next) (i32.mul (memory.size) (i32.const 65536))) (i32.const 16))))))
    unreachable)
  (local.get $at))

;; part: #describe"
;; The record lies at 16 and its texts behind 512. Everything that is zero is empty, `never` or not wished for.
(data (i32.const 16) "\00\02\00\00\0a\00\00\00" "\10\02\00\00\05\00\00\00" "\20\02\00\00\01\00\00\00" "\30\02\00\00\02\00\00\00")
(data (i32.const 512) "test-guest")
(data (i32.const 528) "1.0.0")
(data (i32.const 544) ".")
(data (i32.const 560) "{}")
(func (export "taskwright:task/executor@0.1.0#describe") (result i32) (i32.const 16))

;; part: #start"
;; Zeros at 1024 are a success without a word.
(func (export "taskwright:task/executor@0.1.0#start") (param i32) (result i32) (i32.const 1024))

;; part: #deliver"
(func (export "taskwright:task/executor@0.1.0#deliver") (param i32) (result i32) (i32.const 1024))

;; part: #cancel"
(func (export "taskwright:task/executor@0.1.0#cancel") (param i32) (result i32) (i32.const 1024))

;; part: #reconcile"
(func (export "taskwright:task/executor@0.1.0#reconcile") (param i32) (result i32) (i32.const 1024))
