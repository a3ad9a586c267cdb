//! The record of a task.
//! Does not change it: every change goes through `transition`, `cancel` or `message`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Backoff, Budget, CancelMode, CancelPolicy, ClosePolicy, Fence, HostId, InputRequestId, Priority, Recovery, Schema,
    SessionId, State, TaskId, Timestamp, TraceParent, Usage, Visibility, WakePolicy,
};

/// How far the work has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Done so far.
    pub current: u64,
    /// All there is to do, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What is being done at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// An open question to the session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputRequest {
    /// Never used twice in a task's life (L12).
    pub id: InputRequestId,
    /// What is asked; untrusted text.
    pub prompt: String,
    /// What an answer must satisfy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Schema>,
}

/// The session's wish that a task ends. An intent, not a state (L17).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// When it was first asked for.
    pub requested_at: Timestamp,
    /// Why, as first given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Something that a task left behind beside its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// A file name.
    pub name: String,
    /// Media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Where it lies in the session's files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where it lies elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its length in bytes, where the host holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// Why a task failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskError {
    /// A short word: `trap`, `timeout`, `resource_exhausted`, `orphaned`, ... or one of the kind's own.
    pub kind: String,
    /// What of it: the dimension of the budget for `resource_exhausted` and for `timeout` by a budget. The host's word alone;
    /// a kind's own failures have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// For a person; untrusted text where the kind wrote it.
    pub message: String,
}

/// What a task has to do with elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Links {
    /// The session that works for this task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child_session_id: Option<String>,
    /// The task on another system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_task_id: Option<String>,
    /// Resources, in the order in which they were added, without duplicates (L15).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_ids: Vec<String>,
}

/// Where a task came from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lineage {
    /// The task that created this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// The run in which it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The call that created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The agent that created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
}

/// That a checkpoint exists; its bytes lie beside the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointInfo {
    /// The attempt that wrote it.
    pub attempt: u32,
    /// Its length.
    pub bytes: u64,
    /// When it was accepted.
    pub at: Timestamp,
}

/// What a runner has to do with a task next. Sessions look at `state`; this is the runner's side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No instance; `start` is due at `due_at`.
    Ready,
    /// A host has an instance of it.
    Resident,
    /// No instance; `reconcile` is due at `due_at`, or as soon as a message or a cancel arrives.
    Hibernating,
    /// The task is over.
    Over,
}

impl Phase {
    /// The phase's name, as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Ready => "ready",
            Phase::Resident => "resident",
            Phase::Hibernating => "hibernating",
            Phase::Over => "over",
        }
    }
}

/// One boot of one host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostRef {
    /// Drawn at random at each boot.
    pub id: HostId,
    /// Grows each time the host takes its lease anew.
    pub epoch: u64,
}

/// The runner's side of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// What is to be done.
    pub phase: Phase,
    /// When, for a task without an instance; `None` waits for a message or a cancel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Whether that is no appointment: the task was wanted at once, by the clock of whoever wrote it. It is due then whatever another
    /// clock says, and `due_at` only tells how long it has waited.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub due_at_once: bool,
    /// How often the task has been claimed; part of the fence.
    pub claim: u32,
    /// How many tasks the store had forgotten when this one was created; part of the fence, and no other task of this id has
    /// the same (L55).
    #[serde(default, skip_serializing_if = "crate::fence::is_zero")]
    pub birth: u64,
    /// The digest of the component that the task began with, and goes on with through all its attempts (L43). None before its
    /// first claim, and for native kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Who holds the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostRef>,
    /// When the first instance of the current attempt was made; what `attempt_timeout_ms` counts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_started_at: Option<Timestamp>,
    /// What counts of the current attempt's consumption towards its budget (L40).
    #[serde(default)]
    pub attempt_usage: Usage,
    /// When that was reckoned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_usage_at: Option<Timestamp>,
    /// Messages to the task that no instance has taken yet.
    pub unread: u32,
    /// Messages that the instance has taken since its newest checkpoint. They exist in its memory alone, and come back if it
    /// is lost.
    #[serde(default)]
    pub held: u32,
    /// Whether an instance has been told of the cancel.
    pub cancel_delivered: bool,
    /// Whether a child has ended since the newest claim (L42).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub child_ended: bool,
    /// Whether the newest claim woke a hibernating task, so that its instance owes `reconcile` and not `start`.
    #[serde(default)]
    pub resumed: bool,
    /// The newest question's id; a further one sorts after it (L12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_input_request: Option<InputRequestId>,
}

/// A session task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The task's id.
    pub id: TaskId,
    /// The session that owns it.
    pub session_id: SessionId,
    /// The kind's name.
    pub kind: String,
    /// What a person reads.
    pub display_name: String,
    /// Unique among the session's live tasks (L21).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<String>,
    /// What it was made for. Null in events: a specification is read from the task alone.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub spec: Value,
    /// Where it stands.
    pub state: State,
    /// What it is doing, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_detail: Option<String>,
    /// How far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The open question; present exactly in `awaiting_input` (L10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_request: Option<InputRequest>,
    /// The wish that it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Cancel>,
    /// One line about the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Where the result lies in the session's files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_path: Option<String>,
    /// What it left behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// Why it failed; also, while it is live, why its last attempt did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TaskError>,
    /// Starts at 1 and only grows (L7).
    pub attempt: u32,
    /// Attempts that failures may use up, the first included.
    pub max_attempts: u32,
    /// Attempts ended by a failure that asked for a retry.
    pub retries: u32,
    /// Attempts ended by the loss of a host.
    pub crashes: u32,
    /// How long to wait between attempts.
    pub backoff: Backoff,
    /// How long one attempt may take from its first instance on, hibernation included, in milliseconds. An attempt beyond
    /// it has failed with `timeout` and is tried again like any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_timeout_ms: Option<u64>,
    /// What follows the loss of the host that has an instance of it.
    #[serde(default)]
    pub recovery: Recovery,
    /// When the next attempt is due, between two attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// The last sign of life, for work that runs elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_at: Option<Timestamp>,
    /// What it has to do with elsewhere.
    #[serde(default)]
    pub links: Links,
    /// Where it came from.
    #[serde(default)]
    pub parent: Lineage,
    /// How many generations it lies below a task that no instance has begun; 0 for such a task (L41).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u32,
    /// The kinds of its ancestors whose grants bound its own; set by the host when an instance begins it, and empty for what
    /// no instance has begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub granted_within: Vec<String>,
    /// When the session is woken.
    pub wake_policy: WakePolicy,
    /// How it is ended before its time.
    pub cancel_policy: CancelPolicy,
    /// What happens to it when its session closes.
    pub close_policy: ClosePolicy,
    /// Whether lists show it.
    pub visibility: Visibility,
    /// When the session took note of how the hidden task ended (L54).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<Timestamp>,
    /// The creator's key for idempotent creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// When it must be over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Which of its session's due tasks are handed out first (L57).
    #[serde(default, skip_serializing_if = "Priority::is_normal")]
    pub priority: Priority,
    /// Whether it takes messages that answer no question (L56).
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub takes_messages: bool,
    /// Where in a trace its creator was; what an instance begins has its parent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceParent>,
    /// Whether there is a checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointInfo>,
    /// What its creator allows an attempt at most; the operator and the kind may allow less.
    #[serde(default = "Budget::unlimited", skip_serializing_if = "Budget::is_unlimited")]
    pub budget: Budget,
    /// What its attempt was allowed in the end: written when an instance is gone, as `usage` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Budget>,
    /// What its instances have consumed, of all attempts.
    #[serde(default)]
    pub usage: Usage,
    /// The runner's side.
    pub dispatch: Dispatch,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it first left `queued` (L8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was over (L8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// When it last changed; a heartbeat is no change.
    pub updated_at: Timestamp,
    /// Grows with every change that is stored.
    pub version: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a record of a task says that was created before this could be said.
fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_yes(said: &bool) -> bool {
    *said
}

impl Task {
    /// Who may write to it now.
    #[must_use]
    pub fn fence(&self) -> Fence {
        Fence { attempt: self.attempt, claim: self.dispatch.claim, birth: self.dispatch.birth }
    }

    /// What counts of the current attempt's consumption now, under a budget: what was used before, less what was regained
    /// since (L40).
    #[must_use]
    pub fn attempt_usage(&self, budget: &Budget, now: Timestamp) -> Usage {
        match self.dispatch.attempt_usage_at {
            Some(at) => budget.regained(&self.dispatch.attempt_usage, now - at),
            None => self.dispatch.attempt_usage,
        }
    }

    /// When the current attempt has taken as long as it may.
    #[must_use]
    pub fn attempt_ends_at(&self) -> Option<Timestamp> {
        let timeout = chrono::TimeDelta::try_milliseconds(i64::try_from(self.attempt_timeout_ms?).ok()?)?;
        self.dispatch.attempt_started_at?.checked_add_signed(timeout)
    }

    /// When a wanted cancel stops being a wish: at the end of its grace, or at once where the policy is to abort. `None` where
    /// nobody wants the task to end, where only the owner of the work elsewhere can end it, and where the grace is longer
    /// than time can be counted.
    #[must_use]
    pub fn cancel_forced_at(&self) -> Option<Timestamp> {
        let cancel = self.cancel.as_ref()?;
        let grace_ms = match self.cancel_policy.mode {
            CancelMode::Abort => 0,
            CancelMode::Cooperative => i64::try_from(self.cancel_policy.grace_ms).ok()?,
            CancelMode::External => return None,
        };
        cancel.requested_at.checked_add_signed(chrono::TimeDelta::try_milliseconds(grace_ms)?)
    }

    /// Makes it due for a host at a time, unless no host runs it (L51).
    pub(crate) fn make_due(&mut self, at: Timestamp) {
        self.dispatch.due_at = (self.recovery != Recovery::External).then_some(at);
    }

    /// Whether it waits for a host now.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.dispatch.due_at.is_some_and(|at| self.dispatch.due_at_once || at <= now)
    }

    /// The folder of the task in its session's files.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("/.tasks/{}", self.id)
    }

    /// The record as an event shows it: without the specification, which can be large and never changes.
    #[must_use]
    pub fn snapshot(&self) -> Task {
        Task { spec: Value::Null, ..self.clone() }
    }
}
