;; Takes all memory as soon as it is instantiated, and gives up when it gets no more.
(func $grow
  (loop $again
    (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
  unreachable)
(start $grow)
