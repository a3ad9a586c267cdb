(component
  (import "wasi:io/streams@0.2.0" (instance))
  (import "taskwright:task/sink@0.1.0" (instance))
  (type (record (field "a" string) (field "b" (list u8))))
  (instance $kind)
  (export "taskwright:task/executor@0.1.0" (instance $kind)))
