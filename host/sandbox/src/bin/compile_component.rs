//! A compiler of components for a sandbox whose settings name this program; it has no arguments.
//! Does not work for another build of the sandbox: the two compare their engines.

use std::process::ExitCode;

fn main() -> ExitCode {
    taskwright_sandbox::compile_child()
}
