//! A folder that an instance was given, and whether it still has it.
//! Does not open anything.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Quota, Refused};
use crate::{Access, FolderGrant, Grants, LiveGrants};

/// Where a folder comes from.
enum Source {
    /// The operator granted it.
    Granted(FolderGrant),
    /// It is the task's own.
    Own(Arc<Quota>),
}

/// A folder of one instance.
pub(crate) struct Folder {
    source: Source,
    live: LiveGrants,
    /// The grants that were looked at last, and what they allow here.
    looked: Mutex<(Arc<Grants>, Option<Access>)>,
}

impl Folder {
    /// A folder that the operator grants.
    pub(crate) fn granted(grant: FolderGrant, live: LiveGrants) -> Arc<Self> {
        Self::new(Source::Granted(grant), live)
    }

    /// The task's own folder.
    pub(crate) fn own(quota: Arc<Quota>, live: LiveGrants) -> Arc<Self> {
        Self::new(Source::Own(quota), live)
    }

    fn new(source: Source, live: LiveGrants) -> Arc<Self> {
        let grants = live.current();
        let allowed = allowed(&source, &grants);
        Arc::new(Self { source, live, looked: Mutex::new((grants, allowed)) })
    }

    /// Whose quota counts here.
    pub(super) fn quota(&self) -> Option<&Arc<Quota>> {
        match &self.source {
            Source::Own(quota) => Some(quota),
            Source::Granted(_) => None,
        }
    }

    fn allowed_now(&self) -> Option<Access> {
        let current = self.live.current();
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&looked.0, &current) {
            *looked = (current.clone(), allowed(&self.source, &current));
        }
        looked.1
    }

    pub(super) fn may_read(&self) -> Result<(), Refused> {
        self.allowed_now().map(|_| ()).ok_or(Refused::Access)
    }

    pub(super) fn may_write(&self) -> Result<(), Refused> {
        if self.allowed_now() == Some(Access::Write) { Ok(()) } else { Err(Refused::Access) }
    }
}

/// What grants allow in a folder. One that was granted to read stays so for an instance, also if it may be written to now:
/// `wasmtime-wasi` has opened it to read.
fn allowed(source: &Source, grants: &Grants) -> Option<Access> {
    match source {
        Source::Own(_) => grants.task_folder.then_some(Access::Write),
        Source::Granted(born) => {
            let same = |grant: &&FolderGrant| grant.name == born.name && grant.host_path == born.host_path;
            let now = grants.folders.iter().find(same)?.access;
            Some(if born.access == Access::Write { now } else { Access::Read })
        }
    }
}
