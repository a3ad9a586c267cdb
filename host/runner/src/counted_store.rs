//! The runner's store, with each call counted that it could not carry out.
//! Does not try again or change an answer.

use std::sync::Arc;

use taskwright_store::{Store, StoreError};

use crate::metric;

/// A store behind a count.
pub(crate) struct CountedStore {
    inner: Arc<dyn Store>,
}

impl CountedStore {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner }
    }

    async fn through<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        call.await.inspect_err(|error| metric::store_error(verb, error))
    }
}

taskwright_store::store_through!(CountedStore);
