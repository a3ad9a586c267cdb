//! The kinds a runner knows, each in the versions that its tasks began with, and what the operator allows them.
//! Does not load components: the sandbox does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use taskwright_registry::{Description, Task, clean_line};
use taskwright_sandbox::{Access, Budget, FolderGrant, Grants, HttpGrant, LiveGrants, SpawnGrant};
use taskwright_store::KindOffer;

use crate::RunnerError;
use crate::kind::Kind;
use crate::metric::OTHER_KIND;
use crate::signal::Signal;

/// What the operator allows a component. The default is nothing beyond the clock and the default budget.
#[derive(Debug, Clone)]
pub struct KindSettings {
    /// What its instances may touch, as far as the kind wants it.
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

/// The code of one kind.
#[derive(Default)]
struct Versions {
    /// What new tasks run.
    newest: Option<Kind>,
    /// What only tasks run that began with it.
    older: Vec<Kind>,
}

impl Versions {
    fn all(&self) -> impl Iterator<Item = &Kind> {
        self.newest.iter().chain(&self.older)
    }

    /// What of it may be claimed here; nothing if its tasks run elsewhere.
    fn offer(&self, kind: &str) -> Option<KindOffer> {
        self.all().any(Kind::runs_here).then(|| KindOffer {
            kind: kind.to_owned(),
            begins: self.newest.is_some(),
            newest: self.newest.as_ref().and_then(Kind::digest).map(str::to_owned),
            older: self.older.iter().filter_map(Kind::digest).map(str::to_owned).collect(),
        })
    }
}

/// All kinds, by name.
pub(crate) struct Catalog {
    kinds: RwLock<BTreeMap<String, Versions>>,
    /// Raised when tasks may be claimed that could not be before.
    pub(crate) grown: Signal<()>,
}

impl Default for Catalog {
    fn default() -> Self {
        Self { kinds: RwLock::default(), grown: Signal::new(()) }
    }
}

impl Catalog {
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Versions>> {
        self.kinds.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Versions>> {
        self.kinds.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a kind for new tasks. The same component again replaces its settings, grants also for instances that exist;
    /// anything else of the same name is refused.
    pub(crate) fn add(&self, kind: Kind) -> Result<(), RunnerError> {
        let name = kind.description().kind.clone();
        {
            let mut kinds = self.write();
            let versions = kinds.entry(name.clone()).or_default();
            match &mut versions.newest {
                Some(present) if present.is_same_code(&kind) => present.take_settings(&kind),
                Some(present) => {
                    return Err(RunnerError::DuplicateKind {
                        kind: name,
                        present: present.origin(),
                        given: kind.origin(),
                    });
                }
                none => *none = Some(begin_with(&mut versions.older, kind)),
            }
        }
        self.grown.change(|()| true);
        Ok(())
    }

    /// Adds a component for new tasks. One that was there stays for the tasks that began with it.
    pub(crate) fn upgrade(&self, kind: Kind) -> Result<(), RunnerError> {
        let name = kind.description().kind.clone();
        {
            let mut kinds = self.write();
            let versions = kinds.entry(name.clone()).or_default();
            match versions.newest.take() {
                Some(native) if native.digest().is_none() => {
                    let present = native.origin();
                    versions.newest = Some(native);
                    return Err(RunnerError::DuplicateKind { kind: name, present, given: kind.origin() });
                }
                Some(mut present) if present.is_same_code(&kind) => {
                    present.take_settings(&kind);
                    versions.newest = Some(present);
                }
                before => {
                    versions.newest = Some(begin_with(&mut versions.older, kind));
                    versions.older.extend(before);
                }
            }
        }
        self.grown.change(|()| true);
        Ok(())
    }

    /// Adds a component for the tasks that began with it.
    pub(crate) fn keep(&self, kind: Kind) {
        {
            let mut kinds = self.write();
            let versions = kinds.entry(kind.description().kind.clone()).or_default();
            match versions.newest.iter_mut().chain(&mut versions.older).find(|present| present.is_same_code(&kind)) {
                Some(present) => present.take_settings(&kind),
                None => versions.older.push(kind),
            }
        }
        self.grown.change(|()| true);
    }

    /// Forgets a kind in all its versions; says whether it was there.
    pub(crate) fn remove(&self, name: &str) -> bool {
        self.write().remove(name).is_some()
    }

    /// Changes what the operator allows a kind, in all its versions.
    pub(crate) fn allow(&self, name: &str, change: impl Fn(&mut KindSettings)) -> Result<(), RunnerError> {
        let mut kinds = self.write();
        let Some(versions) = kinds.get_mut(name) else { return Err(unknown(&kinds, name)) };
        for kind in versions.newest.iter_mut().chain(&mut versions.older) {
            kind.change_settings(&change);
        }
        drop(kinds);
        // Its tasks may be run here from now on.
        self.grown.change(|()| true);
        Ok(())
    }

    /// The grants that bound those of a task: of its ancestors' kinds, as they are now, in whichever version. Who is not
    /// known here grants nothing.
    pub(crate) fn bounds(&self, task: &Task) -> Vec<LiveGrants> {
        let kinds = self.read();
        let granted = |name: &String| match kinds.get(name).and_then(|versions| versions.all().next()) {
            Some(kind) => kind.grants().cloned(),
            None => Some(LiveGrants::default()),
        };
        task.granted_within.iter().filter_map(granted).collect()
    }

    /// The kind as new tasks run it.
    pub(crate) fn get(&self, name: &str) -> Result<Kind, RunnerError> {
        let kinds = self.read();
        kinds.get(name).and_then(|versions| versions.newest.clone()).ok_or_else(|| unknown(&kinds, name))
    }

    /// The kind as a claimed task runs it.
    pub(crate) fn of_task(&self, task: &Task) -> Result<Kind, RunnerError> {
        let kinds = self.read();
        let versions = kinds.get(&task.kind).ok_or_else(|| unknown(&kinds, &task.kind))?;
        let code = task.dispatch.code.as_deref();
        versions.all().find(|kind| kind.digest() == code).cloned().ok_or_else(|| RunnerError::UnknownCode {
            kind: task.kind.clone(),
            code: code.unwrap_or("native code").to_owned(),
            known: versions.all().map(Kind::origin).collect(),
        })
    }

    /// The name of a kind for metrics: what is not here has a name in common, so that names have a bound.
    pub(crate) fn label<'a>(&self, kind: &'a str) -> &'a str {
        if self.read().contains_key(kind) { kind } else { OTHER_KIND }
    }

    /// What of them may be claimed here.
    pub(crate) fn offers(&self) -> Vec<KindOffer> {
        self.read().iter().filter_map(|(name, versions)| versions.offer(name)).collect()
    }

    pub(crate) fn descriptions(&self) -> Vec<Description> {
        self.read().values().filter_map(|versions| Some(versions.newest.as_ref()?.description().clone())).collect()
    }
}

/// A version that is about to be the newest: the one that was kept, if it was, since instances of it may exist.
fn begin_with(older: &mut Vec<Kind>, kind: Kind) -> Kind {
    match older.iter().position(|present| present.is_same_code(&kind)) {
        Some(at) => {
            let mut present = older.remove(at);
            present.take_settings(&kind);
            present
        }
        None => kind,
    }
}

fn unknown(kinds: &BTreeMap<String, Versions>, name: &str) -> RunnerError {
    let begins = kinds.iter().filter(|(_, versions)| versions.newest.is_some());
    RunnerError::UnknownKind { kind: clean_line(name, 80), known: begins.map(|(name, _)| name.clone()).collect() }
}
