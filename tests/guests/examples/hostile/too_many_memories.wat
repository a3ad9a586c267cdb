;; Consists of nine core instances with a memory each, more than one attempt may have.
;; core instances: 9 with pages: 1
