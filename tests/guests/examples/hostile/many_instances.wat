;; Consists of more core instances than an attempt may have.
;; core instances: 100
