//! An artifact that an instance wants to leave behind, and the contract's rules for it.
//! Does not count bytes: that is `meter`.

use taskwright_registry::{clean_line, limit};

use crate::Refusal;
use crate::meter::at_most;

/// What an artifact consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactContent {
    /// What was drafted under the artifact's name.
    Draft,
    /// These bytes.
    Bytes(Vec<u8>),
    /// It lies elsewhere.
    Url(String),
}

/// An artifact that an instance wants to leave behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArtifact {
    /// A file name; see `check_artifact_name`.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// What it consists of.
    pub content: ArtifactContent,
}

impl NewArtifact {
    /// The contract's rules for an artifact as a whole.
    ///
    /// # Errors
    /// `Invalid` or `LimitExceeded` for the first thing that is wrong with name, media type or address.
    pub fn check(&self) -> Result<(), Refusal> {
        check_artifact_name(&self.name)?;
        at_most("artifact_type_bytes", self.media_type.len() as u64, limit::ARTIFACT_TYPE_BYTES as u64)?;
        if self.media_type.is_empty() || clean_line(&self.media_type, self.media_type.len()) != self.media_type {
            return Err(Refusal::Invalid("media-type: must be a text without control characters".to_owned()));
        }
        if let ArtifactContent::Url(url) = &self.content {
            at_most("artifact_url_bytes", url.len() as u64, limit::ARTIFACT_URL_BYTES as u64)?;
        }
        Ok(())
    }
}

/// The contract's rules for the name of an artifact: a file name that cannot leave its folder.
///
/// # Errors
/// `Invalid` or `LimitExceeded` for the first rule that the name breaks.
pub fn check_artifact_name(name: &str) -> Result<(), Refusal> {
    let refuse = |problem: &str| Err(Refusal::Invalid(format!("name: {problem}: `{}`", clean_line(name, 200))));
    at_most("artifact_name_bytes", name.len() as u64, limit::ARTIFACT_NAME_BYTES as u64)?;
    if name.is_empty() {
        return refuse("must not be empty");
    }
    if name.starts_with('.') {
        return refuse("must not begin with a dot");
    }
    if name.contains(['/', '\\']) {
        return refuse("must not hold `/` or `\\`");
    }
    if clean_line(name, name.len()) != name {
        return refuse("must not hold control characters");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_leave_its_folder_is_refused() {
        for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "a\u{0}b", "a\nb", &"x".repeat(129)] {
            assert!(check_artifact_name(name).is_err(), "{name:?}");
        }
        for name in ["a", "report.json", "Übersicht 1.txt", &"x".repeat(128)] {
            assert!(check_artifact_name(name).is_ok(), "{name:?}");
        }
    }
}
