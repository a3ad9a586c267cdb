//! How many descriptors one instance has open: within its budget, and within what its session may have of the host's.
//! Does not open anything: whoever does asks first and keeps the place for as long.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Refused;
use crate::meter::Meter;
use crate::shared_pool::{PoolShare, Taken};

/// What an instance with folders takes beside those folders: a call opens the folders of a path while it goes along it, and what lies
/// in the task's own is counted when the instance is made.
pub(crate) const PER_INSTANCE: u64 = 3;
/// How long a guest waits for a descriptor where all of the host's are in use and its own session has not had its share.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an instance opens files from.
#[derive(Debug)]
pub(super) struct OpenFiles {
    meter: Arc<Meter>,
    share: PoolShare,
}

impl OpenFiles {
    pub(super) fn new(meter: Arc<Meter>, share: PoolShare) -> Self {
        Self { meter, share }
    }

    /// Takes the place of one more descriptor.
    pub(super) async fn take(&self) -> Result<Arc<OpenPlace>, Refused> {
        if !self.meter.opens_file() {
            return Err(Refused::OpenFiles);
        }
        let counted = Counted(self.meter.clone());
        let taken = self.share.take_unless(1, Instant::now() + PATIENCE, |why| why.own_share).await;
        match taken {
            Ok(taken) => Ok(Arc::new(OpenPlace { _counted: counted, _taken: taken })),
            Err(_) => {
                metrics::counter!("taskwright_descriptors_refused_total").increment(1);
                Err(Refused::Descriptors)
            }
        }
    }
}

/// Takes one from the meter's count when it is dropped.
#[derive(Debug)]
struct Counted(Arc<Meter>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.closes_file();
    }
}

/// The place of a descriptor. What shares the descriptor shares the place.
#[derive(Debug)]
pub(super) struct OpenPlace {
    _counted: Counted,
    _taken: Taken,
}
