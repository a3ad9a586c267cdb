//! The loader's first look at a file, before anything is compiled.
//! Does not compile: that happens in a process that may crash.

use taskwright_sandbox::{ComponentLimits, verify};

/// Any bytes get a verdict: names that can be trusted to be those of a kind, or one line that says why not.
///
/// # Panics
/// If they do not.
pub fn component(bytes: &[u8]) {
    let verdict = verify(bytes, &ComponentLimits::default());
    assert_eq!(verdict, verify(bytes, &ComponentLimits::default()), "the same file, the same verdict");
    match verdict {
        Ok(outside) => {
            let executor = format!("taskwright:task/executor@{}", outside.contract_version);
            assert!(outside.exports.contains(&executor), "{:?}", outside.exports);
            assert!(!outside.imports.iter().any(|import| import.contains("sockets")), "{:?}", outside.imports);
            // Nothing fits into less than it has.
            let narrow = ComponentLimits { bytes: bytes.len() as u64 - 1, ..ComponentLimits::default() };
            verify(bytes, &narrow).expect_err("it is one byte too large");
        }
        Err(error) => super::is_one_line(&error.to_string(), 1_500),
    }
}
