//! What is fuzzed: one function a target, which panics when something is promised that does not hold.
//! Does not look for inputs cleverly: cargo-fuzz does (`fuzz/`), and `mutation` tries some in the ordinary tests.

mod answer;
mod component;
mod http;
pub mod mutation;

pub use answer::answer;
pub use component::component;
pub use http::http;

/// A text that a person reads is one line without what controls a terminal, and of bounded length.
fn is_one_line(text: &str, most: usize) {
    assert!(text.len() <= most, "{} bytes: {text}", text.len());
    assert!(!text.chars().any(char::is_control), "{text:?}");
}
