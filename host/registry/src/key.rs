//! Texts of callers that records are looked up by: keys, and the ids of runs, calls and agents.
//! Does not give them a meaning.

use crate::size::check_len;
use crate::{Rejection, limit};

/// Refuses a text that is too long, or that the column of a database cannot hold: one with U+0000.
pub(crate) fn check_key(field: &'static str, text: Option<&str>, allowed: usize) -> Result<(), Rejection> {
    let Some(text) = text else { return Ok(()) };
    check_len(field, text.len(), allowed)?;
    if text.contains('\0') {
        let problem = "it holds the character U+0000; leave that out".to_owned();
        return Err(Rejection::Invalid { field: field.to_owned(), problem });
    }
    Ok(())
}

/// Refuses what cannot be the name of a run.
///
/// # Errors
/// `TooLarge`, `Invalid`.
pub fn check_run(run: &str) -> Result<(), Rejection> {
    check_key("run_id", Some(run), limit::LINK_BYTES)
}
