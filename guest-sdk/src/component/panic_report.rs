//! What a panic says before it becomes a trap: its place and its message on stderr, in the form that Rust itself has for them, which
//! the host keeps with the output and reads the task's error from.
//! It does not catch the panic: guests are built with `panic = "abort"`.

use std::io::Write;
use std::panic;
use std::sync::Once;

/// Installs the hook, once for an instance.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let message = info.payload_as_str().unwrap_or("(a value that is no text)");
            let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
            // In one piece, and there is nobody to tell if it fails.
            let _ = std::io::stderr().write_all(format!("the kind panicked at {place}:\n{message}\n").as_bytes());
        }));
    });
}
