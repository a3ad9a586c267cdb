;; Has the host make sixty mebibytes of random bytes in one call, which no limit on what a guest sends would see.
(import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))
(func (export "taskwright:task/executor@0.1.0#start") (param i32) (result i32)
  (call $random (i64.const 62914560) (i32.const 2048))
  (i32.const 1024))
