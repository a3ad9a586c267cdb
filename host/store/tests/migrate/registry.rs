//! A registry in a file that holds something of everything, left behind by hosts that are gone, and all that can be seen of a store.
//! Does not move it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::DateTime;
use serde_json::json;
use taskwright_registry::{
    CancelMode, CancelPolicy, CloseOrder, Direction, DispatchChange, HostId, HostRef, LeaseLength, MessageId,
    NewInputRequest, NewMessage, NewTask, Part, Recovery, SessionId, State, Task, TaskId, TaskUpdate, WakePolicy,
};
use taskwright_store::{
    CancelScope, CancelWalk, ClaimRequest, ExternalWork, LeaseTime, MessagePage, SessionQuery, Sessions, SqliteOptions,
    SqliteStore, Store, TaskFilter, TaskQuery,
};

/// The registry, and what of it the cases are about.
pub(crate) struct Registry {
    pub(crate) path: PathBuf,
    pub(crate) session: SessionId,
    /// One whose host is gone.
    pub(crate) running: Task,
    /// The id of one that is not there any more.
    pub(crate) forgotten: TaskId,
    drawn: AtomicU64,
    _folder: tempfile::TempDir,
}

/// An update of an instance.
pub(crate) fn to(task: &Task, state: State) -> TaskUpdate {
    TaskUpdate { fence: Some(task.fence()), state: Some(state), ..TaskUpdate::default() }
}

/// Another.
pub(crate) fn detail(task: &Task) -> TaskUpdate {
    TaskUpdate { fence: Some(task.fence()), state_detail: Some(Some("late".to_owned())), ..TaskUpdate::default() }
}

impl Registry {
    /// Fills a new one. Its hosts had leases in another boot of the machine: they are gone.
    pub(crate) async fn filled() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.db");
        let gone = Arc::new(|| LeaseTime { era: "an earlier boot".into(), millis: 0 });
        let store = SqliteStore::open(&path, SqliteOptions { lease_clock: gone, ..SqliteOptions::default() }).unwrap();
        let session: SessionId = "session-1".parse().unwrap();
        let drawn = AtomicU64::new(1);
        let bits = || {
            let mut bits = [0; 10];
            bits[2..].copy_from_slice(&drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            bits
        };
        let new = |recovery| {
            let id = TaskId::new(store.now(), bits());
            let mut new = NewTask::new(id, session.clone(), "probe", json!({"n": 1.1, "text": "ü\u{0}\n\"€"}));
            new.recovery = recovery;
            new.wake_policy = WakePolicy::OnActivity;
            new
        };
        let host = host(1);
        store.open_lease(&host, LeaseLength::default()).await.unwrap();
        let claim = async |id: &TaskId| {
            let kinds = vec!["probe".into()];
            let request = ClaimRequest::only(host.clone(), kinds, id.clone());
            store.claim(&request).await.unwrap().pop().expect("it is due").task
        };
        let create = async |new: NewTask| store.create(new).await.unwrap().task;
        let update = async |task: &Task, update| store.update(&task.session_id, &task.id, update).await.unwrap();
        let message = |direction, fence, text: &str| NewMessage {
            id: MessageId::new(store.now(), bits()),
            fence,
            direction,
            parts: vec![Part::Text(text.to_owned())],
            in_reply_to: None,
        };

        // Queued, with a name, a key and a run.
        let mut queued = new(Recovery::Reattach);
        (queued.name, queued.idempotency_key) = (Some("named".to_owned()), Some("key".to_owned()));
        queued.parent.run_id = Some("run-1".to_owned());
        queued.priority = taskwright_registry::Priority::High;
        create(queued).await;
        // Running, with a checkpoint, a message that is held and links.
        let running = claim(&create(new(Recovery::Reattach)).await.id).await;
        let checkpoint =
            TaskUpdate { fence: Some(running.fence()), checkpoint: Some(b"so far".to_vec()), ..TaskUpdate::default() };
        update(&running, checkpoint).await;
        let held = message(Direction::Inbound, None, "held");
        store.record_message(&session, &running.id, held.clone()).await.unwrap();
        store.mark_delivered(&session, &running.id, running.fence(), &held.id).await.unwrap();
        let said = message(Direction::Outbound, Some(running.fence()), "to you");
        store.record_message(&session, &running.id, said).await.unwrap();
        // Asleep, with a message that nobody has read.
        let asleep = claim(&create(new(Recovery::Reattach)).await.id).await;
        let hibernate = DispatchChange::Hibernate { until: None, ignored: 0 };
        let lies_down = TaskUpdate { fence: Some(asleep.fence()), dispatch: Some(hibernate), ..TaskUpdate::default() };
        update(&asleep, lies_down).await;
        store.record_message(&session, &asleep.id, message(Direction::Inbound, None, "unread")).await.unwrap();
        // One that asks.
        let asks = claim(&create(new(Recovery::HostBound)).await.id).await;
        let request = NewInputRequest { prompt: "which?".to_owned(), expected: None, random: bits() };
        let question = TaskUpdate { fence: Some(asks.fence()), input_request: Some(request), ..TaskUpdate::default() };
        update(&asks, question).await;
        // Over, in all ways; of the wakes one is acknowledged.
        for state in [State::Succeeded, State::Failed, State::Canceled] {
            let task = claim(&create(new(Recovery::HostBound)).await.id).await;
            let result = (state == State::Succeeded).then(|| json!({"n": 1.0e-7, "list": [null, true]}));
            update(&task, TaskUpdate { result, ..to(&task, state) }).await;
        }
        let wakes = store.wakes(&session, 100).await.unwrap();
        store.acknowledge_wakes(&session, &[wakes.items[0].id]).await.unwrap();
        // Forgotten.
        let forgotten = claim(&create(new(Recovery::HostBound)).await.id).await;
        update(&forgotten, to(&forgotten, State::Succeeded)).await;
        let later = store.now() + chrono::TimeDelta::hours(1);
        assert!(store.forget(&session, &forgotten.id, later).await.unwrap());
        // Elsewhere, with a cancel that waits to be told.
        let elsewhere = NewTask {
            cancel_policy: CancelPolicy { mode: CancelMode::External, grace_ms: 1_000 },
            ..new(Recovery::External)
        };
        let elsewhere = create(elsewhere).await;
        store.take_on(&session, &elsewhere.id, &self::host(3), Some("job 7".to_owned())).await.unwrap();
        store.request_cancel(&session, &elsewhere.id, Some("enough".to_owned())).await.unwrap();
        // A run under which nothing begins any more, a session that waits, and one that is being closed.
        let walk = CancelWalk::new(&session, CancelScope::Run("run-2".to_owned()));
        store.cancel_step(&session, walk, None).await.unwrap();
        for name in ["waiting", "closing"] {
            store.open_session(&name.parse().unwrap(), None).await.unwrap();
        }
        store.suspend_session(&"waiting".parse().unwrap()).await.unwrap();
        let closing: SessionId = "closing".parse().unwrap();
        let stays = claim(&create(NewTask { session_id: closing.clone(), ..new(Recovery::HostBound) }).await.id).await;
        assert_eq!(stays.session_id, closing);
        store.close_session(&closing, CloseOrder::default()).await.unwrap();
        store.delete_session(&closing).await.ok();
        drop(store);
        Self { path, session, running, forgotten: forgotten.id, drawn: AtomicU64::new(1_000), _folder: folder }
    }

    pub(crate) fn host(&self, number: u8) -> HostRef {
        host(number)
    }

    /// One task more.
    pub(crate) async fn write_more(&self) {
        let store = SqliteStore::open(&self.path, SqliteOptions::default()).unwrap();
        let mut bits = [9; 10];
        bits[2..].copy_from_slice(&self.drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        let id = TaskId::new(store.now(), bits);
        store.create(NewTask::new(id, self.session.clone(), "probe", json!(1))).await.unwrap();
    }
}

fn host(number: u8) -> HostRef {
    HostRef { id: HostId::new(DateTime::UNIX_EPOCH, [number; 10]), epoch: 1 }
}

/// Everything that can be seen of a store, in words: what differs is shown as it is.
pub(crate) async fn seen(store: &impl Store) -> Vec<String> {
    let mut seen = Vec::new();
    let query = SessionQuery { states: Vec::new(), after: None, limit: 500 };
    let sessions = store.sessions(&query).await.unwrap().sessions;
    for session in &sessions {
        seen.push(format!("{session:?}"));
        let id = &session.id;
        seen.push(format!("{:?}", store.events(id, 0, 1_000).await.unwrap()));
        seen.push(format!("{:?}", store.wakes(id, 1_000).await.unwrap()));
        seen.push(format!("{:?}", store.to_erase(id, 100).await.unwrap()));
        let query = TaskQuery { filter: TaskFilter::all(), limit: 500, ..TaskQuery::default() };
        for task in store.list(id, &query).await.unwrap().tasks {
            let (of, page) = (&task.id, MessagePage { after: None, limit: 500 });
            seen.push(format!("{:?}", store.get(id, of).await.unwrap()));
            seen.push(format!("{:?}", store.result(id, of).await.unwrap()));
            seen.push(format!("{:?}", store.checkpoint(id, of).await.unwrap()));
            seen.push(format!("{:?}", store.messages(id, of, &page).await.unwrap()));
            seen.push(format!("{:?}", store.unread(id, of, 500).await.unwrap()));
        }
    }
    seen.push(format!("{:?}", store.ending_sessions(100).await.unwrap()));
    seen.push(format!("{:?}", store.sessions_with_wakes(None, 100).await.unwrap()));
    seen.push(format!("{:?}", store.external_cancels(0, 100).await.unwrap()));
    seen.push(format!("{:?}", store.code_in_use().await.unwrap()));
    seen.push(format!("{:?}", store.finished(store.now(), None, 100).await.unwrap()));
    let kinds = ["probe".into()];
    seen.push(format!("{:?}", store.next_due(&kinds, None).await.unwrap()));
    let hosts = store.hosts().await.unwrap();
    for host in &hosts {
        seen.push(format!("{:?} {} {}", host.host, host.alive, host.resident));
        let held = store.held_by(&host.host).await.unwrap();
        seen.extend(held.iter().map(|claimed| format!("{:?} {:?}", claimed.task.id, claimed.unread)));
    }
    seen
}
