//! How a task begins.
//! Does not look for tasks that exist already: a store does, and asks `same_content` when it finds one.

use serde_json::Value;

use crate::external::check_external;
use crate::size::check_len;
use crate::{
    Backoff, Budget, CancelPolicy, ClosePolicy, Dispatch, Lineage, Links, Phase, Priority, Recovery, Rejection,
    SessionId, State, Task, TaskId, Timestamp, TraceParent, Usage, Visibility, WakePolicy, clean_line, limit,
};

/// Words that no task may be named.
const RESERVED_NAMES: [&str; 4] = ["parent", "self", "all", "broadcast"];

/// A task that is to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTask {
    /// Made by the caller. The same id with the same content again is the same task (L21).
    pub id: TaskId,
    /// Who owns it.
    pub session_id: SessionId,
    /// The kind's name.
    pub kind: String,
    /// What a person reads; the kind's name if empty.
    pub display_name: String,
    /// A name of its own, unique among the session's live tasks.
    pub name: Option<String>,
    /// Who creates it.
    pub producer: Option<String>,
    /// What it is for. Checked against the kind's schema by the caller.
    pub spec: Value,
    /// Attempts that failures may use up; at least 1.
    pub max_attempts: u32,
    /// How long to wait between attempts.
    pub backoff: Backoff,
    /// How long one attempt may take, in milliseconds; at least 1.
    pub attempt_timeout_ms: Option<u64>,
    /// What an attempt may use at most. It narrows what the operator and the kind allow and never widens it.
    pub budget: Budget,
    /// What follows the loss of its host.
    pub recovery: Recovery,
    /// Where it comes from.
    pub parent: Lineage,
    /// When the session is woken.
    pub wake_policy: WakePolicy,
    /// How it is ended before its time.
    pub cancel_policy: CancelPolicy,
    /// What happens to it when its session closes.
    pub close_policy: ClosePolicy,
    /// Whether lists show it.
    pub visibility: Visibility,
    /// A key that makes creation idempotent within the session without choosing an id.
    pub idempotency_key: Option<String>,
    /// When it must be over.
    pub deadline: Option<Timestamp>,
    /// Which of its session's due tasks are handed out first.
    pub priority: Priority,
    /// Not to be started before.
    pub not_before: Option<Timestamp>,
    /// Whether it takes messages that answer no question; what its kind says of itself. A creation that is repeated may say
    /// something else: the first stands.
    pub takes_messages: bool,
    /// Where in a trace its creator is.
    pub traceparent: Option<TraceParent>,
}

impl NewTask {
    /// A task with the defaults: one attempt, bound to its host, silent, cooperative cancel, kept on close, listed.
    #[must_use]
    pub fn new(id: TaskId, session_id: SessionId, kind: impl Into<String>, spec: Value) -> Self {
        Self {
            id,
            session_id,
            kind: kind.into(),
            display_name: String::new(),
            name: None,
            producer: None,
            spec,
            max_attempts: 1,
            backoff: Backoff::default(),
            attempt_timeout_ms: None,
            budget: Budget::UNLIMITED,
            recovery: Recovery::default(),
            parent: Lineage::default(),
            wake_policy: WakePolicy::default(),
            cancel_policy: CancelPolicy::default(),
            close_policy: ClosePolicy::default(),
            visibility: Visibility::default(),
            idempotency_key: None,
            deadline: None,
            priority: Priority::default(),
            not_before: None,
            takes_messages: true,
            traceparent: None,
        }
    }
}

/// Makes the record of a new task.
///
/// # Errors
/// `Invalid`, `TooLarge` or `TooDeep` for the first part that is not acceptable.
pub fn create(mut new: NewTask, now: Timestamp) -> Result<Task, Rejection> {
    new.check_storable()?;
    let invalid = |field: &str, problem: String| Err(Rejection::Invalid { field: field.to_owned(), problem });
    let word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    check_len("kind", new.kind.len(), limit::KIND_BYTES)?;
    if new.kind.is_empty() || !word(&new.kind) {
        return invalid("kind", "expected letters, digits and `_-.`".to_owned());
    }
    if let Some(name) = &new.name {
        check_len("name", name.len(), limit::NAME_BYTES)?;
        if name.is_empty() || !word(name) {
            return invalid("name", "expected letters, digits and `_-.`".to_owned());
        }
        // Whoever looks for a task by the beginning of its id must not find another one.
        if TaskId::begins_like_one(name) {
            return invalid("name", format!("`{name}` reads like the beginning of a task's id; choose another"));
        }
        if RESERVED_NAMES.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
            return invalid("name", format!("`{name}` is reserved; choose another"));
        }
    }
    check_len("display_name", new.display_name.len(), limit::DISPLAY_NAME_BYTES)?;
    check_len("producer", new.producer.as_ref().map_or(0, String::len), limit::PRODUCER_BYTES)?;
    check_len("spec", new.spec.to_string().len(), limit::SPEC_BYTES)?;
    if new.max_attempts == 0 {
        return invalid("max_attempts", "expected at least 1".to_owned());
    }
    if new.recovery == Recovery::External {
        check_external(&new)?;
    }
    if new.attempt_timeout_ms == Some(0) {
        return invalid("attempt_timeout_ms", "expected at least 1".to_owned());
    }
    if !new.backoff.factor.is_finite() {
        return invalid("backoff.factor", "expected a finite number".to_owned());
    }
    let display_name = clean_line(&new.display_name, limit::DISPLAY_NAME_BYTES);
    Ok(Task {
        display_name: if display_name.is_empty() { new.kind.clone() } else { display_name },
        id: new.id,
        session_id: new.session_id,
        kind: new.kind,
        name: new.name,
        producer: new.producer.map(|text| clean_line(&text, limit::PRODUCER_BYTES)),
        spec: new.spec,
        state: State::Queued,
        state_detail: None,
        progress: None,
        input_request: None,
        cancel: None,
        summary: None,
        result_path: None,
        artifacts: Vec::new(),
        error: None,
        attempt: 1,
        max_attempts: new.max_attempts,
        retries: 0,
        crashes: 0,
        backoff: new.backoff,
        attempt_timeout_ms: new.attempt_timeout_ms,
        recovery: new.recovery,
        retry_at: None,
        heartbeat_at: None,
        links: Links::default(),
        parent: new.parent,
        depth: 0,
        granted_within: Vec::new(),
        wake_policy: new.wake_policy,
        cancel_policy: new.cancel_policy,
        close_policy: new.close_policy,
        visibility: new.visibility,
        reported_at: None,
        idempotency_key: new.idempotency_key,
        deadline: new.deadline,
        priority: new.priority,
        takes_messages: new.takes_messages,
        traceparent: new.traceparent,
        checkpoint: None,
        budget: new.budget,
        allowed: None,
        usage: Usage::default(),
        dispatch: Dispatch {
            phase: Phase::Ready,
            // L51
            due_at: (new.recovery != Recovery::External).then(|| new.not_before.unwrap_or(now)),
            due_at_once: new.recovery != Recovery::External && new.not_before.is_none_or(|at| at <= now),
            claim: 0,
            // A store that has forgotten some says so when it writes the record.
            birth: 0,
            code: None,
            host: None,
            attempt_started_at: None,
            attempt_usage: Usage::default(),
            attempt_usage_at: None,
            unread: 0,
            held: 0,
            cancel_delivered: false,
            child_ended: false,
            resumed: false,
            last_input_request: None,
        },
        created_at: now,
        started_at: None,
        finished_at: None,
        updated_at: now,
        version: 1,
    })
}

/// Whether a creation that names an existing task asks for that very task (L21): everything its creator decides is equal.
/// The id is not compared, since an idempotency key may have found the task, and neither is `not_before`, which is over
/// once the task has started, nor `traceparent`: who asks again does so from another place of the trace.
#[must_use]
pub fn same_content(stored: &Task, wanted: &Task) -> bool {
    stored.session_id == wanted.session_id
        && stored.kind == wanted.kind
        && stored.display_name == wanted.display_name
        && stored.name == wanted.name
        && stored.producer == wanted.producer
        && stored.spec == wanted.spec
        && stored.max_attempts == wanted.max_attempts
        && stored.backoff == wanted.backoff
        && stored.attempt_timeout_ms == wanted.attempt_timeout_ms
        && stored.budget == wanted.budget
        && stored.recovery == wanted.recovery
        && stored.parent == wanted.parent
        && stored.wake_policy == wanted.wake_policy
        && stored.cancel_policy == wanted.cancel_policy
        && stored.close_policy == wanted.close_policy
        && stored.visibility == wanted.visibility
        && stored.idempotency_key == wanted.idempotency_key
        && stored.deadline == wanted.deadline
        && stored.priority == wanted.priority
}
