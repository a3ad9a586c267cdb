(component
  (component $a (core module $m) (core instance (instantiate $m)))
  (component $b (instance (instantiate $a)) (instance (instantiate $a)) (alias outer 1 $a (component $c)) (instance (instantiate $c)))
  (instance (instantiate $b)) (instance (instantiate $b))
  (instance $kind)
  (export "taskwright:task/executor@0.1.0" (instance $kind)))
