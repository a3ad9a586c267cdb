//! Which files are left out: by `.gitignore` and `.ignore`, by the specification's globs, and because they are hidden.
//! It does not know ignore files outside of the granted folder, such as a person's own.

use std::rc::Rc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use ignore::overrides::{Override, OverrideBuilder};
use taskwright_guest::Failure;

use crate::folder::{Entry, EntryType, Folder};
use crate::spec::Spec;

/// The ignore files of one folder.
#[derive(Debug)]
struct Level {
    git: Option<Gitignore>,
    plain: Option<Gitignore>,
    /// Whether a repository begins here, to which the `.gitignore` files above do not apply.
    repository: bool,
    above: Option<Rc<Level>>,
}

/// The ignore files of a folder and of all folders above it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules(Option<Rc<Level>>);

impl Rules {
    /// These rules and those of a folder below. Reads no more than the ignore files that are there.
    pub(crate) fn of_folder(&self, folder: &Folder, path: &str, entries: &[Entry]) -> Self {
        let has = |name: &str| entries.iter().any(|entry| entry.name == name);
        let read = |name: &str| if has(name) { parse(folder, path, name) } else { None };
        let (git, plain, repository) = (read(".gitignore"), read(".ignore"), has(".git"));
        if git.is_none() && plain.is_none() && !repository {
            return self.clone();
        }
        Self(Some(Rc::new(Level { git, plain, repository, above: self.0.clone() })))
    }

    /// What the rules say of a path: `.ignore` before `.gitignore`, deeper folders before those above.
    fn say(&self, path: &str, is_folder: bool) -> Match<()> {
        let levels = || std::iter::successors(self.0.as_deref(), |level| level.above.as_deref());
        let plain = levels().filter_map(|level| level.plain.as_ref());
        // Those of the repository alone: its own folder is the last one.
        let repository = levels().position(|level| level.repository).map_or(usize::MAX, |depth| depth + 1);
        let git = levels().take(repository).filter_map(|level| level.git.as_ref());
        let mut said = plain.chain(git).map(|rules| rules.matched(path, is_folder).map(drop));
        said.find(|said| !said.is_none()).unwrap_or(Match::None)
    }
}

/// An ignore file. One that cannot be read says nothing, and neither does a line that is no glob.
fn parse(folder: &Folder, path: &str, name: &str) -> Option<Gitignore> {
    let mut file = folder.file(name).ok()?;
    let mut bytes = Vec::new();
    loop {
        let (more, goes_on) = file.read(bytes.len() as u64).ok()?;
        bytes.extend(more);
        if !goes_on {
            break;
        }
    }
    let mut builder = GitignoreBuilder::new(format!("/{path}"));
    for line in String::from_utf8_lossy(&bytes).lines() {
        let _ = builder.add_line(None, line.trim_start_matches('\u{feff}'));
    }
    builder.build().ok().filter(|rules| !rules.is_empty())
}

/// What a specification leaves out.
#[derive(Debug)]
pub(crate) struct Choice {
    globs: Override,
    hidden: bool,
}

impl Choice {
    /// What this specification leaves out.
    pub(crate) fn of(spec: &Spec) -> Result<Self, Failure> {
        let bad = |error: ignore::Error| {
            Failure::new("bad_glob", format!("{error}: globs are like `*.rs`, or `!*.lock` to leave files out"))
        };
        let mut builder = OverrideBuilder::new("/");
        for glob in &spec.globs {
            builder.add(glob).map_err(bad)?;
        }
        Ok(Self { globs: builder.build().map_err(bad)?, hidden: spec.hidden })
    }

    /// Whether an entry is left out.
    pub(crate) fn leaves_out(&self, rules: &Rules, path: &str, entry: &Entry) -> bool {
        let is_folder = entry.kind == EntryType::Folder;
        // The matchers know paths from their root on.
        let path = format!("/{path}");
        match self.globs.matched(&path, is_folder).map(drop) {
            Match::Ignore(()) => return true,
            Match::Whitelist(()) => return false,
            Match::None => {}
        }
        match rules.say(&path, is_folder) {
            Match::Ignore(()) => true,
            Match::Whitelist(()) => false,
            Match::None => !self.hidden && entry.name.starts_with('.'),
        }
    }
}
