//! What a component has said of itself when it was asked, checked: one answer, which is kept and used from then on.
//! Does not ask: `describe` does.

use serde::{Deserialize, Serialize};
use taskwright_registry::{Budget, Description, Reattach, Schema, clean_line, limit};

use crate::LoadError;

/// How long a schema of specifications may be, in bytes.
const SCHEMA_BYTES: usize = 64 * 1024;
/// How long a JSON pointer into specifications may be, in bytes.
const POINTER_BYTES: usize = 256;
/// How long a version may be, in bytes.
const VERSION_BYTES: usize = 128;

/// What a component has said of itself. Whoever keeps it beside the component's digest need not ask again, and nothing that
/// the component says later counts: see [`Sandbox::load_as`](crate::Sandbox::load_as).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfDescription {
    /// Who it is and what it wants.
    pub description: Description,
    /// What it wishes for an attempt; without a limit where it wishes nothing.
    #[serde(default = "unlimited")]
    pub wishes: Budget,
}

const fn unlimited() -> Budget {
    Budget::UNLIMITED
}

impl SelfDescription {
    /// Reads what `to_json` has written.
    ///
    /// # Errors
    /// `BadDescription` and `BadSchema`, by the rules that hold for a component's answer.
    pub fn from_json(json: &str) -> Result<Self, LoadError> {
        let read: Self = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        check_description(&read.description)?;
        Ok(read)
    }

    /// As text, to be kept.
    ///
    /// # Errors
    /// `BadDescription` if it could not be read again, which no answer of a component is.
    pub fn to_json(&self) -> Result<String, LoadError> {
        serde_json::to_string(self).map_err(|error| unreadable(&error))
    }

    /// Refuses what can be written and not read, such as a schema that is nested too deeply.
    pub(crate) fn check_readable(&self) -> Result<(), LoadError> {
        let json = self.to_json()?;
        serde_json::from_str::<serde::de::IgnoredAny>(&json).map_err(|error| unreadable(&error))?;
        serde_json::from_str::<Self>(&json).map(drop).map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &serde_json::Error) -> LoadError {
    LoadError::BadDescription {
        what: "description",
        expected: "one that can be written as JSON and read again".to_owned(),
        actual: format!("`{}`", clean_line(&error.to_string(), 200)),
    }
}

/// The rules for what a kind says of itself, for kinds that are no components. Returns the schema of their specifications.
///
/// # Errors
/// `BadDescription` and `BadSchema`, as for a component.
pub fn check_description(given: &Description) -> Result<Schema, LoadError> {
    check_parts(&given.kind, &given.version, given.spec_schema.to_string().len(), &given.reattach)?;
    Schema::new(given.spec_schema.clone()).map_err(LoadError::BadSchema)
}

pub(crate) fn check_parts(
    kind: &str,
    version: &str,
    schema_bytes: usize,
    reattach: &Reattach,
) -> Result<(), LoadError> {
    let bad = |what, expected: &str, actual: &str| {
        let (expected, actual) = (expected.to_owned(), format!("`{}`", clean_line(actual, 120)));
        Err(LoadError::BadDescription { what, expected, actual })
    };
    if !is_kind_name(kind) {
        return bad("kind", "1 to 64 of `a-z`, `0-9` and `-`, beginning with a letter", kind);
    }
    if version.len() > VERSION_BYTES || semver::Version::parse(version).is_err() {
        return bad("version", "a semantic version such as `1.0.0`, of at most 128 bytes", version);
    }
    if schema_bytes > SCHEMA_BYTES {
        return bad("spec-schema", &format!("at most {SCHEMA_BYTES} bytes"), &format!("{schema_bytes} bytes"));
    }
    if let Reattach::AsSpec(pointer) = reattach {
        if pointer.len() > POINTER_BYTES {
            let actual = format!("{} bytes", pointer.len());
            return bad("can-reattach", &format!("a JSON pointer of at most {POINTER_BYTES} bytes"), &actual);
        }
        if !is_json_pointer(pointer) {
            let expected = "a JSON pointer: empty or beginning with `/`, and each `~` followed by `0` or `1`";
            return bad("can-reattach", expected, pointer);
        }
    }
    Ok(())
}

fn is_kind_name(name: &str) -> bool {
    name.len() <= limit::KIND_BYTES
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether a text is a JSON pointer as RFC 6901 has it.
fn is_json_pointer(text: &str) -> bool {
    (text.is_empty() || text.starts_with('/')) && text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}
