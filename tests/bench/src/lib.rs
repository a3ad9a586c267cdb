//! Benchmarks: us, the peer and the raw limit in one run.
