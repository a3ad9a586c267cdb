//! To where an instance may send requests over HTTP, and what the host adds to them.
//! Does not judge a request: that is `policy`.

use std::fmt;

use super::HttpTarget;

/// A text that neither a guest nor a log gets to see.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Keeps a text secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the request that it belongs into.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// A secret that the host puts into a kind's requests where the kind has written `{{secret:NAME}}`: in the value of a header,
/// or in a body. Only into requests that the grant allows it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretGrant {
    /// What the placeholder calls it.
    pub name: String,
    /// What it stands for.
    pub value: SecretText,
}

/// Requests over HTTP that a kind may send, under one of the names that it wants them by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGrant {
    /// The want's name.
    pub name: String,
    /// To where.
    pub targets: Vec<HttpTarget>,
    /// With which methods, in capitals; `GET` and `HEAD` alone if empty.
    pub methods: Vec<String>,
    /// Whether the host may have an address that is private, of this machine, or of its link. Otherwise such an address is
    /// refused after the name was resolved, however the guest came by it.
    pub private: bool,
    /// What the host puts into these requests.
    pub secrets: Vec<SecretGrant>,
}
