//! Requests over HTTP.
//! Does not open any other sort of connection.

mod grant;
mod target;

pub use grant::{HttpGrant, SecretGrant, SecretText};
pub use target::{HttpTarget, InvalidTarget, Scheme};
