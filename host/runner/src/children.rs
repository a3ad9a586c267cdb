//! The children of one instance's task: begun behind its fence, and seen by nobody else's id.
//! Does not look at the grant beyond its numbers: the sandbox has, before it calls here.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::FutureExt;
use futures::future::select_all;
use serde_json::Value;
use taskwright_registry::{
    Budget, CancelEffect, ChildLimits, Direction, GrantedWithin, MessageId, NewChild as NewChildTask, NewMessage,
    NewTask, Part, Rejection, SessionId, Task, TaskId, clean_line,
};
use taskwright_sandbox::{CHILDREN_AT_ONCE, Child, NewChild, Refusal, SpawnGrant, Spawned};
use taskwright_store::{StoreError, TaskFilter, TaskPage, TaskQuery};

use crate::admission::Slot;
use crate::fenced_writer::FencedWriter;
use crate::kind::Kind;
use crate::metric;
use crate::record_allowance::bytes_of;
use crate::reporter::Reporter;
use crate::request::in_time;
use crate::runner::Inner;
use crate::wait::{deadline, within};

/// Bound to one session, task, attempt and claim.
pub(crate) struct Children {
    /// Native code may keep its host for longer than there is a runner.
    inner: Weak<Inner>,
    writer: Arc<FencedWriter>,
    kind: String,
    trusted: bool,
    /// What the task's own attempt is allowed.
    allowed: Budget,
}

impl Children {
    pub(crate) fn new(inner: &Arc<Inner>, kind: Option<&Kind>, task: &Task, writer: Arc<FencedWriter>) -> Self {
        Self {
            inner: Arc::downgrade(inner),
            writer,
            kind: task.kind.clone(),
            trusted: kind.is_none_or(|kind| kind.grants().is_none()),
            allowed: kind.and_then(|kind| kind.allowed(task)).unwrap_or(task.budget),
        }
    }

    fn inner(&self) -> Result<Arc<Inner>, Refusal> {
        self.inner.upgrade().ok_or(Refusal::Unavailable)
    }

    pub(crate) async fn spawn(&self, child: NewChild, grant: Option<&SpawnGrant>) -> Result<Spawned, Refusal> {
        let inner = self.inner()?;
        self.writer.check("child").map_err(Reporter::refuse)?;
        let unknown = || Refusal::Invalid(format!("kind: there is no kind `{}` here", clean_line(&child.kind, 80)));
        let kind = inner.catalog.get(&child.kind).map_err(|_| unknown())?;
        kind.check_spec(&child.spec).map_err(|violation| Refusal::Invalid(format!("spec: {violation}")))?;
        let within = match grant {
            _ if self.trusted => GrantedWithin::ParentsBounds,
            Some(grant) if grant.delegates.contains(&child.kind) => GrantedWithin::Nobody,
            _ => GrantedWithin::Parent,
        };
        let limits = grant.map_or(ChildLimits::NONE, |grant| ChildLimits {
            max_depth: grant.max_depth,
            max_live: grant.max_live,
            per_minute: grant.per_minute,
        });
        self.writer.records.admit(child.spec.to_string().len())?;
        let now = inner.store.now();
        let id = TaskId::new(now, inner.chance.bits());
        let new = NewTask::new(id, self.writer.session(), child.kind, child.spec);
        let deadline = child.deadline.map(|time| in_time(now, "deadline", time)).transpose();
        let deadline = deadline.map_err(Reporter::refuse)?;
        let task = NewTask {
            display_name: child.display_name.unwrap_or_default(),
            name: child.name,
            producer: Some(self.kind.clone()),
            max_attempts: child.max_attempts,
            budget: child.budget.narrowed_by(&self.allowed),
            deadline,
            attempt_timeout_ms: child.attempt_timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            recovery: kind.recovery(&new.spec),
            takes_messages: kind.takes_messages(),
            ..new
        };
        let new = NewChildTask { fence: self.writer.fence, call: child.call, limits, within, task };
        let created = self.writer.child(new).await.map_err(|error| match error {
            StoreError::Conflict { .. } => Refusal::Invalid(
                "call: it has begun another child; kind and specification of a call stay the same".to_owned(),
            ),
            StoreError::NameTaken { name, .. } => {
                Refusal::Invalid(format!("name: a live task of the session is named `{name}`; choose another"))
            }
            other => Reporter::refuse(other),
        })?;
        Ok(Spawned { id: created.task.id.to_string(), fresh: created.fresh })
    }

    /// The record of a child. What is none is answered like what does not exist.
    async fn own(&self, id: &str) -> Result<Task, Refusal> {
        let none = || Refusal::Invalid(format!("id: this task has no child `{}`", clean_line(id, 80)));
        let Ok(parsed) = id.parse::<TaskId>() else { return Err(none()) };
        let (writer, id) = (&self.writer, &parsed);
        let once = move |session: SessionId| async move { writer.store.get(&session, id).await };
        match writer.insist("child", |_| writer.at_home(once)).await {
            Ok(task) if self.began(&task) => Ok(task),
            Ok(_) | Err(StoreError::NotFound { .. }) => Err(none()),
            Err(error) => Err(Reporter::refuse(error)),
        }
    }

    /// Whether an instance of this task has begun that one. A session may name any parent for what it creates itself.
    fn began(&self, task: &Task) -> bool {
        task.depth > 0 && task.parent.task_id.as_deref() == Some(self.writer.id.as_str())
    }

    pub(crate) async fn list(&self, after: Option<String>) -> Result<Vec<Child>, Refusal> {
        self.writer.check("child").map_err(Reporter::refuse)?;
        let mut after = match after {
            Some(id) => Some(self.own(&id).await?.id),
            None => None,
        };
        let filter = TaskFilter { parent_task_id: Some(self.writer.id.to_string()), ..TaskFilter::all() };
        let mut children = Vec::new();
        loop {
            let query = TaskQuery { filter: filter.clone(), after, limit: CHILDREN_AT_ONCE, ..TaskQuery::default() };
            let once = |session| self.page(session, &query);
            let page = self.writer.insist("child", |_| self.writer.at_home(once)).await.map_err(Reporter::refuse)?;
            children.extend(page.tasks.into_iter().filter(|task| self.began(task)).map(snapshot));
            after = page.next;
            if children.len() >= CHILDREN_AT_ONCE || after.is_none() {
                children.truncate(CHILDREN_AT_ONCE);
                return Ok(children);
            }
        }
    }

    /// A page of what lies below the task in a session. Looks afterwards whether the task is still there: where it has moved
    /// away with its children there would be none, and that is no error of a list (L48).
    async fn page(&self, session: SessionId, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        let page = self.writer.store.list(&session, query).await?;
        self.writer.store.get(&session, &self.writer.id).await?;
        Ok(page)
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Child, Refusal> {
        self.own(id).await.map(snapshot)
    }

    pub(crate) async fn result(&self, id: &str) -> Result<Option<Value>, Refusal> {
        let child = self.own(id).await?;
        let (writer, id) = (&self.writer, &child.id);
        let once = move |session: SessionId| async move { writer.store.result(&session, id).await };
        writer.insist("child", |_| writer.at_home(once)).await.map_err(refuse_of_child)
    }

    /// Waits for the first of these that is over. The place among the tasks at work is somebody else's meanwhile: it may be the
    /// child that needs it.
    pub(crate) async fn wait(
        &self,
        ids: &[String],
        timeout: Option<Duration>,
        slot: &Slot,
    ) -> Result<Option<Child>, Refusal> {
        let inner = self.inner()?;
        let mut changes = Vec::new();
        for id in ids {
            // Subscribed before it is read: a change in between is not missed.
            let Ok(parsed) = id.parse::<TaskId>() else { return self.own(id).await.map(|_| None) };
            changes.push(inner.hub.task(&parsed));
        }
        let deadline = deadline(timeout);
        let works = slot.is_held();
        let ended = loop {
            changes.iter_mut().for_each(|change| change.catch_up());
            let mut ended = None;
            for id in ids {
                let child = self.own(id).await?;
                if child.state.is_terminal() {
                    ended = Some(snapshot(child));
                    break;
                }
            }
            if ended.is_some() {
                break ended;
            }
            slot.release();
            let any = select_all(changes.iter_mut().map(|change| change.changed().boxed()));
            if within(deadline, any).await.is_none() {
                break None;
            }
        };
        if works {
            slot.acquire().await;
        }
        Ok(ended)
    }

    pub(crate) async fn cancel(&self, id: &str, reason: Option<String>) -> Result<(), Refusal> {
        let inner = self.inner()?;
        self.writer.check_record("child").await.map_err(Reporter::refuse)?;
        let child = self.own(id).await?;
        self.writer.records.admit(reason.as_ref().map_or(0, String::len))?;
        // Asked again, it changes nothing more.
        let (writer, id, reason) = (&self.writer, &child.id, &reason);
        let once =
            move |session: SessionId| async move { writer.store.request_cancel(&session, id, reason.clone()).await };
        match writer.insist("child", |_| writer.at_home(once)).await {
            Ok((child, CancelEffect::CanceledBeforeStart)) => {
                metric::task_ended(inner.catalog.label(&child.kind), &child);
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(refuse_of_child(error)),
        }
    }

    pub(crate) async fn message(
        &self,
        id: &str,
        parts: Vec<Part>,
        in_reply_to: Option<String>,
    ) -> Result<String, Refusal> {
        let inner = self.inner()?;
        self.writer.check_record("child").await.map_err(Reporter::refuse)?;
        let child = self.own(id).await?;
        self.writer.records.admit(bytes_of(&parts))?;
        let id = MessageId::new(inner.store.now(), inner.chance.bits());
        let message = NewMessage { id: id.clone(), fence: None, direction: Direction::Inbound, parts, in_reply_to };
        // Its id makes a repetition harmless.
        let (writer, message) = (&self.writer, &message);
        let once = {
            let child = &child.id;
            move |session: SessionId| async move { writer.store.record_message(&session, child, message.clone()).await }
        };
        match writer.insist("child", |_| writer.at_home(once)).await {
            Ok(_) => Ok(id.to_string()),
            Err(error) => Err(refuse_of_child(error)),
        }
    }
}

/// What is wrong with a child is not what is wrong with its parent.
fn refuse_of_child(error: StoreError) -> Refusal {
    match error {
        StoreError::Rejected(Rejection::Terminal { .. }) | StoreError::NotFound { .. } => {
            Refusal::Invalid("id: the child is over".to_owned())
        }
        other => Reporter::refuse(other),
    }
}

fn snapshot(task: Task) -> Child {
    Child {
        id: task.id.to_string(),
        kind: task.kind,
        display_name: task.display_name,
        name: task.name,
        state: task.state,
        state_detail: task.state_detail,
        progress: task.progress,
        question: task.input_request,
        summary: task.summary,
        error: task.error,
        attempt: task.attempt,
        created_at: task.created_at,
        finished_at: task.finished_at,
    }
}
