//! The stores in files that this process has opened, closed in an orderly way at its end, however that comes about.
//! Does not close a PostgreSQL's connections: the server notices their end.

use std::sync::{Arc, Mutex, PoisonError};

use taskwright_store::SqliteStore;

/// The stores. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenStores(Arc<Mutex<Vec<SqliteStore>>>);

impl OpenStores {
    /// Remembers a store.
    pub(crate) fn add(&self, store: &SqliteStore) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(store.clone());
    }
}

/// Closes the stores when it is dropped: what still uses one by then is told that it is closed.
pub(crate) struct CloseAtEnd(pub(crate) OpenStores);

impl Drop for CloseAtEnd {
    fn drop(&mut self) {
        let stores = std::mem::take(&mut *self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        for store in stores {
            store.close();
        }
    }
}
