//! The one function that decides whether and how a task changes.
//! Does not store anything: it returns the record as it would be, with what must be written beside it.

use serde_json::Value;

use crate::size::{check_len, check_sizes};
use crate::wake::causes_of_change;
use crate::{
    Budget, CheckpointInfo, DispatchChange, EventBody, Fence, InputRequest, InputRequestId, Links, Phase, Recovery,
    State, Supersede, Task, TaskUpdate, Timestamp, Usage, Visibility, WakeCause, check_fence, clean_line, clean_text,
    limit,
};

/// Why the core did not do what was asked. Nothing has changed, `updated_at` included (L3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Another instance has taken over.
    #[error("superseded: the write is of {expected}, the task is at {actual}")]
    Superseded {
        /// Whose write it was.
        expected: Fence,
        /// Who may write.
        actual: Fence,
    },
    /// The task is over.
    #[error("the task is over: it is {state} and takes nothing but content under that state")]
    Terminal {
        /// How it ended.
        state: State,
    },
    /// There is no such step.
    #[error("a task cannot go from {from} to {to}")]
    Illegal {
        /// Where it is.
        from: State,
        /// Where it was to go.
        to: State,
    },
    /// The task began with other code, and goes on with that alone.
    #[error("the task began with the code {expected} and does not go on with {}", actual.as_deref().unwrap_or("code without a digest"))]
    OtherCode {
        /// What it began with.
        expected: String,
        /// What was offered.
        actual: Option<String>,
    },
    /// The instance is not where the change needs it.
    #[error("the task is {actual}: this change needs it to be {expected}", actual = actual.as_str())]
    OutOfPhase {
        /// Where it would have to be.
        expected: &'static str,
        /// Where it is.
        actual: Phase,
    },
    /// The session wants the task to end, so it begins nothing more.
    #[error("the task is asked to end and begins no further ones")]
    Canceling,
    /// What it would begin under was canceled.
    #[error("{lineage} was canceled, and nothing begins under it any more")]
    CanceledLineage {
        /// The run or the task.
        lineage: String,
    },
    /// The task's kind takes answers to its questions alone.
    #[error("tasks of the kind `{kind}` take no messages, only answers to their questions")]
    NotAccepting {
        /// The kind.
        kind: String,
    },
    /// There are, or would be, too many children.
    #[error("{limit}: {wanted} wanted, {allowed} allowed")]
    TooManyChildren {
        /// Which limit: `children_depth`, `children_live` or `children_per_minute`.
        limit: &'static str,
        /// How much is allowed.
        allowed: u32,
        /// What it would have come to.
        wanted: u32,
    },
    /// A part of the update is not acceptable.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which part, as a path.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A part nests too deep to be stored.
    #[error("{field}: nests {actual} deep; at most {allowed} are allowed")]
    TooDeep {
        /// Which part.
        field: &'static str,
        /// The limit, in lists and objects within each other.
        allowed: usize,
        /// What was given.
        actual: usize,
    },
    /// A part of the update is too large.
    #[error("{field}: {actual} where at most {allowed} are allowed")]
    TooLarge {
        /// Which part.
        field: &'static str,
        /// The limit, in bytes or entries.
        allowed: usize,
        /// What was given.
        actual: usize,
    },
}

/// What is to be written beside the record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Payloads {
    /// The result, if it changed.
    pub result: Option<Value>,
    /// The checkpoint, if it changed.
    pub checkpoint: Option<Vec<u8>>,
}

/// What becomes of the messages that an instance holds (L39).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Held {
    /// They are still held, or there are none.
    #[default]
    AsBefore,
    /// They are taken for good: what they told is in a checkpoint, or the instance has left by itself.
    Settled,
    /// They are unread again.
    GivenBack,
}

/// An accepted change. A store writes all of it in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The record after the change.
    pub task: Task,
    /// Whether the record differs from the one before. If not, nothing is written.
    pub changed: bool,
    /// What the session's log says, in order.
    pub events: Vec<EventBody>,
    /// For what the session is woken.
    pub wakes: Vec<WakeCause>,
    /// What is written beside the record.
    pub payloads: Payloads,
    /// What becomes of the messages that the instance holds.
    pub held: Held,
}

/// Decides one update.
///
/// # Errors
/// A `Rejection` that says why nothing changes.
pub fn apply(task: &Task, mut update: TaskUpdate, now: Timestamp) -> Result<Applied, Rejection> {
    update.check_storable()?;
    check_fence(task, update.fence)?;
    check_sizes(&update)?;
    if task.state.is_terminal() {
        check_terminal(task, &update)?;
    }
    let before = task;
    let mut task = task.clone();
    let mut changes: Vec<&'static str> = Vec::new();
    let mut payloads = Payloads::default();
    if let Some(state) = update.state {
        let asked = update.input_request.is_some() && state == State::AwaitingInput;
        if !asked {
            check_step(before.state, state)?;
        }
        if state == State::Succeeded && update.error.is_some() {
            return Err(Rejection::Invalid { field: "error".to_owned(), problem: "a success has none".to_owned() });
        }
    }

    merge_content(&mut task, &update, &mut changes)?;
    if let Some(result) = update.result {
        task.result_path = Some(format!("{}/result.json", task.folder()));
        payloads.result = Some(result);
        changes.push("result");
    }
    if let Some(bytes) = update.checkpoint {
        task.checkpoint = Some(CheckpointInfo { attempt: task.attempt, bytes: bytes.len() as u64, at: now });
        payloads.checkpoint = Some(bytes);
    }
    let ends = update.state.is_some_and(State::is_terminal);
    let leaves = Leaves {
        something: ends
            || payloads.checkpoint.is_some()
            || matches!(update.dispatch, Some(DispatchChange::Hibernate { .. })),
        nothing: update.supersede.is_some() || matches!(update.dispatch, Some(DispatchChange::Release)),
    };
    // L14: an outcome beats a question in the same update.
    if let (Some(request), false) = (update.input_request, ends) {
        let id = InputRequestId::after(task.dispatch.last_input_request.as_ref(), now, request.random);
        task.dispatch.last_input_request = Some(id.clone());
        let prompt = clean_text(&request.prompt, limit::PROMPT_BYTES);
        task.input_request = Some(InputRequest { id, prompt, expected: request.expected });
        changes.push("input_request");
        enter(&mut task, State::AwaitingInput, now);
    } else if let Some(state) = update.state {
        enter(&mut task, state, now);
    }
    if update.cancel_delivered {
        task.dispatch.cancel_delivered = true;
    }
    if update.heartbeat {
        task.heartbeat_at = Some(now);
    }
    if update.reported {
        if before.state.is_live() || before.visibility != Visibility::Hidden {
            return Err(Rejection::Invalid {
                field: "reported".to_owned(),
                problem: "only the end of a hidden task is taken note of".to_owned(),
            });
        }
        task.reported_at.get_or_insert(now);
    }
    if let Some(supersede) = update.supersede {
        if ends {
            return Err(Rejection::Invalid {
                field: "supersede".to_owned(),
                problem: "an update that ends the task cannot begin an attempt".to_owned(),
            });
        }
        if task.recovery == Recovery::External && matches!(supersede, Supersede::Retry { .. }) {
            return Err(Rejection::Invalid {
                field: "supersede".to_owned(),
                problem: "work that is done elsewhere is tried again there".to_owned(),
            });
        }
        begin_attempt(&mut task, &supersede, now, &mut changes);
    }
    if let (Some(change), false) = (update.dispatch, ends) {
        change_dispatch(&mut task, change, now)?;
    }
    let held = settle_held(&mut task, &leaves);
    consume(&mut task, before.attempt, update.usage, update.allowed, now);
    if before.state != task.state {
        changes.push("state");
        if before.input_request.is_some() && task.input_request.is_none() {
            changes.push("input_request");
        }
    }
    Ok(Applied { held, ..finish(before, task, &changes, payloads, now) })
}

/// L40: what an instance has used counts towards its attempt's budget, less what the attempt has regained since.
fn consume(task: &mut Task, attempt: u32, used: Usage, allowed: Option<Budget>, now: Timestamp) {
    task.usage = task.usage.plus(used);
    if let Some(allowed) = allowed {
        task.allowed = Some(allowed);
    }
    // What an attempt used that is over by this very update counts for nothing any more.
    if task.attempt == attempt && used != Usage::default() {
        let counts = match &task.allowed {
            Some(budget) => task.attempt_usage(budget, now),
            None => task.dispatch.attempt_usage,
        };
        task.dispatch.attempt_usage = counts.plus(used);
        task.dispatch.attempt_usage_at = Some(now);
    }
}

/// What an update says about the memory of the instance.
struct Leaves {
    /// What it knew is kept, or it left by itself and knew what it did.
    something: bool,
    /// It is gone, and the next one begins at the checkpoint.
    nothing: bool,
}

/// L39: what the lost memory of an instance knew of messages is given again.
fn settle_held(task: &mut Task, leaves: &Leaves) -> Held {
    if task.dispatch.held == 0 {
        return Held::AsBefore;
    }
    if leaves.something {
        task.dispatch.held = 0;
        return Held::Settled;
    }
    if leaves.nothing {
        task.dispatch.unread += std::mem::take(&mut task.dispatch.held);
        return Held::GivenBack;
    }
    Held::AsBefore
}

/// Compares, stamps and derives events and wakes. `changes` are those that a session can see.
pub(crate) fn finish(
    before: &Task,
    mut task: Task,
    changes: &[&'static str],
    payloads: Payloads,
    now: Timestamp,
) -> Applied {
    if task.dispatch.due_at != before.dispatch.due_at {
        task.dispatch.due_at_once = task.dispatch.due_at.is_some_and(|at| at <= now);
    }
    let changed = task != *before || payloads != Payloads::default();
    let mut events = Vec::new();
    if changed {
        task.version += 1;
        // A sign of life alone is no change of the record (L26).
        let beat = Task { heartbeat_at: before.heartbeat_at, version: before.version, ..task.clone() };
        if beat != *before || payloads != Payloads::default() {
            task.updated_at = now.max(before.updated_at);
        }
        if !changes.is_empty() {
            let mut changes: Vec<String> = changes.iter().map(|&name| name.to_owned()).collect();
            changes.dedup();
            events.push(EventBody::Updated { task: Box::new(task.snapshot()), changes });
        }
    }
    let wakes = causes_of_change(before, &task);
    Applied { task, changed, events, wakes, payloads, held: Held::AsBefore }
}

/// L1, L2: what a finished task still takes.
fn check_terminal(task: &Task, update: &TaskUpdate) -> Result<(), Rejection> {
    let other_state = update.state.is_some_and(|state| state != task.state);
    let error_on_success = task.state == State::Succeeded && update.error.is_some();
    if other_state || error_on_success || update.asks_for_life() {
        return Err(Rejection::Terminal { state: task.state });
    }
    Ok(())
}

fn check_step(from: State, to: State) -> Result<(), Rejection> {
    let legal = from == to
        || match to {
            State::Queued => false,
            // A question brings a task here, nothing else.
            State::AwaitingInput => false,
            State::Running | State::Succeeded | State::Failed | State::Canceled => from.is_live(),
        };
    if legal { Ok(()) } else { Err(Rejection::Illegal { from, to }) }
}

/// Enters a state and stamps what L8 to L10 demand.
pub(crate) fn enter(task: &mut Task, state: State, now: Timestamp) {
    task.state = state;
    if state != State::Queued && task.started_at.is_none() {
        task.started_at = Some(now);
    }
    if state != State::AwaitingInput {
        task.input_request = None;
    }
    if state.is_terminal() {
        task.finished_at.get_or_insert(now);
        task.state_detail = None;
        task.retry_at = None;
        task.dispatch.phase = Phase::Over;
        task.dispatch.due_at = None;
        task.dispatch.host = None;
        if state == State::Succeeded {
            // What an earlier attempt stumbled over is history (L2: no error on a success).
            task.error = None;
        }
    }
}

fn merge_content(task: &mut Task, update: &TaskUpdate, changes: &mut Vec<&'static str>) -> Result<(), Rejection> {
    let mut set = |name: &'static str, differs: bool| {
        if differs {
            changes.push(name);
        }
    };
    if let Some(detail) = &update.state_detail {
        let detail = detail.as_ref().map(|text| clean_line(text, limit::STATE_DETAIL_BYTES));
        set("state_detail", task.state_detail != detail);
        task.state_detail = detail;
    }
    if let Some(progress) = &update.progress {
        let mut progress = progress.clone();
        progress.unit = progress.unit.map(|text| clean_line(&text, limit::PROGRESS_UNIT_BYTES));
        progress.label = progress.label.map(|text| clean_line(&text, limit::PROGRESS_LABEL_BYTES));
        set("progress", task.progress.as_ref() != Some(&progress));
        task.progress = Some(progress);
    }
    if let Some(summary) = &update.summary {
        let summary = Some(clean_text(summary, limit::SUMMARY_BYTES));
        set("summary", task.summary != summary);
        task.summary = summary;
    }
    if let Some(error) = &update.error {
        let error = Some(crate::TaskError {
            detail: error.detail.as_ref().map(|text| clean_line(text, limit::ERROR_KIND_BYTES)),
            kind: clean_line(&error.kind, limit::ERROR_KIND_BYTES),
            message: clean_text(&error.message, limit::ERROR_MESSAGE_BYTES),
        });
        set("error", task.error != error);
        task.error = error;
    }
    if !update.artifacts.is_empty() {
        check_len("artifacts", task.artifacts.len() + update.artifacts.len(), limit::ARTIFACTS)?;
        task.artifacts.extend(update.artifacts.iter().map(|artifact| crate::Artifact {
            name: clean_line(&artifact.name, limit::ARTIFACT_NAME_BYTES),
            media_type: clean_line(&artifact.media_type, limit::ARTIFACT_TYPE_BYTES),
            url: artifact.url.as_ref().map(|url| clean_line(url, limit::ARTIFACT_URL_BYTES)),
            ..artifact.clone()
        }));
        set("artifacts", true);
    }
    set("links", merge_links(&mut task.links, &update.links)?);
    Ok(())
}

/// L15. Says whether anything was new.
fn merge_links(links: &mut Links, more: &Links) -> Result<bool, Rejection> {
    let before = links.clone();
    let clean = |text: &String| clean_line(text, limit::LINK_BYTES);
    if let Some(id) = &more.child_session_id {
        links.child_session_id = Some(clean(id));
    }
    if let Some(id) = &more.remote_task_id {
        links.remote_task_id = Some(clean(id));
    }
    for id in more.resource_ids.iter().map(clean) {
        if !links.resource_ids.contains(&id) {
            links.resource_ids.push(id);
        }
    }
    check_len("links.resource_ids", links.resource_ids.len(), limit::RESOURCE_IDS)?;
    Ok(*links != before)
}

/// L7: the attempt grows in the write that ends the one before.
fn begin_attempt(task: &mut Task, supersede: &Supersede, now: Timestamp, changes: &mut Vec<&'static str>) {
    task.attempt += 1;
    task.dispatch.phase = Phase::Ready;
    task.dispatch.host = None;
    task.dispatch.cancel_delivered = false;
    task.dispatch.attempt_started_at = None;
    task.dispatch.attempt_usage = Usage::default();
    task.dispatch.attempt_usage_at = None;
    changes.push("attempt");
    match supersede {
        Supersede::Retry { at } => {
            task.retries += 1;
            task.retry_at = Some(*at);
            task.make_due(*at);
            // The question was the failed attempt's own.
            if task.state == State::AwaitingInput {
                enter(task, State::Running, now);
            }
            changes.push("retry_at");
        }
        Supersede::Reattach => {
            // Work elsewhere that somebody else takes on has harmed no host.
            task.crashes += u32::from(task.recovery != Recovery::External);
            task.retry_at = None;
            task.make_due(now);
        }
    }
}

fn change_dispatch(task: &mut Task, change: DispatchChange, now: Timestamp) -> Result<(), Rejection> {
    let phase = task.dispatch.phase;
    let needs = |ok: bool, expected: &'static str| {
        if ok { Ok(()) } else { Err(Rejection::OutOfPhase { expected, actual: phase }) }
    };
    match change {
        DispatchChange::Claim { host, code } => {
            needs(matches!(phase, Phase::Ready | Phase::Hibernating), "ready or hibernating")?;
            check_len("code", code.as_ref().map_or(0, String::len), limit::CODE_BYTES)?;
            match &task.dispatch.code {
                // L43
                Some(expected) if code.as_ref() != Some(expected) => {
                    return Err(Rejection::OtherCode { expected: expected.clone(), actual: code });
                }
                Some(_) => {}
                None => task.dispatch.code = code,
            }
            task.dispatch.phase = Phase::Resident;
            task.dispatch.claim += 1;
            task.dispatch.resumed = phase == Phase::Hibernating;
            task.dispatch.host = Some(host);
            task.dispatch.due_at = None;
            // The instance looks at its children as they are now.
            task.dispatch.child_ended = false;
            task.retry_at = None;
            task.dispatch.attempt_started_at.get_or_insert(now);
            if task.state == State::Queued {
                enter(task, State::Running, now);
            }
        }
        DispatchChange::Hibernate { until, ignored } => {
            needs(phase == Phase::Resident, "resident")?;
            if task.recovery == Recovery::External {
                return Err(Rejection::Invalid {
                    field: "dispatch".to_owned(),
                    problem: "work that is done elsewhere does not hibernate".to_owned(),
                });
            }
            task.dispatch.phase = Phase::Hibernating;
            task.dispatch.host = None;
            // L44
            let awake = until.map(|at| at.max(now + nap(task.dispatch.attempt_usage.instances)));
            task.dispatch.due_at = earliest_look(task, awake, ignored, now);
        }
        DispatchChange::Release => {
            needs(phase == Phase::Resident, "resident")?;
            task.dispatch.phase = Phase::Ready;
            task.dispatch.host = None;
            task.make_due(now);
            task.dispatch.cancel_delivered = false;
        }
    }
    Ok(())
}

/// How long a task that lies down stays down at least, after so many instances of its attempt.
fn nap(instances: u64) -> chrono::TimeDelta {
    if instances < limit::QUICK_INSTANCES { chrono::TimeDelta::zero() } else { limit::NAP }
}

/// When a hibernating task must be looked at again: what it asked for, but at once if something came in that the
/// instance was not offered before it began (L16) or a child has ended meanwhile (L42), and in time for its deadlines
/// and for the end of a cancel's grace.
fn earliest_look(task: &Task, until: Option<Timestamp>, ignored: u32, now: Timestamp) -> Option<Timestamp> {
    let unheard = task.cancel.is_some() && !task.dispatch.cancel_delivered;
    if task.dispatch.unread > ignored || unheard || task.dispatch.child_ended {
        return Some(now);
    }
    [until, task.deadline, task.attempt_ends_at(), task.cancel_forced_at()].into_iter().flatten().min()
}
