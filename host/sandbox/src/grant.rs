//! What an instance may touch beyond the contract, and how an operator changes it while instances run.
//! Does not decide who gets it: the operator does, through the runner.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

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
    own: Arc<RwLock<Arc<Grants>>>,
    within: Option<Arc<Within>>,
}

/// The grants that bound others, and what was left when they were looked at last.
#[derive(Debug)]
struct Within {
    bounds: Vec<LiveGrants>,
    looked: Mutex<Option<Looked>>,
}

/// What was looked at, and what it came to.
#[derive(Debug)]
struct Looked {
    at: Vec<Arc<Grants>>,
    left: Arc<Grants>,
}

impl LiveGrants {
    /// What is granted now. The same grants are the same `Arc` until one of those that they depend on is replaced.
    #[must_use]
    pub fn current(&self) -> Arc<Grants> {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(within) = &self.within else { return own };
        let mut at = vec![own];
        at.extend(within.bounds.iter().map(LiveGrants::current));
        let mut looked = within.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(looked) = looked.as_ref()
            && looked.at.iter().zip(&at).all(|(then, now)| Arc::ptr_eq(then, now))
        {
            return looked.left.clone();
        }
        let left = at[1..].iter().fold((*at[0]).clone(), |left, most| left.narrowed_by(most));
        let left = Arc::new(left);
        *looked = Some(Looked { at, left: left.clone() });
        left
    }

    /// Grants this instead. Nothing that is revoked can be used by a call that begins after this has returned.
    pub fn replace(&self, grants: Grants) {
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(grants);
    }

    /// These grants, as far as all the others grant it too, whatever replaces one of them.
    #[must_use]
    pub fn within(&self, bounds: Vec<LiveGrants>) -> LiveGrants {
        if bounds.is_empty() {
            return self.clone();
        }
        let bounds = bounds.into_iter().chain(self.within.iter().flat_map(|within| within.bounds.clone())).collect();
        Self { own: self.own.clone(), within: Some(Arc::new(Within { bounds, looked: Mutex::default() })) }
    }
}

impl From<Grants> for LiveGrants {
    fn from(grants: Grants) -> Self {
        Self { own: Arc::new(RwLock::new(Arc::new(grants))), within: None }
    }
}
