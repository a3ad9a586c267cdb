//! The thread of an instance with folders, and the descriptors that it begins with: places are waited for, and never taken from others.
//! Does not run the instance: `life` does, on the thread.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::AttemptError;
use crate::files::PER_INSTANCE;
use crate::life::{Call, Grave, Plan, Shared, live};
use crate::shared_pool::{PoolShare, SharedPool, Taken};

/// What instances with folders share.
#[derive(Debug, Clone)]
pub(crate) struct FilePools {
    threads: Arc<SharedPool>,
    pub(crate) descriptors: Arc<SharedPool>,
    syncs: Arc<SharedPool>,
}

/// Files that are on their way to a disk at one time. More would not get there sooner.
const SYNCS: u64 = 4;

impl FilePools {
    /// With so many of each.
    pub(crate) fn new(threads: u64, descriptors: u64) -> Self {
        Self {
            threads: SharedPool::new(threads),
            descriptors: SharedPool::new(descriptors),
            syncs: SharedPool::new(SYNCS),
        }
    }

    /// What an owner may take of them.
    pub(crate) fn share(&self, owner: Option<&str>) -> FileShare {
        FileShare {
            threads: self.threads.share(owner),
            descriptors: self.descriptors.share(owner),
            syncs: self.syncs.share(owner),
        }
    }
}

/// What one owner's instances with folders may take.
#[derive(Debug, Clone)]
pub(crate) struct FileShare {
    threads: PoolShare,
    pub(crate) descriptors: PoolShare,
    pub(crate) syncs: PoolShare,
}

/// What an instance has while it exists.
pub(crate) struct FilePlaces {
    _thread: Taken,
    _descriptors: Taken,
}

impl FileShare {
    async fn take(&self, folders: u64) -> Result<FilePlaces, AttemptError> {
        let within = async |share: &PoolShare, count, what| {
            let taken = share.take(count).await;
            taken.map_err(|_| AttemptError::NoFilePlace { what, allowed: share.allowed() })
        };
        Ok(FilePlaces {
            _thread: within(&self.threads, 1, "threads").await?,
            _descriptors: within(&self.descriptors, folders + PER_INSTANCE, "descriptors").await?,
        })
    }
}

/// Runs an instance on a thread of its own once there is room for it.
pub(crate) async fn live_on_a_thread(mut plan: Plan, calls: mpsc::UnboundedReceiver<Call>, shared: Arc<Shared>) {
    let mut grave = Grave(Some(shared.clone()));
    let taken = tokio::select! {
        biased;
        why = shared.wait_for_stop() => return shared.bury(AttemptError::Stopped(why)),
        taken = plan.file_share.take(plan.folder_count()) => taken,
    };
    match taken {
        Ok(places) => plan.file_places = Some(places),
        Err(error) => return shared.bury(error),
    }
    let runtime = Handle::current();
    let thread = std::thread::Builder::new().name("taskwright-guest".to_owned());
    let life = live(plan, calls, shared.clone());
    match thread.spawn(move || runtime.block_on(life)) {
        // From here on `live` says how it ends.
        Ok(_) => drop(grave.0.take()),
        // The system lets this process have fewer than it was told to use.
        Err(error) => {
            tracing::warn!(%error, "no thread for an instance with folders");
            shared.bury(AttemptError::NoFilePlace { what: "threads", allowed: 0 });
        }
    }
}
