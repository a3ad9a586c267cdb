;; Computes for ever as soon as it is instantiated, before anything of it is called.
(func $spin (loop $again (br $again)))
(start $spin)
