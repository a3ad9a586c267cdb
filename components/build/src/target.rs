//! The compiler's standard library for the guests' target, installed when it is missing.
//! It does not install rustup or a toolchain.

use std::path::Path;
use std::process::Command;

use crate::{TARGET, environment};

/// Installs the target unless it is there.
pub(crate) fn ensure() {
    if installed() {
        return;
    }
    let saying = format!("the target {TARGET} is missing; running `rustup target add {TARGET}`");
    environment::tell_cargo("warning", saying);
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]);
    environment::detach(&mut rustup);
    let outcome = match rustup.output() {
        Ok(output) if output.status.success() => "it reported success".to_owned(),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => format!("rustup could not be started: {error}"),
    };
    // Another build script may have installed it at the same time and made this one fail.
    assert!(
        installed(),
        "the guests need the Rust target {TARGET}, which could not be installed ({outcome}). Install it with \
         `rustup target add {TARGET}`, or with your distribution's package of the Rust standard library for {TARGET}, \
         and build again"
    );
}

/// Whether the compiler has a standard library for the target.
fn installed() -> bool {
    let mut rustc = Command::new(environment::required("RUSTC"));
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let Ok(output) = rustc.output() else { return false };
    output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
}
