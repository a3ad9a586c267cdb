;; Grows a table until it may not.
(table $one 1 funcref)
(func (export "taskwright:task/executor@0.1.0#start") (param i32) (result i32)
  (loop $again
    (if (i32.eq (table.grow $one (ref.null func) (i32.const 1000)) (i32.const -1)) (then unreachable))
    (br $again))
  (i32.const 1024))
