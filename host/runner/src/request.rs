//! A task that is about to be created, put together step by step.
//! Does not create it before `create` is called, and then checks everything first.

use std::time::Duration;

use serde_json::Value;
use taskwright_registry::{
    Backoff, Budget, CancelMode, CancelPolicy, ClosePolicy, InvalidTraceParent, Lineage, NewTask, Priority, Recovery,
    Rejection, Task, TaskId, Timestamp, Visibility, WakePolicy, limit,
};
use taskwright_store::{Created, StoreError};

use crate::{ExternalTask, RunnerError, Session};

/// Made by [`Session::task`].
#[must_use = "nothing is created before `create` is called"]
pub struct TaskRequest<'a> {
    session: &'a Session,
    new: NewTask,
    deadline_in: Option<Duration>,
    not_before_in: Option<Duration>,
    recovery: Option<Recovery>,
    cancel_policy_said: bool,
}

impl<'a> TaskRequest<'a> {
    pub(crate) fn new(session: &'a Session, kind: String, spec: Value) -> Self {
        let id = TaskId::new(session.inner.store.now(), session.inner.chance.bits());
        Self {
            session,
            new: NewTask::new(id, session.id.clone(), kind, spec),
            deadline_in: None,
            not_before_in: None,
            recovery: None,
            cancel_policy_said: false,
        }
    }

    /// The id, for a caller that wants to be able to repeat the creation. A new one otherwise.
    pub fn id(mut self, id: TaskId) -> Self {
        self.new.id = id;
        self
    }

    /// What a person reads.
    pub fn display_name(mut self, text: impl Into<String>) -> Self {
        self.new.display_name = text.into();
        self
    }

    /// A name that is unique among the session's live tasks.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.new.name = Some(name.into());
        self
    }

    /// Who creates the task.
    pub fn producer(mut self, producer: impl Into<String>) -> Self {
        self.new.producer = Some(producer.into());
        self
    }

    /// Attempts that failures may use up; 1 unless said.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.new.max_attempts = attempts;
        self
    }

    /// How long to wait between attempts.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.new.backoff = backoff;
        self
    }

    /// Where the task comes from.
    pub fn parent(mut self, parent: Lineage) -> Self {
        self.new.parent = parent;
        self
    }

    /// When the session is woken; never unless said.
    pub fn wake(mut self, policy: WakePolicy) -> Self {
        self.new.wake_policy = policy;
        self
    }

    /// How the task is ended before its time.
    pub fn cancel_policy(mut self, policy: CancelPolicy) -> Self {
        self.cancel_policy_said = true;
        self.new.cancel_policy = policy;
        self
    }

    /// What happens when the session closes.
    pub fn close_policy(mut self, policy: ClosePolicy) -> Self {
        self.new.close_policy = policy;
        self
    }

    /// Keeps the task out of lists.
    pub fn hidden(mut self) -> Self {
        self.new.visibility = Visibility::Hidden;
        self
    }

    /// A key with which the creation can be repeated: the same key and content is the same task.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.new.idempotency_key = Some(key.into());
        self
    }

    /// When the task must be over.
    pub fn deadline(mut self, at: Timestamp) -> Self {
        self.new.deadline = Some(at);
        self
    }

    /// How long from its creation the task may take, hibernation included; at most `limit::SPAN_DAYS`.
    pub fn deadline_in(mut self, time: Duration) -> Self {
        self.deadline_in = Some(time);
        self
    }

    /// How long one attempt may take from its first instance on, hibernation included, in whole milliseconds. One that takes
    /// longer has failed with `timeout` and is tried again if there are attempts left.
    pub fn attempt_timeout(mut self, time: Duration) -> Self {
        self.new.attempt_timeout_ms = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// What an attempt may use at most. It narrows what the operator and the kind allow and never widens it.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.new.budget = budget;
        self
    }

    /// What follows the loss of the host; what the kind's description allows unless said. A task of a kind that can be
    /// started again may be bound to its host all the same, and not the other way round. `External` says that no host runs it:
    /// whoever does its work takes it on (`register_external`, `Session::take_on`), and its kind may be known to nobody here.
    pub fn recovery(mut self, recovery: Recovery) -> Self {
        self.recovery = Some(recovery);
        self
    }

    /// Which of its session's due tasks are handed out first (L57).
    pub fn priority(mut self, priority: Priority) -> Self {
        self.new.priority = priority;
        self
    }

    /// Not to be started before.
    pub fn not_before(mut self, at: Timestamp) -> Self {
        self.new.not_before = Some(at);
        self
    }

    /// How long after its creation it is started at the earliest; at most `limit::SPAN_DAYS`.
    pub fn not_before_in(mut self, time: Duration) -> Self {
        self.not_before_in = Some(time);
        self
    }

    /// Where in a trace its creator is, as a `traceparent` of W3C Trace Context. It stays in the record, is inherited by the
    /// children that its instances begin, and is a field of the task's spans. A creation that is repeated may come from another
    /// place of the trace: the first stands. Kinds do not see it, and their requests do not carry it.
    ///
    /// # Errors
    /// `InvalidTraceParent`.
    pub fn traceparent(mut self, traceparent: &str) -> Result<Self, InvalidTraceParent> {
        self.new.traceparent = Some(traceparent.parse()?);
        Ok(self)
    }

    /// Creates the task. It is durable when this returns, and the record is returned as it is stored.
    ///
    /// # Errors
    /// `UnknownKind`; `Spec` with a JSON pointer; `CannotReattach`; `Store(Conflict)`, `Store(NameTaken)`,
    /// `Store(Rejected)`. Nothing has been created then.
    pub async fn create(self) -> Result<Task, RunnerError> {
        self.create_or_find().await.map(|created| created.task)
    }

    /// Creates a task whose work is done elsewhere, and takes it on at once: what this returns reports for it. `remote` names the
    /// work where it is done. A creation that is repeated after a restart finds the task, and supersedes whoever had it (L52).
    /// Cancels are passed on and never forced unless `cancel_policy` says something else.
    ///
    /// # Errors
    /// As `create`, without `UnknownKind`; `Store(Rejected(Terminal))` if the task exists and is over.
    pub async fn register_external(mut self, remote: Option<String>) -> Result<ExternalTask, RunnerError> {
        self.recovery = Some(Recovery::External);
        if !self.cancel_policy_said {
            self.new.cancel_policy.mode = CancelMode::External;
        }
        let session = self.session;
        let created = self.create_or_find().await?;
        session.take_on(&created.task.id, remote).await
    }

    /// As `create`, and says whether this call created the task or an earlier one did.
    ///
    /// # Errors
    /// As `create`.
    pub async fn create_or_find(mut self) -> Result<Created, RunnerError> {
        // Before anything copies or checks it.
        self.new.check_storable().map_err(StoreError::Rejected)?;
        let inner = &self.session.inner;
        match inner.catalog.get(&self.new.kind) {
            Ok(kind) => {
                kind.check_spec(&self.new.spec)
                    .map_err(|violation| RunnerError::Spec { kind: self.new.kind.clone(), violation })?;
                self.new.takes_messages = kind.takes_messages();
                let allows = kind.recovery(&self.new.spec);
                self.new.recovery = self.recovery.unwrap_or(allows);
                if self.new.recovery == Recovery::Reattach && allows == Recovery::HostBound {
                    return Err(RunnerError::CannotReattach { kind: self.new.kind.clone() });
                }
            }
            // No host has to know what is done elsewhere.
            Err(_) if self.recovery == Some(Recovery::External) => self.new.recovery = Recovery::External,
            Err(error) => return Err(error),
        }
        let now = inner.store.now();
        if let Some(time) = self.deadline_in {
            self.new.deadline = Some(in_time(now, "deadline", time)?);
        }
        if let Some(time) = self.not_before_in {
            self.new.not_before = Some(in_time(now, "not_before", time)?);
        }
        Ok(inner.store.create(self.new).await?)
    }
}

/// The time so long from now; a span beyond the limit is refused, so that it does not stand for none.
pub(crate) fn in_time(now: Timestamp, field: &str, time: Duration) -> Result<Timestamp, StoreError> {
    let within = Some(time).filter(|time| time.as_millis() <= u128::from(limit::SPAN_MS));
    within.and_then(|time| now.checked_add_signed(chrono::TimeDelta::from_std(time).ok()?)).ok_or_else(|| {
        let problem = format!("{} days from now; at most {} are allowed", time.as_secs() / 86_400, limit::SPAN_DAYS);
        Rejection::Invalid { field: field.to_owned(), problem }.into()
    })
}
