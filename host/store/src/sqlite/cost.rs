//! That reading one task, claiming and looking for what is due cost the same however much has happened before.
//! Does not measure time: it counts the steps of SQLite's virtual machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use rusqlite::Connection;
use serde_json::json;
use taskwright_registry::{HostId, HostRef, LeaseLength, Lineage, NewTask, State, Task, TaskId, TaskUpdate, Timestamp};

use super::rows::SqliteRows;
use super::{SqliteOptions, connect, file, ready};
use crate::rows::Rows;
use crate::{ClaimRequest, Order, TaskFilter, verbs};

fn now() -> Timestamp {
    chrono::DateTime::from_timestamp_millis(1_800_000_000_000).expect("in range")
}

fn task(connection: &Connection, number: u32) -> Task {
    let mut random = [0; 10];
    random[2..6].copy_from_slice(&number.to_be_bytes());
    let id = TaskId::new(now(), random);
    let new = NewTask::new(id, "session".parse().expect("a session"), "probe", json!({"n": number}));
    let parent = Lineage { run_id: Some(format!("run-{number}")), ..Lineage::default() };
    let new = NewTask { parent, ..new };
    ready(verbs::create(&mut SqliteRows::new(connection), new, now())).expect("creation").task
}

fn finish(connection: &Connection, task: &Task) {
    let end = TaskUpdate { state: Some(State::Succeeded), ..TaskUpdate::default() };
    let mut rows = SqliteRows::new(connection);
    ready(verbs::update(&mut rows, &task.session_id, &task.id, end, now())).expect("an end");
}

fn host() -> HostRef {
    HostRef { id: HostId::new(now(), [1; 10]), epoch: 1 }
}

/// The steps that each operation takes.
fn steps(connection: &mut Connection, task: &Task) -> Vec<(&'static str, u64)> {
    let counter = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&counter);
    let counting = connection.progress_handler(
        1,
        Some(move || {
            count.fetch_add(1, Ordering::Relaxed);
            false
        }),
    );
    counting.expect("a handler");
    let mut all = Vec::new();
    let mut rows = SqliteRows::new(connection);
    let kinds = vec!["probe".into()];
    let (session, id) = (&task.session_id, &task.id);
    let mut measure = |name, ran: bool| {
        assert!(ran, "{name}");
        all.push((name, counter.swap(0, Ordering::Relaxed)));
    };
    measure("get", ready(verbs::get(&mut rows, session, id)).is_ok() && rows.spec_text(id).is_ok());
    measure("next_due", matches!(ready(verbs::next_due(&mut rows, &kinds, None)), Ok(Some(_))));
    let (host, clock) = (host(), (SqliteOptions::default().lease_clock)());
    let request = ClaimRequest::new(host.clone(), kinds, 10);
    measure("claim", ready(verbs::claim(&mut rows, &request, now(), &clock)).is_ok_and(|claims| claims.len() == 1));
    let detail = Some(Some("x".to_owned()));
    let update = TaskUpdate { state_detail: detail, ..TaskUpdate::default() };
    measure("update", ready(verbs::update(&mut rows, session, id, update, now())).is_ok());
    measure("renew_lease", ready(verbs::renew_lease(&mut rows, &host, now(), &clock)).is_ok());
    measure("lapsed", ready(verbs::lapsed(&mut rows, 0, 10, &clock)).is_ok_and(|page| page.tasks.is_empty()));
    measure("held_by", ready(verbs::held_by(&mut rows, &host)).is_ok_and(|held| held.len() == 1));
    let live = TaskFilter { states: vec![State::Queued, State::Running], ..TaskFilter::default() };
    let listed = rows.tasks_of(session, &live, Order::OldestFirst, None, 100).now_or_never();
    measure("list of the living", listed.is_some_and(|page| page.is_ok_and(|tasks| tasks.len() == 1)));
    let of_run = TaskFilter { run_id: task.parent.run_id.clone(), ..TaskFilter::default() };
    let listed = rows.tasks_of(session, &of_run, Order::OldestFirst, None, 100).now_or_never();
    measure("list of a run", listed.is_some_and(|page| page.is_ok_and(|tasks| tasks.len() == 1)));
    let prefix = TaskFilter { id_prefix: Some(id.as_str()[..30].to_owned()), ..live };
    let listed = rows.tasks_of(session, &prefix, Order::OldestFirst, None, 100).now_or_never();
    measure(
        "list of the living by an id's beginning",
        listed.is_some_and(|page| page.is_ok_and(|tasks| tasks.len() == 1)),
    );
    let over = [
        ("list of the failed", TaskFilter { states: vec![State::Failed], ..TaskFilter::default() }, 0),
        ("list of another kind", TaskFilter { kinds: vec!["other".to_owned()], ..TaskFilter::default() }, 0),
        ("list of a name", TaskFilter { name: Some("nobody".to_owned()), ..TaskFilter::default() }, 0),
        ("list of an id's beginning", TaskFilter { id_prefix: prefix.id_prefix, ..TaskFilter::default() }, 1),
    ];
    for (name, filter, found) in over {
        let listed = rows.tasks_of(session, &filter, Order::NewestFirst, None, 100).now_or_never();
        measure(name, listed.is_some_and(|page| page.is_ok_and(|tasks| tasks.len() == found)));
    }
    measure("latest messages", matches!(rows.latest_messages(id, 10).now_or_never(), Some(Ok(_))));
    measure("unread", matches!(rows.unread(id, 10).now_or_never(), Some(Ok(_))));
    measure("pending wakes", matches!(rows.pending_wakes(session, 10).now_or_never(), Some(Ok(_))));
    let woken = rows.woken_sessions(None, 10).now_or_never();
    measure("sessions with wakes", matches!(woken, Some(Ok(_))));
    measure("backlog", ready(verbs::backlog(&mut rows, &["probe".into()], now())).is_ok());
    connection.progress_handler(1, None::<fn() -> bool>).expect("no handler");
    all
}

// L30: a `get` whose cost grew with history.
#[test]
fn the_cost_of_the_hot_verbs_does_not_grow_with_history() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file::prepare(&folder.path().join("tasks.db")).expect("a path");
    let mut connection = connect::writer(&path, &SqliteOptions::default()).expect("a connection");
    connection.execute_batch("BEGIN").expect("a transaction");
    let clock = (SqliteOptions::default().lease_clock)();
    let length = LeaseLength::default();
    ready(verbs::open_lease(&mut SqliteRows::new(&connection), &host(), length, now(), &clock)).expect("a lease");
    let first = task(&connection, 0);
    let few = steps(&mut connection, &first);
    finish(&connection, &first);
    for number in 1..3_000 {
        finish(&connection, &task(&connection, number));
    }
    let last = task(&connection, 3_000);
    let many = steps(&mut connection, &last);
    for ((name, few), (_, many)) in few.into_iter().zip(many) {
        assert!(many <= few + few / 4 + 8, "{name}: {few} steps at first, {many} after 3,000 tasks");
    }
}
