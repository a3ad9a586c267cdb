//! Rows that cannot be read, in any table: every verb goes on for all other tasks and sessions, and the tasks that such rows belong
//! to can be ended and deleted.
//! Does not say how such a row could come about: it is written past the store.

use chrono::TimeDelta;
use serde_json::json;
use taskwright_registry::{
    CloseOrder, Direction, EventBody, HostId, HostRef, LeaseLength, MessageId, NewMessage, NewTask, Part, Rejection,
    SessionId, SessionState, State, Task, TaskId, TaskUpdate, WakePolicy,
};
use taskwright_store::{
    CancelScope, CancelWalk, ClaimRequest, MessagePage, Reaped, SessionQuery, Store, StoreError, TaskQuery,
    UnreadableKind, UnreadableRow,
};

/// Runs a statement past the store.
pub(crate) trait Plant {
    async fn run(&self, sql: &str);
}

/// A store, and who spoils it.
pub(crate) struct Spoiled<P> {
    pub(crate) store: Box<dyn Store>,
    pub(crate) plant: P,
}

fn of(name: &str) -> SessionId {
    name.parse().expect("a session id")
}

fn host(store: &dyn Store, number: u8) -> HostRef {
    HostRef { id: HostId::new(store.now(), [number; 10]), epoch: 1 }
}

/// Deeper than any parser here goes.
fn deep() -> String {
    format!("{}1{}", "[".repeat(200), "]".repeat(200))
}

impl<P: Plant> Spoiled<P> {
    async fn task(&self, session: &str) -> Task {
        let id = TaskId::new(self.store.now(), rand::random());
        let new = NewTask { wake_policy: WakePolicy::OnTerminal, ..NewTask::new(id, of(session), "probe", json!({})) };
        self.store.create(new).await.expect("a task").task
    }

    async fn say(&self, task: &Task) {
        let id = MessageId::new(self.store.now(), rand::random());
        let parts = vec![Part::Text("hello".to_owned())];
        let message = NewMessage { id, fence: None, direction: Direction::Inbound, parts, in_reply_to: None };
        self.store.record_message(&task.session_id, &task.id, message).await.expect("a message");
    }

    async fn lease(&self, number: u8) -> HostRef {
        let host = host(self.store.as_ref(), number);
        self.store.open_lease(&host, LeaseLength::default()).await.expect("a lease");
        host
    }

    async fn claim(&self, host: &HostRef, limit: usize) -> Vec<TaskId> {
        let request = ClaimRequest::new(host.clone(), vec!["probe".into()], limit);
        self.store.claim(&request).await.expect("a claim").into_iter().map(|claim| claim.task.id).collect()
    }

    async fn ended(&self, task: &Task, host: &HostRef) {
        let request = ClaimRequest::only(host.clone(), vec!["probe".into()], task.id.clone());
        let claimed = self.store.claim(&request).await.expect("a claim").pop().expect("the task");
        let update = TaskUpdate {
            fence: Some(claimed.task.fence()),
            state: Some(State::Succeeded),
            result: Some(json!(1)),
            ..TaskUpdate::default()
        };
        self.store.update(&task.session_id, &task.id, update).await.expect("an end");
    }

    /// Spoils a column that belongs to a task.
    async fn spoil(&self, table: &str, column: &str, task: &Task) {
        let of = match table {
            "tasks" => format!("id = '{}'", task.id),
            "wakes" | "events" => format!("task_id = '{}'", task.id),
            _ => format!("task = (SELECT no FROM tasks WHERE id = '{}')", task.id),
        };
        self.plant.run(&format!("UPDATE {table} SET {column} = '{}' WHERE {of}", deep())).await;
    }

    async fn unreadable(&self) -> Vec<UnreadableRow> {
        let (mut found, mut place) = (Vec::new(), None);
        loop {
            let page = self.store.unreadable(place).await.expect("a look");
            found.extend(page.rows);
            place = match page.next {
                Some(next) => Some(next),
                None => return found,
            };
        }
    }
}

fn is_unreadable<T: std::fmt::Debug>(found: Result<T, StoreError>, kind: UnreadableKind) {
    assert!(matches!(&found, Err(StoreError::Unreadable(row)) if row.what == kind), "{found:?}");
}

/// Due tasks with a record, a specification and a message that cannot be read lie before all others, and hold up none.
pub(crate) async fn a_claim_passes_by_what_it_cannot_read<P: Plant>(world: Spoiled<P>) {
    let (record, spec, inbox) = (world.task("s").await, world.task("s").await, world.task("s").await);
    world.say(&inbox).await;
    let (here, there) = (world.task("s").await, world.task("t").await);
    world.spoil("tasks", "record", &record).await;
    world.spoil("specs", "spec", &spec).await;
    world.spoil("messages", "body", &inbox).await;
    let host = world.lease(1).await;
    let mut claimed = Vec::new();
    for _ in 0..6 {
        claimed.extend(world.claim(&host, 1).await);
    }
    claimed.sort();
    let mut wanted = vec![here.id.clone(), there.id.clone()];
    wanted.sort();
    assert_eq!(claimed, wanted);

    let page = world.store.list(&of("s"), &TaskQuery { limit: 1, ..TaskQuery::default() }).await.expect("a page");
    assert_eq!((page.tasks.len(), page.next, page.unreadable.len()), (0, Some(record.id.clone()), 1));
    let page = world.store.list(&of("s"), &TaskQuery::default()).await.expect("a page");
    assert_eq!(page.tasks.iter().map(|task| &task.id).collect::<Vec<_>>(), [&inbox.id, &here.id]);
    assert_eq!(page.unreadable.len(), 2, "{:?}", page.unreadable);
    is_unreadable(world.store.get(&of("s"), &record.id).await, UnreadableKind::Task);
    is_unreadable(world.store.get(&of("s"), &spec.id).await, UnreadableKind::Spec);
    let foreign = world.store.get(&of("t"), &record.id).await;
    assert!(matches!(foreign, Err(StoreError::NotFound { .. })), "{foreign:?}");
    let messages = world.store.messages(&of("s"), &inbox.id, &MessagePage::default()).await.expect("messages");
    assert_eq!((messages.len(), messages.unreadable.len()), (0, 1));

    let kinds: Vec<UnreadableKind> = world.unreadable().await.iter().map(|row| row.what).collect();
    assert_eq!(kinds, [UnreadableKind::Task, UnreadableKind::Spec, UnreadableKind::Message]);
    for task in [&record, &spec, &inbox] {
        let ended = world.store.end_unreadable(&of("s"), &task.id).await.expect("an end");
        assert_eq!((ended.state, ended.error.map(|error| error.kind).as_deref()), (State::Failed, Some("unreadable")));
        let read = world.store.get(&of("s"), &task.id).await.expect("a record");
        assert_eq!((read.state, read.wake_policy), (State::Failed, WakePolicy::OnTerminal));
    }
    assert_eq!(world.claim(&host, 10).await, []);
    assert!(world.store.wakes(&of("s"), 10).await.expect("wakes").len() >= 2, "whoever waits for them is woken");
    let refused = world.store.end_unreadable(&of("s"), &here.id).await;
    assert!(matches!(refused, Err(StoreError::Rejected(Rejection::Invalid { .. }))), "{refused:?}");
    let refused = world.store.delete_unreadable(&of("s"), &here.id).await;
    assert!(matches!(refused, Err(StoreError::Rejected(Rejection::Invalid { .. }))), "{refused:?}");
}

/// The log has no gap, and whoever is woken is woken for the rest.
pub(crate) async fn a_reader_passes_by_what_it_cannot_read<P: Plant>(world: Spoiled<P>) {
    let host = world.lease(1).await;
    let (bad, good) = (world.task("s").await, world.task("s").await);
    world.ended(&bad, &host).await;
    world.ended(&good, &host).await;
    for (table, column) in [("events", "body"), ("wakes", "cause"), ("results", "result")] {
        world.spoil(table, column, &bad).await;
    }
    let log = world.store.events(&of("s"), 0, 100).await.expect("a log");
    let numbers: Vec<u64> = log.events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=log.last).collect::<Vec<_>>());
    for event in &log.events {
        assert_eq!(matches!(event.body, EventBody::Unreadable { .. }), event.task_id == bad.id, "{event:?}");
    }
    let wakes = world.store.wakes(&of("s"), 10).await.expect("wakes");
    assert_eq!((wakes.len(), wakes.unreadable.len(), &wakes[0].task_id), (1, 1, &good.id));
    is_unreadable(world.store.result(&of("s"), &bad.id).await, UnreadableKind::Result);
    assert_eq!(world.store.result(&of("s"), &good.id).await.expect("a result"), Some(json!(1)));
    world.store.delete_unreadable(&of("s"), &bad.id).await.expect("it goes");
    let gone = world.store.get(&of("s"), &bad.id).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    assert!(world.unreadable().await.iter().all(|row| row.what == UnreadableKind::Event));
}

/// Tasks of a lost host, of a session that ends, and those that are over for long.
pub(crate) async fn what_ends_ends_beside_what_cannot_be_read<P: Plant>(world: Spoiled<P>) {
    let (host, keeper) = (world.lease(1).await, world.lease(2).await);
    let (bad, good) = (world.task("s").await, world.task("s").await);
    assert_eq!(world.claim(&host, 2).await.len(), 2);
    let (old, queued) = (world.task("s").await, world.task("s").await);
    world.ended(&old, &keeper).await;
    for task in [&bad, &old] {
        world.spoil("tasks", "record", task).await;
    }
    let held = world.store.held_by(&host).await.expect("what is held");
    assert_eq!(held.iter().map(|claim| &claim.task.id).collect::<Vec<_>>(), [&good.id]);
    world.store.close_lease(&host).await.expect("it ends");
    let lapsed = world.store.lapsed(0, 10).await.expect("what is left").tasks;
    assert_eq!(lapsed.len(), 2);
    is_unreadable(world.store.reap(&of("s"), &bad.id, 3).await, UnreadableKind::Task);
    let reaped = world.store.reap(&of("s"), &good.id, 3).await.expect("a task of a lost host");
    assert!(matches!(reaped, Reaped::Ended(_)), "{reaped:?}");

    let walk = CancelWalk::new(&of("s"), CancelScope::All);
    let step = world.store.cancel_step(&of("s"), walk, None).await.expect("a cancel of all");
    assert_eq!((step.count.signalled, step.rest.is_none()), (1, true));
    assert_eq!(world.store.get(&of("s"), &queued.id).await.expect("a task").state, State::Canceled);
    let late = world.store.now() + TimeDelta::days(1);
    assert!(world.store.forget(&of("s"), &old.id, late).await.expect("its columns say that it is over"));

    let moves = world.task("s").await;
    let order = CloseOrder { delete: true, ..CloseOrder::default() };
    let moved = world.store.transfer(&of("s"), std::slice::from_ref(&moves.id), &of("t")).await.expect("a move");
    assert_eq!(moved.len(), 1);
    world.store.close_session(&of("s"), order).await.expect("a close");
    let ids = world.store.to_erase(&of("s"), 100).await.expect("what goes");
    assert!(ids.contains(&bad.id), "{ids:?}");
    assert!(world.store.erase(&of("s"), &ids).await.expect("the session goes"));

    world.plant.run(&format!("UPDATE sessions SET record = '{}' WHERE id = 't'", deep())).await;
    world.task("u").await;
    let sessions = world.store.sessions(&SessionQuery::default()).await.expect("sessions");
    assert_eq!(sessions.sessions.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["u"]);
    assert_eq!(sessions.unreadable.len(), 1);
    is_unreadable(world.store.session(&of("t")).await, UnreadableKind::Session);
    assert_eq!(world.claim(&keeper, 10).await.len(), 2, "its tasks go on");
    let mended = world.store.mend_session(&of("t")).await.expect("a record again");
    assert_eq!(mended, world.store.session(&of("t")).await.expect("it can be read"));
    assert_eq!(mended.state, SessionState::Suspended);
    let refused = world.store.mend_session(&of("u")).await;
    assert!(matches!(refused, Err(StoreError::Rejected(Rejection::Invalid { .. }))), "{refused:?}");
    let missing = world.store.mend_session(&of("nobody")).await;
    assert!(matches!(missing, Err(StoreError::NoSession { .. })), "{missing:?}");
    world.task("t").await;
    world.store.close_session(&of("t"), CloseOrder::default()).await.expect("it closes as any other");
    world.store.sessions_with_wakes(None, 10).await.expect("the sessions with wakes");
}

/// Columns beside a record that hold no such thing, and rows that are not there.
pub(crate) async fn columns_concern_their_own_task_alone<P: Plant>(world: Spoiled<P>) {
    let (ranked, bare, early) = (world.task("s").await, world.task("s").await, world.task("s").await);
    let good = world.task("t").await;
    let rank = |id: &TaskId| format!("UPDATE tasks SET priority = 77 WHERE id = '{id}'");
    world.plant.run(&rank(&ranked.id)).await;
    let of_bare = format!("task = (SELECT no FROM tasks WHERE id = '{}')", bare.id);
    world.plant.run(&format!("DELETE FROM specs WHERE {of_bare}")).await;
    world.plant.run(&format!("UPDATE tasks SET due_at = {} WHERE id = '{}'", i64::MIN, early.id)).await;
    world.store.next_due(&["probe".into()], None).await.expect("a time");
    let host = world.lease(1).await;
    let mut claimed = Vec::new();
    for _ in 0..6 {
        claimed.extend(world.claim(&host, 1).await);
    }
    claimed.sort();
    let mut wanted = vec![early.id.clone(), good.id.clone()];
    wanted.sort();
    assert_eq!(claimed, wanted);
    is_unreadable(world.store.get(&of("s"), &ranked.id).await, UnreadableKind::Task);
    is_unreadable(world.store.get(&of("s"), &bare.id).await, UnreadableKind::Spec);
    let page = world.store.list(&of("s"), &TaskQuery::default()).await.expect("a page");
    assert_eq!(page.tasks.iter().map(|task| &task.id).collect::<Vec<_>>(), [&early.id]);
    assert_eq!(page.unreadable.len(), 2, "{:?}", page.unreadable);
    let found = world.unreadable().await;
    assert_eq!(found.iter().map(|row| row.what).collect::<Vec<_>>(), [UnreadableKind::Task, UnreadableKind::Spec]);
    assert!(found[0].reason.contains("rank 77") && found[1].reason.contains("missing"), "{found:?}");
    let ended = world.store.end_unreadable(&of("s"), &bare.id).await.expect("an end");
    assert_eq!((ended.state, ended.spec), (State::Failed, json!(null)));
    world.store.delete_unreadable(&of("s"), &ranked.id).await.expect("it goes");
    // One that is over can be read again, too, and stays as it ended.
    let (over, woken) = (world.task("w").await, world.task("w").await);
    for task in [&over, &woken] {
        world.ended(task, &host).await;
    }
    world.plant.run(&rank(&over.id)).await;
    let mended = world.store.end_unreadable(&of("w"), &over.id).await.expect("a record again");
    assert_eq!(mended.state, State::Succeeded);
    assert_eq!(world.unreadable().await, []);
    for column in ["attempt = -1", "created_at = 9223372036854775807", "task_id = 'none'"] {
        let spoil = format!("UPDATE wakes SET {column} WHERE task_id = '{}'", over.id);
        world.plant.run(&spoil).await;
        let wakes = world.store.wakes(&of("w"), 10).await.expect("wakes");
        assert_eq!((wakes.len(), wakes.unreadable.len(), &wakes[0].task_id), (1, 1, &woken.id), "{column}");
        let found = world.unreadable().await;
        assert_eq!(found.iter().map(|row| row.what).collect::<Vec<_>>(), [UnreadableKind::Wake], "{column}");
    }
}
