//! The kinds a runner knows, and what the operator allows those that are components.
//! Does not load components: the sandbox does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use taskwright_registry::{Description, Task};
use taskwright_sandbox::{Access, Budget, FolderGrant, Grants, HttpGrant, LiveGrants, SpawnGrant};

use crate::RunnerError;
use crate::kind::Kind;

/// What the operator allows a component. The default is nothing beyond the clock and the default budget.
#[derive(Debug, Clone)]
pub struct KindSettings {
    /// What its instances may touch.
    pub grants: Grants,
    /// What an attempt may use where it is limited here, in place of the sandbox's default and the kind's wish. What it
    /// leaves without a limit stays as those two say.
    pub budget: Budget,
    /// Tasks of the kind are created here and run by other hosts, with grants of their own: nothing is asked of these, and
    /// nothing of the kind is claimed.
    pub runs_elsewhere: bool,
}

impl Default for KindSettings {
    fn default() -> Self {
        Self { grants: Grants::default(), budget: Budget::UNLIMITED, runs_elsewhere: false }
    }
}

impl KindSettings {
    /// Grants a folder, read-only. The guest sees it as `/NAME`.
    #[must_use]
    pub fn folder(mut self, name: impl Into<String>, host_path: impl Into<PathBuf>) -> Self {
        self.grants.folders.push(FolderGrant::read(name, host_path));
        self
    }

    /// Grants requests over HTTP, under the name of one of the kind's wants.
    #[must_use]
    pub fn http(mut self, grant: HttpGrant) -> Self {
        self.grants.http.push(grant);
        self
    }

    /// Tasks of the kind are only created here.
    #[must_use]
    pub fn runs_elsewhere(mut self) -> Self {
        self.runs_elsewhere = true;
        self
    }

    /// Grants a folder, to read and to write. The guest sees it as `/NAME`. Nothing bounds what is written there.
    #[must_use]
    pub fn folder_writable(mut self, name: impl Into<String>, host_path: impl Into<PathBuf>) -> Self {
        self.grants.folders.push(FolderGrant { access: Access::Write, ..FolderGrant::read(name, host_path) });
        self
    }

    /// Grants each task a folder of its own, `/task` in the guest, if the kind wants `files` by the name `task`. What may lie
    /// there is the budget's `file_bytes`.
    #[must_use]
    pub fn task_folder(mut self) -> Self {
        self.grants.task_folder = true;
        self
    }

    /// Lets its instances begin child tasks.
    #[must_use]
    pub fn spawner(mut self, grant: SpawnGrant) -> Self {
        self.grants.spawner = Some(grant);
        self
    }

    /// Sets limits of an attempt.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }
}

/// All kinds, by name.
#[derive(Default)]
pub(crate) struct Catalog {
    kinds: RwLock<BTreeMap<String, Kind>>,
}

impl Catalog {
    /// Adds a kind. The same component again replaces its settings, grants also for instances that exist; anything else of the same name is refused.
    pub(crate) fn add(&self, kind: Kind) -> Result<(), RunnerError> {
        let name = kind.description().kind.clone();
        let mut kinds = self.kinds.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(present) = kinds.get(&name).filter(|present| !present.is_same_code(&kind)) {
            return Err(RunnerError::DuplicateKind { kind: name, present: present.origin(), given: kind.origin() });
        }
        let kind = match kinds.get(&name) {
            Some(present) => kind.replace(present),
            None => kind,
        };
        kinds.insert(name, kind);
        Ok(())
    }

    /// The grants that bound those of a task: of its ancestors' kinds, as they are now. Who is not known here grants nothing.
    pub(crate) fn bounds(&self, task: &Task) -> Vec<LiveGrants> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        let granted = |name: &String| match kinds.get(name) {
            Some(kind) => kind.grants().cloned(),
            None => Some(LiveGrants::default()),
        };
        task.granted_within.iter().filter_map(granted).collect()
    }

    pub(crate) fn get(&self, name: &str) -> Result<Kind, RunnerError> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds.get(name).cloned().ok_or_else(|| RunnerError::UnknownKind {
            kind: taskwright_registry::clean_line(name, 80),
            known: kinds.keys().cloned().collect(),
        })
    }

    /// The kinds whose tasks are run here.
    pub(crate) fn names(&self) -> Vec<String> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds.iter().filter(|(_, kind)| kind.runs_here()).map(|(name, _)| name.clone()).collect()
    }

    /// The names of those that are components.
    pub(crate) fn components(&self) -> Vec<String> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds.iter().filter(|(_, kind)| kind.grants().is_some()).map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn descriptions(&self) -> Vec<Description> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds.values().map(|kind| kind.description().clone()).collect()
    }
}
