//! Grants as the command line gives them, and whether they are what a kind wants.
//! Does not open the folders for a guest: the sandbox does.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result};
use taskwright_registry::{Description, Want, clean_line};
use taskwright_runner::KindSettings;

use crate::exit_code::refused;

/// A folder that a kind may read: `NAME=DIR`, or `KIND:NAME=DIR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Which kind; all that want it, if absent.
    pub(crate) kind: Option<String>,
    /// What the kind calls it.
    pub(crate) name: String,
    /// Where it lies.
    pub(crate) folder: PathBuf,
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no grant: expected NAME=DIR, such as files=.");
        let (name, folder) = text.split_once('=').ok_or_else(wrong)?;
        let (kind, name) = match name.split_once(':') {
            Some((kind, name)) => (Some(kind.to_owned()), name),
            None => (None, name),
        };
        let usable = |word: &str| !word.is_empty() && !word.starts_with('.') && !word.contains(['/', '\\', '\0']);
        if folder.is_empty() || !usable(name) || kind.as_deref().is_some_and(|kind| !usable(kind)) {
            return Err(wrong());
        }
        Ok(Self { kind, name: name.to_owned(), folder: folder.into() })
    }
}

impl Grant {
    /// Makes the folder's path whole, so that it means the same whatever becomes of the working folder.
    fn resolve(&self) -> Result<PathBuf> {
        let found =
            self.folder.canonicalize().with_context(|| format!("--grant {}={}", self.name, self.folder.display()));
        let folder = found.map_err(|error| refused(format!("{error:#}; name a folder that exists")))?;
        if !folder.is_dir() {
            return Err(refused(format!("--grant {}={}: that is no folder", self.name, folder.display())));
        }
        Ok(folder)
    }
}

/// The grants with whole paths. A folder that is not there is refused, whether or not a kind wants it.
pub(crate) fn resolve(grants: &[Grant]) -> Result<Vec<Grant>> {
    grants.iter().map(|grant| Ok(Grant { folder: grant.resolve()?, ..grant.clone() })).collect()
}

/// The settings that hold all the grants that are meant for a kind.
pub(crate) fn settings<'a>(grants: impl IntoIterator<Item = &'a Grant>) -> KindSettings {
    grants
        .into_iter()
        .fold(KindSettings::default(), |settings, grant| settings.folder(grant.name.clone(), grant.folder.clone()))
}

/// The grants that a kind wants, of those that may be meant for it.
pub(crate) fn wanted<'a>(description: &Description, grants: &'a [Grant]) -> Vec<&'a Grant> {
    let meant = |grant: &&Grant| grant.kind.as_ref().is_none_or(|kind| *kind == description.kind);
    let wants =
        |grant: &&Grant| description.wants.iter().any(|want| want.capability == "files" && want.name == grant.name);
    grants.iter().filter(meant).filter(wants).collect()
}

/// Refuses grants that the kind did not ask for, and a kind that lacks what it needs.
pub(crate) fn check(description: &Description, grants: &[Grant]) -> Result<()> {
    let kind = &description.kind;
    let folders: Vec<&str> =
        description.wants.iter().filter(|want| want.capability == "files").map(|want| want.name.as_str()).collect();
    for (at, grant) in grants.iter().enumerate() {
        let name = &grant.name;
        if grant.kind.as_ref().is_some_and(|meant| meant != kind) || !folders.contains(&name.as_str()) {
            let asked = if folders.is_empty() {
                "it wants no folder".to_owned()
            } else {
                format!("it wants: {}", folders.join(", "))
            };
            return Err(refused(format!("the kind `{kind}` does not want a folder `{name}`; {asked}")));
        }
        if grants[..at].iter().any(|other| other.name == *name) {
            return Err(refused(format!("`{name}` is granted twice; leave one --grant out")));
        }
    }
    match missing(description, grants) {
        Some(problem) => Err(refused(problem)),
        None => Ok(()),
    }
}

/// What a kind needs and was not granted, with what would grant it.
pub(crate) fn missing(description: &Description, grants: &[Grant]) -> Option<String> {
    let granted = wanted(description, grants);
    let lacks = |want: &&Want| {
        want.required && !(want.capability == "files" && granted.iter().any(|grant| grant.name == want.name))
    };
    let want = description.wants.iter().find(lacks)?;
    let (kind, name) = (&description.kind, clean_line(&want.name, 80));
    let reason = clean_line(&want.reason, 200);
    Some(if want.capability == "files" {
        format!("the kind `{kind}` needs the folder `{name}` ({reason}); allow it with --grant {name}=DIR")
    } else {
        let capability = clean_line(&want.capability, 40);
        format!("the kind `{kind}` needs `{capability}` `{name}` ({reason}), which this version cannot grant")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_names_a_folder_and_perhaps_a_kind() {
        let grant: Grant = "search-files:files=/a=b:c".parse().unwrap();
        assert_eq!((grant.kind.as_deref(), grant.name.as_str()), (Some("search-files"), "files"));
        assert_eq!(grant.folder, PathBuf::from("/a=b:c"));
        for wrong in ["", "files", "=.", "files=", "../x=.", ".=.", "a/b=.", ":files=."] {
            assert!(wrong.parse::<Grant>().is_err(), "{wrong}");
        }
    }
}
