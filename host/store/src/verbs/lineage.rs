//! Wanting the end of everything below something, and refusing what would begin under it (L49).
//! Does not end a task that was started: each is asked as if it had been asked alone.

use taskwright_registry::{
    CancelEffect, Rejection, SessionId, Task, TaskId, Timestamp, check_reason, check_run, request_cancel,
};

use super::{find_own, write};
use crate::cancel_walk::CancelPlace;
use crate::rows::{Rows, Transaction};
use crate::unreadable::{Read, passed_by, readable};
use crate::{CancelCount, CancelScope, CancelStep, CancelWalk, Order, StoreError, TaskFilter};

/// Tasks that are read at a time.
const PAGE: usize = 500;
/// Tasks that one transaction asks about, or reads a list of, before others have their turn.
const STEP: usize = 500;

/// How a canceled tree is remembered.
fn of_task(id: &str) -> String {
    format!("task:{id}")
}

/// How a canceled run is remembered.
fn of_run(run: &str) -> String {
    format!("run:{run}")
}

/// Whether a task's end was wanted, or that of something above it.
pub(super) async fn is_canceled<R: Rows>(rows: &mut R, session: &SessionId, id: &TaskId) -> Result<bool, StoreError> {
    let task = passed_by(rows.find_task(id).await)?.filter(|task| task.session_id == *session);
    if task.is_some_and(|task| task.cancel.is_some()) {
        return Ok(true);
    }
    rows.is_canceled_lineage(session, &of_task(id.as_str())).await
}

/// Whether a task may begin where its lineage says.
pub(super) async fn check_lineage<R: Rows>(rows: &mut R, task: &Task) -> Result<(), StoreError> {
    let refused = |lineage: String| Err(Rejection::CanceledLineage { lineage }.into());
    if let Some(run) = &task.parent.run_id
        && rows.is_canceled_lineage(&task.session_id, &of_run(run)).await?
    {
        return refused(format!("the run {run}"));
    }
    if let Some(parent) = task.parent.task_id.as_ref().and_then(|id| id.parse::<TaskId>().ok())
        && is_canceled(rows, &task.session_id, &parent).await?
    {
        return refused(parent.to_string());
    }
    Ok(())
}

/// Takes the next step of a cancel of many tasks: asks about as many as one transaction may without anybody having to wait.
///
/// Everything that is asked begins nothing more from then on, and what is below it is looked up afterwards. So nothing that
/// begins between two steps is missed.
pub(crate) async fn cancel_step<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    walk: CancelWalk,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<CancelStep, StoreError> {
    check_reason(reason)?;
    let mut step = Step { walk, count: CancelCount::default(), ended: Vec::new() };
    if let Some(scope) = step.walk.scope.take() {
        step.begin(rows, session, scope, now).await?;
    }
    let mut left = STEP;
    while left > 0
        && let Some(next) = step.walk.places.pop_front()
    {
        let looked_at = match next {
            CancelPlace::Task(id) => step.below(rows, &id, reason, now).await?,
            CancelPlace::Listed { session, filter, after } => step.listed(rows, session, *filter, after).await?,
            CancelPlace::Live { session, after } => step.live(rows, session, after, reason, now).await?,
        };
        left = left.saturating_sub(looked_at.max(1));
    }
    let Step { walk, count, ended } = step;
    Ok(CancelStep { count, ended, rest: Some(walk).filter(|walk| !walk.places.is_empty()) })
}

/// One step, while it is taken.
struct Step {
    walk: CancelWalk,
    count: CancelCount,
    ended: Vec<Task>,
}

impl Step {
    async fn begin<T: Transaction>(
        &mut self,
        rows: &mut T,
        session: &SessionId,
        scope: CancelScope,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let session = session.clone();
        match scope {
            CancelScope::Tree(root) => {
                let root = find_own(rows, &session, &root).await?;
                self.add(root.id);
            }
            CancelScope::Run(run) => {
                check_run(&run)?;
                // A session that is not there has nothing to remember it by, and no such run.
                if rows.find_session(&session).await?.is_some() {
                    rows.put_canceled_lineage(&session, &of_run(&run), now).await?;
                }
                self.list(session, TaskFilter { run_id: Some(run), ..TaskFilter::all() });
            }
            CancelScope::All => self.walk.places.push_back(CancelPlace::Live { session, after: 0 }),
            CancelScope::AllBut(kept) => {
                self.walk.seen.extend(kept);
                self.walk.places.push_back(CancelPlace::Live { session, after: 0 });
            }
        }
        Ok(())
    }

    fn add(&mut self, task: TaskId) {
        if self.walk.seen.insert(task.clone()) {
            self.walk.places.push_back(CancelPlace::Task(task));
        }
    }

    fn list(&mut self, session: SessionId, filter: TaskFilter) {
        self.walk.places.push_back(CancelPlace::Listed { session, filter: Box::new(filter), after: None });
    }

    /// Asks one task, if it is live.
    async fn ask<T: Transaction>(
        &mut self,
        rows: &mut T,
        task: &Task,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (applied, effect) = request_cancel(task, reason, now)?;
        match effect {
            CancelEffect::AlreadyOver => return Ok(()),
            CancelEffect::AlreadyRequested => self.count.again += 1,
            CancelEffect::Requested | CancelEffect::CanceledBeforeStart => {
                self.count.signalled += 1;
                if self.count.first.len() < CancelCount::NAMED {
                    self.count.first.push(task.id.clone());
                }
            }
        }
        let after = write(rows, task, applied, None, now).await?;
        if after.state.is_terminal() {
            self.ended.push(after);
        }
        Ok(())
    }

    /// Asks a task, wherever it is by now, and notes what is below it.
    async fn below<T: Transaction>(
        &mut self,
        rows: &mut T,
        id: &TaskId,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        // It may have been forgotten since.
        let Some(task) = passed_by(rows.find_task(id).await)? else { return Ok(1) };
        self.ask(rows, &task, reason, now).await?;
        if task.state.is_terminal() {
            // The record of a live one says so itself.
            rows.put_canceled_lineage(&task.session_id, &of_task(task.id.as_str()), now).await?;
        }
        for opened in readable(rows.sessions_opened_by(&task.session_id, &task.id).await?) {
            if self.walk.seen_sessions.insert(opened.id.clone()) {
                rows.put_session(&opened.canceled(now)).await?;
                // All of it was opened for what is canceled, and so what its own tasks have opened.
                self.list(opened.id, TaskFilter { ..TaskFilter::all() });
            }
        }
        let children = TaskFilter { parent_task_id: Some(task.id.to_string()), ..TaskFilter::all() };
        self.list(task.session_id, children);
        Ok(1)
    }

    /// Notes the next page of a list.
    async fn listed<T: Transaction>(
        &mut self,
        rows: &mut T,
        session: SessionId,
        filter: TaskFilter,
        after: Option<TaskId>,
    ) -> Result<usize, StoreError> {
        // Where the last one is gone by now, the list is read again from its beginning: none is asked twice.
        let after = match after {
            Some(after) => rows.owner(&after).await?.filter(|owner| *owner == session).map(|_| after),
            None => None,
        };
        let page = rows.tasks_of(&session, &filter, Order::OldestFirst, after.as_ref(), PAGE).await?;
        let read = page.len();
        let id = |task: &Read<Task>| match task {
            Ok(task) => Some(task.id.clone()),
            Err(row) => row.task_id.clone(),
        };
        let last = page.last().filter(|_| read == PAGE).and_then(id);
        for task in readable(page) {
            self.add(task.id);
        }
        if last.is_some() {
            self.walk.places.push_back(CancelPlace::Listed { session, filter: Box::new(filter), after: last });
        }
        Ok(read)
    }

    /// Asks the next of what is live in a session, but for what is kept.
    async fn live<T: Transaction>(
        &mut self,
        rows: &mut T,
        session: SessionId,
        after: u64,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let live = rows.live_after(&session, after, PAGE).await?;
        let read = live.len();
        let last = live.last().filter(|_| read == PAGE).map(|(place, _)| *place);
        for task in readable(live.into_iter().map(|(_, task)| task).collect()) {
            // An end may have changed the record of another one of them.
            if self.walk.seen.insert(task.id.clone())
                && let Some(task) = passed_by(rows.find_task(&task.id).await)?
            {
                self.ask(rows, &task, reason, now).await?;
            }
        }
        if let Some(after) = last {
            self.walk.places.push_back(CancelPlace::Live { session, after });
        }
        Ok(read)
    }
}
