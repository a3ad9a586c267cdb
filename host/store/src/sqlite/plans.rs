//! That no statement looks at the whole of a table that grows, or sorts more than its page.
//! Does not run into what a statement costs: it asks SQLite how it would go about it. `cost` counts steps.

use std::sync::{Arc, Mutex};

use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection, types::Null};
use serde_json::json;
use taskwright_registry::{
    Direction, EventBody, HostId, HostRef, LeaseLength, Message, MessageId, NewTask, Part, Priority, SessionId,
    SessionState, State, Task, TaskId, Timestamp, WakeCause,
};

use super::rows::SqliteRows;
use super::{SqliteOptions, connect, file, ready};
use crate::due_rows::DueRows;
use crate::repair::ALL as ALL_UNREADABLE;
use crate::rows::{LeaseRow, NewWake, Rows, Taken, Transaction};
use crate::turns::DueTask;
use crate::{Hidden, Order, TaskFilter, verbs};

/// Steps of a plan that are as they should be, by what the statement begins with, and why.
const EXPECTED: [(&str, &str, &str); 10] = [
    ("SELECT count FROM forgotten", "SCAN forgotten", "it has one row"),
    ("UPDATE forgotten", "SCAN forgotten", "it has one row"),
    (
        "SELECT record, id FROM sessions WHERE ending = 1",
        "SCAN sessions USING INDEX sessions_ending",
        "the index has those alone",
    ),
    ("SELECT record, id FROM sessions WHERE owner_id", "USE TEMP B-TREE FOR ORDER BY", "all of them are wanted"),
    ("SELECT id, epoch, length_ms", "SCAN hosts", "there are as many as hosts"),
    ("SELECT kind, code, count(*) FROM tasks", "SCAN tasks USING INDEX tasks_code", "it counts what is alive"),
    ("SELECT min(no) FROM (SELECT no, at FROM events", "SCAN events", "it ends at its limit"),
    ("SELECT count(*) FROM (SELECT 1 FROM tasks", "SCAN (subquery", "as many as the limit"),
    ("SELECT count(*), min(due_at) FROM", "SCAN (subquery", "as many as are counted"),
    (
        "SELECT no FROM tasks INDEXED BY sqlite_auto",
        "USE TEMP B-TREE FOR ORDER BY",
        "as many as have a beginning in common",
    ),
];

fn now() -> Timestamp {
    chrono::DateTime::from_timestamp_millis(1_800_000_000_000).expect("in range")
}

fn session() -> SessionId {
    "session".parse().expect("a session")
}

fn id() -> TaskId {
    TaskId::new(now(), [1; 10])
}

fn host() -> HostRef {
    HostRef { id: HostId::new(now(), [1; 10]), epoch: 1 }
}

fn message(task: &Task) -> Message {
    Message {
        id: MessageId::new(now(), [1; 10]),
        task_id: task.id.clone(),
        direction: Direction::Inbound,
        parts: vec![Part::Text("hello".to_owned())],
        in_reply_to: None,
        created_at: now(),
    }
}

/// Filters that lead along every way, and what can narrow it.
fn filters() -> Vec<TaskFilter> {
    let text = |text: &str| Some(text.to_owned());
    let live = vec![State::Queued];
    let all = TaskFilter::default();
    let ways = [
        all.clone(),
        TaskFilter { states: live.clone(), ..all.clone() },
        TaskFilter { kinds: vec!["probe".to_owned()], ..all.clone() },
        TaskFilter { name: text("name"), ..all.clone() },
        TaskFilter { name: text("name"), states: live.clone(), ..all.clone() },
        TaskFilter { parent_task_id: text("task_p"), ..all.clone() },
        TaskFilter { parent_task_id: text("task_p"), states: live.clone(), ..all.clone() },
        TaskFilter { run_id: text("run"), ..all.clone() },
        TaskFilter { id_prefix: text("task_"), ..all },
    ];
    let narrowed = |filter: &TaskFilter| TaskFilter {
        states: if filter.states.is_empty() { vec![State::Failed] } else { filter.states.clone() },
        kinds: vec!["probe".to_owned()],
        parent_task_id: text("task_p"),
        run_id: text("run"),
        hidden: Hidden::Included,
        ..filter.clone()
    };
    ways.iter().flat_map(|filter| [filter.clone(), narrowed(filter)]).collect()
}

/// Reads everything once. Most of it is not there; the statements are the same.
async fn read(rows: &mut SqliteRows<'_>, task: &Task) {
    let (session, id, host, message) = (session(), &task.id, host(), message(task).id);
    let kinds = ["probe".into()];
    let _ = rows.find_session(&session).await;
    let _ = rows.sessions_after(&[], None, 10).await;
    let _ = rows.sessions_after(&[SessionState::Open], None, 10).await;
    let _ = rows.sessions_to_end(10).await;
    let _ = rows.sessions_opened_by(&session, id).await;
    let _ = rows.live_after(&session, 0, 10).await;
    let _ = rows.is_canceled_lineage(&session, "run:1").await;
    let _ = rows.find_task(id).await;
    let _ = rows.find_stored(id).await;
    let _ = rows.session_text(&session).await;
    let _ = rows.ids_of(&session, 10).await;
    let _ = rows.messages_from(id, 0, 10).await;
    for what in ALL_UNREADABLE {
        let _ = rows.scan(what, 0, 10).await;
    }
    let _ = rows.owner(id).await;
    let _ = rows.find_spec(id).await;
    let _ = rows.find_result(id).await;
    let _ = rows.find_checkpoint(id).await;
    let _ = rows.find_by_key(&session, "key").await;
    let _ = rows.find_live_name(&session, "name").await;
    for filter in filters() {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let listed = rows.tasks_of(&session, &filter, order, Some(id), 10).await;
            assert!(listed.is_ok(), "{filter:?}: {listed:?}");
        }
    }
    let _ = rows.due(&kinds, now(), 10).await;
    let _ = rows.due_in_turn(1, &kinds, now(), 10);
    let _ = rows.turn_of(&session).await;
    let _ = rows.next_turn(&kinds, None);
    let _ = rows.at_work_of("probe", 10).await;
    let _ = rows.at_work_in(&[1]).await;
    let due = DueTask {
        priority: Priority::Normal,
        due_at: now(),
        place: 1,
        turn: 1,
        session: session.clone(),
        kind: "probe".to_owned(),
    };
    let _ = rows.at_places(&[due]).await;
    let _ = rows.next_due(&kinds, None).await;
    let _ = rows.backlog(&kinds, now()).await;
    let _ = rows.code_in_use().await;
    let _ = rows.resident(&host).await;
    let _ = rows.resident_count(&host).await;
    let _ = rows.resident_after(&host, 0, 10).await;
    let _ = rows.external_cancels_after(0, 10).await;
    let _ = rows.external_overdue(now(), 10).await;
    let _ = rows.find_lease(&host).await;
    let _ = rows.leases_of(&host.id).await;
    let _ = rows.leases().await;
    let _ = rows.finished_before(now(), None, 10).await;
    let _ = rows.has_children(&session, id).await;
    let _ = rows.find_message(&message).await;
    let _ = rows.messages_after(id, &message, 10).await;
    let _ = rows.latest_messages(id, 10).await;
    let _ = rows.unread(id, 10).await;
    let _ = rows.events_after(&session, 0, 10).await;
    let _ = rows.first_seq(&session).await;
    let _ = rows.last_seq(&session).await;
    let _ = rows.pending_wakes(&session, 10).await;
    let _ = rows.wake_claim(&session).await;
    let _ = rows.woken_sessions(None, 10).await;
}

/// Writes everything once.
async fn write(rows: &mut SqliteRows<'_>, task: &Task) {
    let (session, id, host) = (session(), &task.id, host());
    let clock = (SqliteOptions::default().lease_clock)();
    let lease = LeaseRow::new(host.clone(), LeaseLength::default(), now(), &clock);
    let message = message(task);
    let cause = WakeCause::Message { message_id: message.id.clone() };
    let (session_id, task_id) = (session.clone(), id.clone());
    let wake = NewWake { session_id, task_id, attempt: 1, cause, text: String::new(), at: now() };
    let changed = Task { version: task.version + 1, state: State::Running, ..task.clone() };
    let record = rows.find_session(&session).await.expect("a read").expect("the session");
    let _ = rows.put_session(&record).await;
    let _ = rows.put_canceled_lineage(&session, "run:1", now()).await;
    let _ = rows.put_task(task, &Task { state: task.state, ..changed.clone() }).await;
    let _ = rows.put_task(&Task { version: task.version + 1, ..task.clone() }, &changed).await;
    let _ = rows.postpone(id, now()).await;
    let _ = rows.clear_spec(id).await;
    let _ = rows.put_priority(task).await;
    let _ = rows.put_result(id, json!({})).await;
    let _ = rows.put_checkpoint(id, vec![1]).await;
    let _ = rows.insert_message(&message, false).await;
    let _ = rows.take_message(&message.id, Taken::Held).await;
    let _ = rows.release_held(id, Taken::Settled).await;
    let body = EventBody::Created { task: Box::new(task.snapshot()) };
    let _ = rows.append_event(&session, id, now(), body).await;
    let _ = rows.insert_wake(wake).await;
    let _ = rows.acknowledge_wakes(&session, &[1], now()).await;
    let _ = rows.put_wake_claim(&session, Some(&host)).await;
    let _ = rows.put_wake_claim(&session, None).await;
    let _ = rows.put_lease(&lease).await;
    let _ = rows.delete_lease(&host).await;
    let _ = rows.move_task(&changed, &changed).await;
    let _ = rows.delete_oldest_events(now() + chrono::TimeDelta::days(1), 10).await;
    let _ = rows.delete_task(&session, id).await;
    let _ = rows.delete_events_of(&session, 10).await;
    let _ = rows.delete_session(&session).await;
}

/// Every text of a statement in the sources, up to where something is put into it.
fn written() -> Vec<String> {
    let sources = [include_str!("rows.rs"), include_str!("write_rows.rs"), include_str!("lists.rs")];
    let mut texts = Vec::new();
    for source in sources {
        for verb in ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE "] {
            texts.extend(source.match_indices(verb).map(|(at, _)| {
                let text = &source[at + 1..];
                text[..text.find(['"', '{']).expect("an end")].to_owned()
            }));
        }
    }
    texts.iter().map(|text| squeezed(text)).collect()
}

/// With one blank wherever there is space.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How SQLite goes about a statement.
fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
    for at in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(at, Null).expect("a parameter");
    }
    let (mut rows, mut steps) = (statement.raw_query(), Vec::new());
    while let Some(row) = rows.next().expect("a step") {
        steps.push(row.get(3).expect("its text"));
    }
    steps
}

// L30
#[test]
fn no_statement_scans_a_table_that_grows() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file::prepare(&folder.path().join("tasks.db")).expect("a path");
    let mut connection = connect::writer(&path, &SqliteOptions::default()).expect("a connection");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let trace = move |event: TraceEvent<'_>| {
        // What a foreign key does of itself is a comment.
        if let TraceEvent::Stmt(_, sql) = event
            && !sql.starts_with("--")
        {
            note.lock().expect("the list").push(sql.to_owned());
        }
    };
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(trace)).expect("a trace");
    let mut rows = SqliteRows::new(&connection);
    let new = NewTask::new(id(), session(), "probe", json!({}));
    let task = ready(verbs::create(&mut rows, new, now())).expect("a task").task;
    ready(read(&mut rows, &task));
    ready(write(&mut rows, &task));
    drop(rows);
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, None::<fn(TraceEvent<'_>)>).expect("no trace");
    let mut seen = std::mem::take(&mut *seen.lock().expect("the list"));
    seen.sort();
    seen.dedup();

    let squeezed: Vec<String> = seen.iter().map(|sql| squeezed(sql)).collect();
    for text in written() {
        assert!(squeezed.iter().any(|sql| sql.starts_with(&text)), "no plan was looked at of: {text}");
    }
    let (mut used, mut scans) = ([false; EXPECTED.len()], Vec::new());
    for (sql, squeezed) in seen.iter().zip(&squeezed) {
        for step in plan(&connection, sql) {
            // A constant, and the words of a filter, are no tables.
            let looks_at_all = step.starts_with("SCAN ")
                && !["SCAN CONSTANT", "SCAN json_each"].iter().any(|no_table| step.starts_with(no_table));
            if !looks_at_all && !step.contains("TEMP B-TREE") && !step.contains("AUTOMATIC") {
                continue;
            }
            let expected =
                |(begins, what, _): &(&str, &str, &str)| squeezed.starts_with(begins) && step.starts_with(what);
            match EXPECTED.iter().position(expected) {
                Some(at) => used[at] = true,
                None => scans.push(format!("{step}: {squeezed}")),
            }
        }
    }
    assert!(scans.is_empty(), "{scans:#?}");
    for (used, (begins, what, _)) in used.iter().zip(EXPECTED) {
        assert!(used, "{what} is expected of what nobody asks: {begins}");
    }
}
