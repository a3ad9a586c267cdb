//! Runs one attempt of an untrusted task kind in wasmtime.
