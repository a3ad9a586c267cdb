//! What the pure core may depend on.
//! Does not test the borders between other crates: cargo's own manifests do.

use std::process::Command;

/// Crates that reach for the world outside: files, sockets, processes, clocks of a runtime, databases, WebAssembly.
const OUTSIDE: [&str; 28] = [
    "async-std",
    "cap-std",
    "curl",
    "deadpool-postgres",
    "fs-err",
    "hyper",
    "libsqlite3-sys",
    "mio",
    "native-tls",
    "object_store",
    "openssl",
    "polling",
    "postgres",
    "reqwest",
    "ring",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "tempfile",
    "tokio",
    "tokio-postgres",
    "ureq",
    "walkdir",
    "wasmtime",
    "wasmtime-wasi",
    "wit-bindgen",
];

#[test]
fn the_core_depends_on_nothing_that_does_io() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "taskwright-registry", "--edges", "normal,build", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let crates: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains(&"serde"), "the tree was read: {tree}");
    let found: Vec<_> = crates.iter().filter(|name| OUTSIDE.contains(name)).collect();
    assert!(found.is_empty(), "the core must not depend on {found:?}");
}
