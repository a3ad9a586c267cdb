//! Passes the store's changes on to whoever waits for one task, one session, or for work.
//! Carries no content: who is woken reads the store, so nothing is lost to a slow reader.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use taskwright_registry::{SessionId, TaskId, Timestamp};
use taskwright_store::Change;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast, watch};

/// Waiters by key. A key nobody waits for costs nothing.
struct Waiters<K>(Mutex<HashMap<K, watch::Sender<u64>>>);

/// From how many keys on those that nobody waits for any more are looked for, each time the map would have to grow.
const SWEEP_FROM: usize = 1_024;

impl<K: Eq + Hash + Clone> Waiters<K> {
    fn subscribe(&self, key: &K) -> watch::Receiver<u64> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= SWEEP_FROM && map.len() == map.capacity() {
            map.retain(|_, sender| sender.receiver_count() > 0);
        }
        map.entry(key.clone()).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    fn wake(&self, key: &K) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = map.get(key) {
            if sender.receiver_count() == 0 {
                map.remove(key);
            } else {
                sender.send_modify(|n| *n += 1);
            }
        }
    }

    fn wake_all(&self) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.retain(|_, sender| {
            sender.send_modify(|n| *n += 1);
            sender.receiver_count() > 0
        });
    }
}

/// When work is due, as far as the hub has heard since it was last asked.
#[derive(Default)]
pub(crate) struct Due {
    earliest: Mutex<Option<Timestamp>>,
    heard: Notify,
}

impl Due {
    fn hear(&self, at: Timestamp) {
        let mut earliest = self.earliest.lock().unwrap_or_else(PoisonError::into_inner);
        *earliest = Some(earliest.map_or(at, |known| known.min(at)));
        drop(earliest);
        self.heard.notify_one();
    }

    /// Waits until something was heard and takes it.
    pub(crate) async fn next(&self) -> Timestamp {
        loop {
            if let Some(at) = self.earliest.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return at;
            }
            self.heard.notified().await;
        }
    }
}

/// The hub.
pub(crate) struct Hub {
    tasks: Waiters<TaskId>,
    sessions: Waiters<SessionId>,
    pub(crate) due: Due,
}

impl Hub {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { tasks: Waiters(Mutex::default()), sessions: Waiters(Mutex::default()), due: Due::default() })
    }

    /// Hears of changes of one task from now on.
    pub(crate) fn task(&self, id: &TaskId) -> watch::Receiver<u64> {
        self.tasks.subscribe(id)
    }

    /// Hears of changes in one session from now on.
    pub(crate) fn session(&self, id: &SessionId) -> watch::Receiver<u64> {
        self.sessions.subscribe(id)
    }

    /// Runs until the store is gone.
    pub(crate) async fn pump(self: Arc<Self>, mut changes: broadcast::Receiver<Change>) {
        loop {
            match changes.recv().await {
                Ok(Change::Task { session_id, task_id, due_at }) => {
                    self.tasks.wake(&task_id);
                    self.sessions.wake(&session_id);
                    if let Some(at) = due_at {
                        self.due.hear(at);
                    }
                }
                Ok(Change::Elsewhere) | Err(RecvError::Lagged(_)) => {
                    self.tasks.wake_all();
                    self.sessions.wake_all();
                    self.due.hear(Timestamp::MIN_UTC);
                }
                Err(RecvError::Closed) => return,
            }
        }
    }
}
