//! The files to search, one after the other, in the order of their names.
//! It does not read files, except for the ignore files on its way.

use std::rc::Rc;
use std::vec;

use crate::folder::{Entry, EntryType, Folder};
use crate::ignored::{Choice, Rules};
use crate::place::Place;

/// A folder that the walk is in.
#[derive(Debug)]
struct Level {
    folder: Rc<Folder>,
    path: String,
    rules: Rules,
    entries: vec::IntoIter<Entry>,
}

/// What the walk comes upon.
#[derive(Debug)]
pub(crate) enum Step {
    /// A file to search.
    File { folder: Rc<Folder>, name: String, path: String },
    /// A folder was entered.
    Entered,
    /// Something that cannot be read, and why.
    Unreadable { path: String, why: String },
}

/// A walk that is under way.
#[derive(Debug)]
pub(crate) struct Walk {
    choice: Choice,
    levels: Vec<Level>,
    /// What comes before the entries of the levels.
    next: Option<Step>,
}

impl Walk {
    pub(crate) fn new(place: Place, choice: Choice) -> Self {
        let mut walk = Self { choice, levels: Vec::new(), next: None };
        walk.next = Some(match place {
            Place::File(folder, name, path) => Step::File { folder, name, path },
            Place::Folder(folder, path, rules) => walk.enter(folder, path, &rules),
        });
        walk
    }

    /// The next thing that the walk comes upon.
    pub(crate) fn step(&mut self) -> Option<Step> {
        if let Some(next) = self.next.take() {
            return Some(next);
        }
        loop {
            let level = self.levels.last_mut()?;
            let Some(entry) = level.entries.next() else {
                self.levels.pop();
                continue;
            };
            let path = join(&level.path, &entry.name);
            if entry.kind == EntryType::Other || self.choice.leaves_out(&level.rules, &path, &entry) {
                continue;
            }
            if entry.kind == EntryType::File {
                return Some(Step::File { folder: Rc::clone(&level.folder), name: entry.name, path });
            }
            return Some(match level.folder.folder(&entry.name) {
                Ok(folder) => {
                    let rules = level.rules.clone();
                    self.enter(folder, path, &rules)
                }
                Err(why) => Step::Unreadable { path, why },
            });
        }
    }

    fn enter(&mut self, folder: Folder, path: String, rules: &Rules) -> Step {
        let found = match folder.entries() {
            Ok(found) => found,
            Err(why) => return Step::Unreadable { path, why },
        };
        let rules = rules.of_folder(&folder, &path, &found.entries);
        let step = match found.unreadable {
            0 => Step::Entered,
            count => {
                let why = format!("{count} of its entries cannot be read, perhaps because their names are not UTF-8");
                Step::Unreadable { path: path.clone(), why }
            }
        };
        self.levels.push(Level { folder: Rc::new(folder), path, rules, entries: found.entries.into_iter() });
        step
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}
