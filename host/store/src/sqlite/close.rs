//! The orderly end of a store: what has queued up is written, the log is moved into the file, and the log's files are gone.
//! Does not wait for clones of the store, which are told that it is closed when they are used again.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::SqliteStore;
use super::writer::Order;

/// What the threads of a store hold for as long as they have a connection. Nothing is ever sent.
pub(super) struct Alive {
    pub(super) readers: Sender<()>,
    pub(super) writer: Sender<()>,
}

/// How the end of the threads is noticed.
#[derive(Clone)]
pub(super) struct Ends(Arc<Mutex<[Receiver<()>; 2]>>);

impl Ends {
    pub(super) fn new() -> (Self, Alive) {
        let (readers, readers_end) = channel();
        let (writer, writer_ends) = channel();
        (Self(Arc::new(Mutex::new([readers_end, writer_ends]))), Alive { readers, writer })
    }
}

impl SqliteStore {
    /// Closes the store and waits until that is done: what was asked for before is written, what the log has is moved into the file,
    /// and if no other process has the store open, the log's files (`-wal`, `-shm`) are gone and the file is all there is. Blocks the
    /// thread. Clones of the store answer `Unavailable` from then on. A second call finds nothing to do.
    pub fn close(&self) {
        let ends = self.ends.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The last connection to close moves the log into the file. Were two to close at once, each could take the other for one that
        // goes on.
        self.readers.end();
        let [readers, writer] = &*ends;
        // They send nothing: this returns when the last of them is gone.
        let _ = readers.recv();
        let _ = self.orders.send(Order::End);
        let _ = writer.recv();
    }
}
