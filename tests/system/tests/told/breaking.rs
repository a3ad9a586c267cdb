//! A store that a host cannot reach any more from some moment on: as good as a dead host, to all others.
//! Does not come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use taskwright_runner::store::store_through;
use taskwright_runner::store::{Store, StoreError};

struct Breaking {
    inner: Arc<dyn Store>,
    broken: Arc<AtomicBool>,
}

impl Breaking {
    async fn through<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable { reason: format!("`{verb}` cannot get there") });
        }
        call.await
    }
}

store_through!(Breaking);

/// When it breaks.
pub(crate) struct Breaks(Arc<AtomicBool>);

impl Breaks {
    pub(crate) fn now(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub(crate) fn breaking(inner: Arc<dyn Store>) -> (Arc<dyn Store>, Breaks) {
    let broken = Arc::new(AtomicBool::new(false));
    (Arc::new(Breaking { inner, broken: broken.clone() }), Breaks(broken))
}
