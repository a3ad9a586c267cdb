//! The kind that docs/guides/http.md teaches, compiled as it stands there.
//! Does not add anything to it.
#![expect(missing_docs, missing_debug_implementations, reason = "a guide shows what matters")]

include!(concat!(env!("OUT_DIR"), "/kind.rs"));
