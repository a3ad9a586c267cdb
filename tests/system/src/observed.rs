//! What must hold of a session as anybody can see it, whatever happened to its hosts: the rules of docs/lifecycle.md over
//! the log and the records.
//! Does not ask the core: it looks at what was stored.

use std::collections::{BTreeMap, BTreeSet};

use taskwright_runner::registry::{
    Direction, Event, EventBody, MessageId, Phase, SessionId, State, Task, TaskId, WakeCause, WakePolicy,
};
use taskwright_runner::store::{MessagePage, Store, TaskFilter, TaskQuery};

/// A session as it is found.
struct Observed {
    log: Vec<Event>,
    tasks: Vec<Task>,
    /// What the log says of each task, in order.
    lives: BTreeMap<TaskId, Vec<Task>>,
}

type Broken = Vec<String>;

/// Checks everything that can be checked from outside. Gives what is broken; nothing is as it should be.
///
/// # Panics
/// If the store cannot be read.
pub async fn check_session(store: &dyn Store, session: &SessionId) -> Vec<String> {
    let observed = read(store, session).await;
    let mut broken = Broken::new();
    invariant_25_the_log_has_no_gap(&observed, &mut broken);
    for (before, after) in observed.lives.values().flat_map(|life| life.iter().zip(life.iter().skip(1))) {
        for (name, holds) in steps(before, after) {
            if !holds {
                broken.push(format!("{name}: {} from version {} to {}", after.id, before.version, after.version));
            }
        }
    }
    for task in &observed.tasks {
        for (name, holds) in records(task, observed.lives.get(&task.id).map_or(&[], Vec::as_slice)) {
            if !holds {
                broken.push(format!("{name}: {task:?}"));
            }
        }
    }
    invariant_29_every_message_is_told_once_and_counted(store, session, &observed, &mut broken).await;
    invariant_19_no_cause_wakes_twice(store, session, &observed, &mut broken).await;
    broken
}

/// All of a session's log, of which nothing was taken away.
pub(crate) async fn whole_log(store: &dyn Store, session: &SessionId) -> Vec<Event> {
    let mut log: Vec<Event> = Vec::new();
    loop {
        let page = store.events(session, log.len() as u64, 1_000).await.expect("the log");
        if page.events.is_empty() {
            return log;
        }
        log.extend(page.events);
    }
}

async fn read(store: &dyn Store, session: &SessionId) -> Observed {
    let log = whole_log(store, session).await;
    let (mut tasks, mut after) = (Vec::new(), None);
    loop {
        let filter = TaskFilter { ..TaskFilter::all() };
        let query = TaskQuery { filter, after, limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() };
        let page = store.list(session, &query).await.expect("the tasks");
        tasks.extend(page.tasks);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut lives: BTreeMap<TaskId, Vec<Task>> = BTreeMap::new();
    for task in log.iter().filter_map(|event| event.body.task()) {
        lives.entry(task.id.clone()).or_default().push(task.clone());
    }
    Observed { log, tasks, lives }
}

// L25
fn invariant_25_the_log_has_no_gap(observed: &Observed, broken: &mut Broken) {
    if !observed.log.iter().zip(1..).all(|(event, seq)| event.seq == seq) {
        broken.push("invariant_25: the log has a gap".to_owned());
    }
}

/// What must hold between what the log says of a task and what it says next.
fn steps(before: &Task, after: &Task) -> Vec<(&'static str, bool)> {
    let question = |task: &Task| task.input_request.as_ref().map(|open| open.id.clone());
    vec![
        // L1
        ("invariant_1: a terminal state is final", before.state.is_live() || after.state == before.state),
        // L4
        ("invariant_4: the version grows with each change", after.version > before.version),
        // L7
        ("invariant_7: the attempt grows one by one", (before.attempt..=before.attempt + 1).contains(&after.attempt)),
        // L6
        ("invariant_6: the claim number never goes back", after.dispatch.claim >= before.dispatch.claim),
        // L8
        (
            "invariant_8: the stamps are set once",
            (before.started_at.is_none() || after.started_at == before.started_at)
                && (before.finished_at.is_none() || after.finished_at == before.finished_at),
        ),
        // L12
        (
            "invariant_12: a later question has a later id",
            question(after).is_none() || question(before).is_none() || question(after) >= question(before),
        ),
        // L15
        (
            "invariant_15: nothing that was added is lost",
            after.artifacts.starts_with(&before.artifacts)
                && after.links.resource_ids.starts_with(&before.links.resource_ids),
        ),
        // L17
        ("invariant_17: a cancel is never erased", before.cancel.is_none() || after.cancel == before.cancel),
        // L28
        ("invariant_28: no way back to queued", after.state != State::Queued || before.state == State::Queued),
        // L34
        ("invariant_34: updated_at never goes back", after.updated_at >= before.updated_at),
    ]
}

/// What must hold of a record, with what the log says of it.
fn records(task: &Task, life: &[Task]) -> Vec<(&'static str, bool)> {
    let dispatch = &task.dispatch;
    let rest = dispatch.host.is_none() && dispatch.due_at.is_none() && task.retry_at.is_none();
    let names: BTreeSet<_> = task.artifacts.iter().map(|artifact| (&artifact.name, &artifact.path)).collect();
    let last = life.last();
    vec![
        // L2
        ("invariant_2: a success has no error", task.state != State::Succeeded || task.error.is_none()),
        // L7, L22, L36
        ("invariant_7: an attempt ended for a reason", task.attempt == 1 + task.retries + task.crashes),
        // L8
        ("invariant_8: an end has its time", task.finished_at.is_some() == task.state.is_terminal()),
        // L9
        ("invariant_9: what is over is at rest", task.state.is_live() || (dispatch.phase == Phase::Over && rest)),
        // L10
        ("invariant_10: a question is open", task.input_request.is_some() == (task.state == State::AwaitingInput)),
        // L15: an artifact whose reply was lost was written twice.
        ("invariant_15: no artifact is there twice", names.len() == task.artifacts.len()),
        // L27
        ("invariant_27: a host is named", dispatch.host.is_some() == (dispatch.phase == Phase::Resident)),
        // L32
        (
            "invariant_32: the log's last word is the record",
            last.is_some_and(|last| {
                let seen = |task: &Task| (task.state, task.attempt, task.artifacts.len(), task.input_request.clone());
                seen(last) == seen(task)
            }),
        ),
        // L39
        ("invariant_39: nothing is held by nobody", dispatch.held == 0 || dispatch.phase == Phase::Resident),
    ]
}

// L29, L13
async fn invariant_29_every_message_is_told_once_and_counted(
    store: &dyn Store,
    session: &SessionId,
    observed: &Observed,
    broken: &mut Broken,
) {
    let mut told: BTreeMap<TaskId, Vec<MessageId>> = BTreeMap::new();
    for event in &observed.log {
        if let EventBody::MessageSent { message } | EventBody::MessageReceived { message } = &event.body {
            told.entry(event.task_id.clone()).or_default().push(message.id.clone());
        }
    }
    for task in &observed.tasks {
        let page = MessagePage { after: None, limit: 500 };
        let stored = store.messages(session, &task.id, &page).await.expect("messages");
        let stored: Vec<_> = stored.iter().map(|message| message.id.clone()).collect();
        let told = told.remove(&task.id).unwrap_or_default();
        // A page has an end; what it holds is the latest.
        if !told.ends_with(&stored) || told.iter().collect::<BTreeSet<_>>().len() != told.len() {
            broken.push(format!("invariant_29: {} told {told:?} and has {stored:?}", task.id));
        }
        let unread = store.unread(session, &task.id, 500).await.expect("unread messages");
        let inbound = unread.iter().all(|message| message.direction == Direction::Inbound);
        if unread.len() != task.dispatch.unread as usize || !inbound {
            broken.push(format!("invariant_29: {} counts {} and has {unread:?}", task.id, task.dispatch.unread));
        }
    }
}

// L18, L19
async fn invariant_19_no_cause_wakes_twice(
    store: &dyn Store,
    session: &SessionId,
    observed: &Observed,
    broken: &mut Broken,
) {
    let wakes = store.wakes(session, 1_000).await.expect("wakes");
    let mut causes = BTreeSet::new();
    for wake in &wakes {
        if !causes.insert((wake.task_id.clone(), wake.attempt, wake.cause.key())) {
            broken.push(format!("invariant_19: {wake:?} woke twice"));
        }
    }
    for task in &observed.tasks {
        let ends = wakes
            .iter()
            .filter(|wake| wake.task_id == task.id && matches!(wake.cause, WakeCause::Terminal { .. }))
            .count();
        let most = usize::from(task.state.is_terminal() && task.wake_policy != WakePolicy::Silent);
        if ends > most {
            broken.push(format!("invariant_19: {} ends {} and wakes {ends} times", task.id, task.state));
        }
    }
}
