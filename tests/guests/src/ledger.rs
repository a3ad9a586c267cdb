//! What the versions of the kind `ledger` say of themselves.
//! Is no guest: each of them is one, and says in what it differs.

use crate::behaviour::*;

/// The folder that every version wants.
pub const BOOKS: (&str, &str, &str) = ("files", "books", "to read the books");

/// What one version says of itself.
pub struct Edition {
    /// Its version.
    pub version: &'static str,
    /// What its specification must have, as a JSON array.
    pub required: &'static str,
    /// Which of its tasks can be taken up again.
    pub can_reattach: Reattach,
    /// What it wants: capability, name and reason of each.
    pub wants: &'static [(&'static str, &'static str, &'static str)],
    /// The memory that it wishes for.
    pub memory_bytes: u64,
}

impl Edition {
    /// The description of the kind in this version.
    pub fn describe(self) -> Description {
        let want = |&(capability, name, reason): &(&str, &str, &str)| Want {
            capability: capability.to_owned(),
            name: name.to_owned(),
            reason: reason.to_owned(),
            required: false,
        };
        let properties = r#"{"owner":{"type":"string"},"year":{"type":"integer"}}"#;
        Description {
            kind: "ledger".to_owned(),
            version: self.version.to_owned(),
            summary: "Keeps books.".to_owned(),
            spec_schema: format!(r#"{{"type":"object","properties":{properties},"required":{}}}"#, self.required),
            can_reattach: self.can_reattach,
            takes_messages: true,
            wants: self.wants.iter().map(want).collect(),
            budget: Budget { memory_bytes: Some(self.memory_bytes), ..no_wishes() },
        }
    }
}
