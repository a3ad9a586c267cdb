//! A store that fails once: before the Nth call of the host, or after it, so that the reply is lost; or for good, from a moment on.
//! Does not fail calls that a test makes for the session's user: those stand in `as_user`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use taskwright_runner::store::{Store, StoreError};

tokio::task_local! {
    static USER: ();
}

/// Runs something whose calls to the store are the user's, and are neither counted nor failed.
pub async fn as_user<T>(what: impl Future<Output = T>) -> T {
    USER.scope((), what).await
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing has happened, and the caller is told so.
    Before,
    /// It has happened, and the caller does not know.
    After,
    /// Nothing has happened, and the caller is told that it never will.
    Refused,
    /// The call does not return.
    Silent,
}

/// Which call fails, and how.
#[derive(Debug)]
pub struct FaultPlan {
    nth: u64,
    fault: Fault,
    calls: AtomicU64,
    hit: Mutex<Option<&'static str>>,
    broken: Mutex<Option<Fault>>,
}

impl FaultPlan {
    /// The `nth` call from 1; none if it is 0.
    #[must_use]
    pub fn new(nth: u64, fault: Fault) -> Arc<Self> {
        Arc::new(Self { nth, fault, calls: AtomicU64::new(0), hit: Mutex::default(), broken: Mutex::default() })
    }

    /// The verb that failed, if one has.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn hit(&self) -> Option<&'static str> {
        *self.hit.lock().expect("no panic under the lock")
    }

    /// From now on every call of the host fails.
    ///
    /// # Panics
    /// Never.
    pub fn break_for_good(&self, fault: Fault) {
        *self.broken.lock().expect("no panic under the lock") = Some(fault);
    }

    fn next(&self, verb: &'static str) -> Option<Fault> {
        if let Some(fault) = *self.broken.lock().expect("no panic under the lock")
            && USER.try_with(|()| ()).is_err()
        {
            return Some(fault);
        }
        if USER.try_with(|()| ()).is_ok() || self.calls.fetch_add(1, Ordering::SeqCst) + 1 != self.nth {
            return None;
        }
        *self.hit.lock().expect("no panic under the lock") = Some(verb);
        Some(self.fault)
    }

    async fn run<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.next(verb) {
            None => call.await,
            Some(Fault::Before) => Err(StoreError::Unavailable { reason: format!("`{verb}` was made to fail") }),
            Some(Fault::Refused) => Err(StoreError::Refused { reason: format!("`{verb}` was made to be refused") }),
            Some(Fault::Silent) => std::future::pending().await,
            Some(Fault::After) => {
                call.await?;
                Err(StoreError::Unknown { reason: format!("the reply to `{verb}` was made to be lost") })
            }
        }
    }
}

/// The store.
#[derive(Clone)]
pub struct FaultStore {
    inner: Arc<dyn Store>,
    plan: Arc<FaultPlan>,
}

impl FaultStore {
    /// A store that fails as planned.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

impl FaultStore {
    async fn through<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.plan.run(verb, call).await
    }
}

taskwright_runner::store::store_through!(FaultStore);
