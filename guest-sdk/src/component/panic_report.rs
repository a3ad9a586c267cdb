//! What a panic says before it becomes a trap: one line on stderr, which the host keeps with the output.
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
            let place = info.location().map(|place| format!(" at {place}")).unwrap_or_default();
            // In one piece, and there is nobody to tell if it fails.
            let _ = std::io::stderr().write_all(format!("the kind panicked{place}: {message}\n").as_bytes());
        }));
    });
}
