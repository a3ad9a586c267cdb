;; Consists of four core instances with a memory of twenty mebibytes each: every one of them is well within the limit.
;; core instances: 4 with pages: 320
