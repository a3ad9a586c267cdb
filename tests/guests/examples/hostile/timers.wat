;; Sets timers of an hour by the million and keeps them all.
(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))
(func (export "taskwright:task/executor@0.1.0#start") (param i32) (result i32)
  (loop $again
    (drop (call $subscribe (i64.const 3600000000000)))
    (br $again))
  (i32.const 1024))
