(component
  (core module $m (memory (export "m") 1) (table 1 funcref) (global i32 (i32.const 0))
    (func $f (export "f") (param i32) (result i32) (local i64 i64) local.get 0) (data (i32.const 0) "x") (elem (i32.const 0) func $f))
  (core instance $i (instantiate $m))
  (alias core export $i "f" (core func $f))
  (func $g (param "a" u32) (result u32) (canon lift (core func $f)))
  (instance $kind (export "g" (func $g)))
  (export "taskwright:task/executor@0.1.0" (instance $kind)))
