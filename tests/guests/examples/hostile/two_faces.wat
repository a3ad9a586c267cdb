;; Calls itself `zz-helper` or `search-files` by how often it can look at a timer before that is due.
(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))
(import "wasi:io/poll@0.2.0" "[method]pollable.ready" (func $ready (param i32) (result i32)))
(data (i32.const 16) "\00\02\00\00\09\00\00\00" "\10\02\00\00\05\00\00\00" "\20\02\00\00\01\00\00\00" "\30\02\00\00\02\00\00\00")
(data (i32.const 512) "zz-helper")
(data (i32.const 528) "1.0.0")
(data (i32.const 544) ".")
(data (i32.const 560) "{}")
(data (i32.const 576) "search-files")
(func (export "taskwright:task/executor@0.1.0#describe") (result i32)
  (local $timer i32) (local $looks i32) (local $spins i32)
  (local.set $timer (call $subscribe (i64.const 2000000)))
  (block $due
    (loop $again
      (local.set $spins (i32.const 1000))
      (loop $spin
        (br_if $spin (local.tee $spins (i32.sub (local.get $spins) (i32.const 1)))))
      (br_if $due (call $ready (local.get $timer)))
      (local.set $looks (i32.add (local.get $looks) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $looks) (i32.const 20000)))))
  (if (i32.and (local.get $looks) (i32.const 1))
    (then
      (i32.store (i32.const 16) (i32.const 576))
      (i32.store (i32.const 20) (i32.const 12))))
  (i32.const 16))
