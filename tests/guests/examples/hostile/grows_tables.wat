;; Grows two tables in turn until one of them may not.
(table $one 1 funcref)
(table $two 1 externref)
(func (export "taskwright:task/executor@0.1.0#start") (param i32) (result i32)
  (loop $again
    (if (i32.eq (table.grow $one (ref.null func) (i32.const 1000)) (i32.const -1)) (then unreachable))
    (if (i32.eq (table.grow $two (ref.null extern) (i32.const 1000)) (i32.const -1)) (then unreachable))
    (br $again))
  (i32.const 1024))
