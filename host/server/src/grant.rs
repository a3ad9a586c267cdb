//! Grants as the command line gives them, and whether they are what a kind wants.
//! Does not open the folders for a guest: the sandbox does.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result};
use taskwright_registry::{Description, Want, clean_line};
use taskwright_runner::KindSettings;
use taskwright_sandbox::{toml_key, toml_text};

use crate::config::{Config, FILE};
use crate::exit_code::refused;
use crate::home::Home;

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
        if folder.is_empty() || !usable_name(name) || kind.as_deref().is_some_and(|kind| !usable_name(kind)) {
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

/// What a kind is allowed: by the configuration, and by the grants of the command line that are meant for it. Where both name
/// a folder, the command line's is the one.
pub(crate) fn settings(config: &Config, kind: &str, grants: &[Grant]) -> Result<KindSettings> {
    Ok(with_named(config.kind(kind)?, kind, grants))
}

/// Puts the grants of the command line that are meant for a kind in the place of those of the same name.
fn with_named(mut settings: KindSettings, kind: &str, grants: &[Grant]) -> KindSettings {
    for grant in grants.iter().filter(|grant| grant.kind.as_ref().is_none_or(|meant| meant == kind)) {
        settings.grants.folders.retain(|folder| folder.name != grant.name);
        settings = settings.folder(grant.name.clone(), grant.folder.clone());
    }
    settings
}

/// What is left of earlier settings where `allowed` is an error: folders of the command line stay, and of the rest what the
/// configuration still names.
pub(crate) fn left_of(config: &Config, kind: &str, grants: &[Grant], before: &KindSettings) -> KindSettings {
    with_named(config.left_of(kind, before), kind, grants)
}

/// As `settings`, for a kind that is about to be run or served: none of the folders may be the host's own.
pub(crate) fn allowed(home: &Home, config: &Config, kind: &str, grants: &[Grant]) -> Result<KindSettings> {
    let own = home.own_paths()?;
    own.keep_ways(config, kind)?;
    let settings = settings(config, kind, grants)?;
    own.add_config(config)?;
    own.check(config, &settings)?;
    Ok(settings)
}

/// Refuses grants that the kind did not ask for.
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
    Ok(())
}

/// What would give a kind something that it wants.
pub(crate) fn how(kind: &str, want: &Want) -> String {
    let name = clean_line(&want.name, 80);
    let (table, text) = (format!("kinds.{}", toml_key(kind)), toml_text(&name));
    match want.capability.as_str() {
        "files" if name == "task" => format!("[{table}] task_folder = true in {FILE}"),
        "files" => {
            let key = toml_key(&name);
            format!("--grant {name}=DIR, or [{table}.folders] {key} = {{ path = \"DIR\" }} in {FILE}")
        }
        "http" => format!("[[{table}.http]] name = {text} allow = [\"https://HOST\"] in {FILE}"),
        "spawner" => format!("[{table}.spawner] kinds = [\"KIND\"] in {FILE}"),
        _ => "nothing: this version does not know it".to_owned(),
    }
}

/// What a kind needs and was not granted, with what would grant it.
pub(crate) fn missing(description: &Description, settings: &KindSettings) -> Option<String> {
    let want = description.wants.iter().find(|want| want.required && !settings.grants.hold(want))?;
    let (kind, name) = (&description.kind, clean_line(&want.name, 80));
    let reason = clean_line(&want.reason, 200);
    let what = match want.capability.as_str() {
        "files" => format!("the folder `{name}`"),
        other => format!("`{}` `{name}`", clean_line(other, 40)),
    };
    Some(format!("the kind `{kind}` needs {what} ({reason}); allow it with {}", how(kind, want)))
}

/// Whether a folder can have this name.
pub(crate) fn usable_name(word: &str) -> bool {
    !word.is_empty() && !word.starts_with('.') && !word.contains(['/', '\\', '\0'])
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

    #[test]
    fn what_would_give_it_names_it_as_the_file_has_to() {
        for name in ["files", "a.b", "two words", "a\"b", "back\\slash", "", "ä", "tab\there"] {
            let table: toml::Table = format!("{} = {}", toml_key(name), toml_text(name)).parse().unwrap();
            assert_eq!(table.iter().collect::<Vec<_>>(), [(&name.to_owned(), &toml::Value::from(name))]);
        }
        let want = |capability: &str, name: &str| Want {
            capability: capability.to_owned(),
            name: name.to_owned(),
            reason: String::new(),
            required: true,
        };
        let folder = how("my.kind", &want("files", "a.b"));
        assert!(folder.contains(r#"--grant a.b=DIR, or [kinds."my.kind".folders] "a.b" = {"#), "{folder}");
        let http = how("poll", &want("http", "a.b"));
        assert!(http.contains(r#"[[kinds.poll.http]] name = "a.b" allow"#), "{http}");
    }
}
