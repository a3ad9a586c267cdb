;; Wants four gigabytes before it begins.
(memory (export "memory") 65536)
