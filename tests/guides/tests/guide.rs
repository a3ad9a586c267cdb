//! The tests that docs/guides/http.md teaches, as they stand there.
//! Does not run the component: tests/system does.

include!(concat!(env!("OUT_DIR"), "/tests.rs"));
