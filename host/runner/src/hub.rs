//! Passes the store's changes on to whoever waits for one task, one session, or for work.
//! Carries no content: who is woken reads the store, so nothing is lost to a slow reader.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use taskwright_registry::{SessionId, TaskId, Timestamp};
use taskwright_store::Change;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast};

use crate::signal::{Listener, Signal};
use crate::wake_news::WakeNews;

/// Waiters by key. A key nobody waits for costs nothing.
struct Waiters<K>(Mutex<Waiting<K>>);

/// Ordered by key, so that all of them are woken in the same order each time.
struct Waiting<K> {
    by_key: BTreeMap<K, Signal<()>>,
    /// At how many keys those that nobody waits for any more are looked for.
    sweep_at: usize,
}

/// From how many keys on those that nobody waits for any more are looked for, each time their number has doubled.
const SWEEP_FROM: usize = 1_024;

impl<K: Ord + Clone> Waiters<K> {
    fn new() -> Self {
        Self(Mutex::new(Waiting { by_key: BTreeMap::new(), sweep_at: SWEEP_FROM }))
    }

    fn subscribe(&self, key: &K) -> Listener<()> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.by_key.len() >= waiting.sweep_at {
            waiting.by_key.retain(|_, signal| signal.is_heard());
            waiting.sweep_at = SWEEP_FROM.max(waiting.by_key.len() * 2);
        }
        waiting.by_key.entry(key.clone()).or_insert_with(|| Signal::new(())).listen()
    }

    fn wake(&self, key: &K) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signal) = waiting.by_key.get(key) {
            if signal.is_heard() {
                signal.change(|()| true);
            } else {
                waiting.by_key.remove(key);
            }
        }
    }

    fn wake_all(&self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.by_key.retain(|_, signal| {
            signal.change(|()| true);
            signal.is_heard()
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
    /// A task has perhaps left its host.
    pub(crate) left: Signal<()>,
    pub(crate) wakes: WakeNews,
}

impl Hub {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            tasks: Waiters::new(),
            sessions: Waiters::new(),
            due: Due::default(),
            left: Signal::new(()),
            wakes: WakeNews::default(),
        })
    }

    /// Hears of changes of one task from now on.
    pub(crate) fn task(&self, id: &TaskId) -> Listener<()> {
        self.tasks.subscribe(id)
    }

    /// Hears of changes in one session from now on.
    pub(crate) fn session(&self, id: &SessionId) -> Listener<()> {
        self.sessions.subscribe(id)
    }

    /// Runs until the store is gone.
    pub(crate) async fn pump(self: Arc<Self>, mut changes: broadcast::Receiver<Change>) {
        loop {
            match changes.recv().await {
                Ok(Change::Task { session_id, task_id, due_at }) => {
                    self.tasks.wake(&task_id);
                    self.sessions.wake(&session_id);
                    match due_at {
                        Some(at) => self.due.hear(at),
                        None => self.left.change(|()| true),
                    }
                }
                Ok(Change::Session { session_id }) => {
                    self.sessions.wake(&session_id);
                    // A session that was resumed may have waited for its wakes.
                    self.wakes.of(session_id);
                }
                Ok(Change::Woken { session_id }) => self.wakes.of(session_id),
                Ok(Change::Elsewhere) | Err(RecvError::Lagged(_)) => {
                    self.tasks.wake_all();
                    self.sessions.wake_all();
                    self.due.hear(Timestamp::MIN_UTC);
                    self.left.change(|()| true);
                    self.wakes.anywhere();
                }
                Err(RecvError::Closed) => return,
            }
        }
    }
}
