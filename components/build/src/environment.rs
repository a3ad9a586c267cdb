//! The environment of a build script, and what of it a cargo that is started from there must not see.
//! It does not touch how cargo reaches a registry: `CARGO_HOME`, `CARGO_NET_*` and their like pass through.

use std::fmt::Display;
use std::process::Command;

/// What the outer cargo tells this one build script, or was told for the host's code alone.
const EXACT: &[&str] = &[
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_CRATE_NAME",
    "CARGO_BIN_NAME",
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "DEBUG",
    "HOST",
    "NUM_JOBS",
    "OPT_LEVEL",
    "OUT_DIR",
    "PROFILE",
    "RUSTC",
    "RUSTC_LINKER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOC",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "TARGET",
];

/// The same, by the beginning of the name.
const PREFIXES: &[&str] = &[
    "CARGO_BUILD_",
    "CARGO_CFG_",
    "CARGO_FEATURE_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_UNSTABLE_",
    "DEP_",
    "__CARGO_",
];

/// A variable that cargo sets for every build script.
pub(crate) fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: this runs in a build script only"))
}

/// Tells the outer cargo something, which reads it from this build script's output.
#[expect(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]
pub(crate) fn tell_cargo(key: &str, value: impl Display) {
    println!("cargo::{key}={value}");
}

/// Takes from a command everything that the outer cargo would leak into it.
pub(crate) fn detach(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(leaks) {
            command.env_remove(name);
        }
    }
}

/// Sets a variable for a command, unless a person has set it.
pub(crate) fn default(command: &mut Command, name: &str, value: &str) {
    if std::env::var_os(name).is_none() {
        command.env(name, value);
    }
}

fn leaks(name: &str) -> bool {
    // How many jobs a person wants holds for the guests too.
    name != "CARGO_BUILD_JOBS" && (EXACT.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::leaks;

    #[test]
    fn what_the_outer_cargo_says_of_itself_does_not_reach_the_inner_one() {
        for name in ["CARGO_PKG_NAME", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_TARGET_DIR", "CARGO_CFG_UNIX"]
        {
            assert!(leaks(name), "{name}");
        }
    }

    #[test]
    fn what_a_person_set_up_for_cargo_does_reach_the_inner_one() {
        for name in
            ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_BUILD_JOBS", "CARGO_MAKEFLAGS", "RUSTUP_TOOLCHAIN", "PATH"]
        {
            assert!(!leaks(name), "{name}");
        }
    }
}
