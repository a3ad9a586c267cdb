//! Where a search begins: the specification's path, opened under the granted folder.
//! It does not let a path out of that folder, and neither does the host.

use std::path::{Component, Path};
use std::rc::Rc;

use taskwright_guest::Failure;

use crate::GRANT;
use crate::folder::{EntryType, Folder};
use crate::ignored::Rules;

/// What is searched.
#[derive(Debug)]
pub(crate) enum Place {
    /// A folder, its path in the granted folder (empty for that one itself), and the rules of the folders above it.
    Folder(Folder, String, Rules),
    /// A file in a folder, and its path in the granted folder. Nothing that is named leaves it out.
    File(Rc<Folder>, String, String),
}

impl Place {
    /// Opens a path under the granted folder.
    pub(crate) fn open(path: &str) -> Result<Self, Failure> {
        let names = names(path)?;
        let mut folder = Folder::granted(GRANT).ok_or_else(|| {
            let message = format!("no folder is granted as `{GRANT}`: grant one with `--grant {GRANT}=DIR`");
            Failure::new("not_granted", message)
        })?;
        let (mut rules, mut at) = (Rules::default(), String::new());
        for (depth, name) in names.iter().enumerate() {
            let missing = |why: &str| {
                let under = if at.is_empty() { "the granted folder" } else { &at };
                Failure::new("no_such_path", format!("`{path}` cannot be searched: {why} (`{name}` in {under})"))
            };
            let entries = folder.entries().map_err(|why| missing(&why))?;
            rules = rules.of_folder(&folder, &at, &entries.entries);
            let found = entries.entries.iter().find(|entry| entry.name == *name);
            let kind = found.ok_or_else(|| missing("there is no such file or folder"))?.kind;
            let below = if at.is_empty() { (*name).to_owned() } else { format!("{at}/{name}") };
            match kind {
                EntryType::Folder => folder = folder.folder(name).map_err(|why| missing(&why))?,
                EntryType::File if depth + 1 == names.len() => {
                    return Ok(Self::File(Rc::new(folder), (*name).to_owned(), below));
                }
                EntryType::File => return Err(missing("it is a file")),
                EntryType::Other => return Err(missing("it is neither a file nor a folder, or a symbolic link")),
            }
            at = below;
        }
        Ok(Self::Folder(folder, at, rules))
    }
}

/// The names that a path consists of, if it stays in the folder that it starts from.
fn names(path: &str) -> Result<Vec<&str>, Failure> {
    let mut names = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => names.push(name.to_str().unwrap_or_default()),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                let message = format!(
                    "`{path}` leads out of the granted folder: give a path that starts in it, without `/` at its \
                     beginning and without `..`"
                );
                return Err(Failure::new("bad_path", message));
            }
        }
    }
    Ok(names)
}
