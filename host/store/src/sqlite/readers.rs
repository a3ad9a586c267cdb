//! A small pool of connections that read, each on a thread of its own.
//! Does not write: its connections cannot.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::close::Alive;
use super::identity::Identity;
use super::rows::SqliteRows;
use super::{SqliteOptions, connect, spawn};
use crate::StoreError;

enum Read {
    Run(Box<dyn FnOnce(&Connection) + Send>),
    /// One of them ends.
    End,
}

/// The pool; its threads end with its last clone.
#[derive(Clone)]
pub(super) struct Readers {
    reads: Sender<Read>,
    identity: Arc<Identity>,
    count: usize,
}

impl Readers {
    /// Opens the connections and starts the threads.
    pub(super) fn open(
        path: &Path,
        options: &SqliteOptions,
        identity: &Arc<Identity>,
        alive: &Alive,
    ) -> Result<Self, StoreError> {
        let (reads, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        let count = options.readers.max(1);
        for _ in 0..count {
            let connection = connect::reader(path, options)?;
            let (queue, alive, identity) = (Arc::clone(&queue), alive.readers.clone(), Arc::clone(identity));
            spawn("taskwright-read", move || {
                work(&connection, &queue);
                identity.leave_alone_if_gone(&connection);
                drop(connection);
                drop(alive);
            })?;
        }
        Ok(Self { reads, identity: Arc::clone(identity), count })
    }

    /// Lets each of them end after the reads that wait already.
    pub(super) fn end(&self) {
        for _ in 0..self.count {
            // One that has ended needs no order.
            let _ = self.reads.send(Read::End);
        }
    }

    /// Runs `read` in a transaction of its own, so that it sees one state of the store.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut SqliteRows<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, outcome) = oneshot::channel();
        let identity = Arc::clone(&self.identity);
        let closed = || StoreError::Unavailable { reason: "the store's readers are gone".to_owned() };
        let job = Box::new(move |connection: &Connection| {
            // A caller that no longer waits need not hear.
            let _ = reply.send(identity.check().and_then(|()| snapshot(connection, read)));
        });
        self.reads.send(Read::Run(job)).map_err(|_| closed())?;
        outcome.await.map_err(|_| closed())?
    }
}

fn snapshot<T>(
    connection: &Connection,
    read: impl FnOnce(&mut SqliteRows<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let outcome = catch_unwind(AssertUnwindSafe(|| read(&mut SqliteRows::new(connection)))).unwrap_or_else(|_| {
        tracing::error!("a read panicked");
        Err(StoreError::Unavailable { reason: "the read panicked".to_owned() })
    });
    connection.prepare_cached("ROLLBACK")?.execute([])?;
    outcome
}

fn work(connection: &Connection, queue: &Mutex<Receiver<Read>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(Read::Run(read)) => read(connection),
            Ok(Read::End) | Err(_) => return,
        }
    }
}
