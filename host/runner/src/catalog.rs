//! The kinds a runner knows, and what the operator allows each of them.
//! Does not load components: the sandbox does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use taskwright_sandbox::{Budget, FolderGrant, Grants, Kind};

use crate::RunnerError;

/// What the operator allows a kind. The default is nothing beyond the clock and the default budget.
#[derive(Debug, Clone, Default)]
pub struct KindSettings {
    /// What its instances may touch.
    pub grants: Grants,
    /// What an attempt may use; the kind's own wishes, within the operator's defaults, if absent.
    pub budget: Option<Budget>,
}

impl KindSettings {
    /// Grants a folder, read-only. The guest sees it as `/NAME`.
    #[must_use]
    pub fn folder(mut self, name: impl Into<String>, host_path: impl Into<PathBuf>) -> Self {
        self.grants.folders.push(FolderGrant { name: name.into(), host_path: host_path.into() });
        self
    }

    /// Sets the budget of an attempt.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }
}

/// A kind with its settings.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) kind: Arc<Kind>,
    pub(crate) settings: KindSettings,
}

/// All kinds, by name.
#[derive(Default)]
pub(crate) struct Catalog {
    entries: RwLock<BTreeMap<String, Entry>>,
}

impl Catalog {
    /// Adds a kind. The same component again replaces its settings; another one of the same name is refused.
    pub(crate) fn add(&self, kind: Arc<Kind>, settings: KindSettings) -> Result<(), RunnerError> {
        let name = kind.description().kind.clone();
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(present) = entries.get(&name).filter(|present| present.kind.digest() != kind.digest()) {
            return Err(RunnerError::DuplicateKind {
                kind: name,
                present: present.kind.digest().to_owned(),
                given: kind.digest().to_owned(),
            });
        }
        entries.insert(name, Entry { kind, settings });
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Result<Entry, RunnerError> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(name).cloned().ok_or_else(|| RunnerError::UnknownKind {
            kind: taskwright_registry::clean_line(name, 80),
            known: entries.keys().cloned().collect(),
        })
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    pub(crate) fn all(&self) -> Vec<Entry> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
