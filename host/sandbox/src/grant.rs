//! What an instance may touch beyond the contract, and how an operator changes it while instances run.
//! Does not decide who gets it: the operator does, through the runner.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use crate::{HttpGrant, SpawnGrant};

/// What may be done in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Read alone.
    #[default]
    Read,
    /// Read, and change what lies there.
    Write,
}

/// A folder of the host's that a guest may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderGrant {
    /// It appears as `/NAME` in the guest.
    pub name: String,
    /// Where it lies on the host.
    pub host_path: PathBuf,
    /// What may be done there.
    pub access: Access,
}

impl FolderGrant {
    /// A folder to read from.
    pub fn read(name: impl Into<String>, host_path: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), host_path: host_path.into(), access: Access::Read }
    }
}

/// Everything that one instance is granted. The default is nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// Folders.
    pub folders: Vec<FolderGrant>,
    /// Whether it gets a folder of its task's own, `/task`, to read and write within the budget's `file_bytes`.
    pub task_folder: bool,
    /// Requests over HTTP, by the names of the kind's wants.
    pub http: Vec<HttpGrant>,
    /// Child tasks.
    pub spawner: Option<SpawnGrant>,
}

/// Grants that may change while instances exist. Clones are the same grants: what replaces them holds for each instance that
/// was given a clone, from its next call on.
#[derive(Debug, Clone, Default)]
pub struct LiveGrants {
    current: Arc<RwLock<Arc<Grants>>>,
}

impl LiveGrants {
    /// What is granted now.
    #[must_use]
    pub fn current(&self) -> Arc<Grants> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Grants this instead. Nothing that is revoked can be used by a call that begins after this has returned.
    pub fn replace(&self, grants: Grants) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(grants);
    }
}

impl From<Grants> for LiveGrants {
    fn from(grants: Grants) -> Self {
        Self { current: Arc::new(RwLock::new(Arc::new(grants))) }
    }
}
