//! Wanting the end of everything below something, and refusing what would begin under it (L49).
//! Does not end a task: each is asked as if it had been asked alone.

use std::collections::{BTreeSet, HashSet, VecDeque};

use taskwright_registry::{CancelEffect, Rejection, SessionId, Task, TaskId, Timestamp, check_reason, request_cancel};

use super::{find_own, write};
use crate::rows::{Rows, Transaction};
use crate::{CancelCount, CancelScope, Order, StoreError, TaskFilter};

/// Tasks that are read at a time.
const PAGE: usize = 500;

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
    let task = rows.find_task(id).await?.filter(|task| task.session_id == *session);
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

/// What is still to be looked at.
struct Below {
    /// Tasks by session, each once, whatever circle their lineage makes.
    seen: HashSet<TaskId>,
    tasks: VecDeque<Task>,
    sessions: VecDeque<SessionId>,
    seen_sessions: BTreeSet<SessionId>,
    count: CancelCount,
}

pub(crate) async fn cancel_many<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    scope: CancelScope,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<CancelCount, StoreError> {
    check_reason(reason)?;
    let mut below = Below {
        seen: HashSet::new(),
        tasks: VecDeque::new(),
        sessions: VecDeque::new(),
        seen_sessions: BTreeSet::from([session.clone()]),
        count: CancelCount::default(),
    };
    match scope {
        CancelScope::Tree(root) => {
            let root = find_own(rows, session, &root).await?;
            below.add(root);
        }
        CancelScope::Run(run) => {
            rows.put_canceled_lineage(session, &of_run(&run), now).await?;
            let filter = TaskFilter { run_id: Some(run), ..TaskFilter::all() };
            for task in all_of(rows, session, &filter).await? {
                below.add(task);
            }
        }
        CancelScope::All => {
            below.live(rows, session, &HashSet::new(), reason, now).await?;
        }
        CancelScope::AllBut(kept) => {
            below.live(rows, session, &kept.into_iter().collect(), reason, now).await?;
        }
    }
    below.work_off(rows, reason, now).await?;
    Ok(below.count)
}

impl Below {
    fn add(&mut self, task: Task) {
        if self.seen.insert(task.id.clone()) {
            self.tasks.push_back(task);
        }
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
            CancelEffect::Requested | CancelEffect::CanceledBeforeStart => self.count.signalled += 1,
        }
        write(rows, task, applied, None, now).await?;
        Ok(())
    }

    /// Asks what is live in a session, but for some.
    async fn live<T: Transaction>(
        &mut self,
        rows: &mut T,
        session: &SessionId,
        kept: &HashSet<TaskId>,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let live = rows.live_after(session, after, PAGE).await?;
            let last = live.len() < PAGE;
            for (place, task) in live {
                after = place;
                if kept.contains(&task.id) || !self.seen.insert(task.id.clone()) {
                    continue;
                }
                self.ask(rows, &task, reason, now).await?;
            }
            if last {
                return Ok(());
            }
        }
    }

    /// Asks everything below, through what is over, and marks it so that nothing more begins there.
    async fn work_off<T: Transaction>(
        &mut self,
        rows: &mut T,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        loop {
            if let Some(task) = self.tasks.pop_front() {
                self.ask(rows, &task, reason, now).await?;
                if task.state.is_terminal() {
                    // The record of a live one says so itself.
                    rows.put_canceled_lineage(&task.session_id, &of_task(task.id.as_str()), now).await?;
                }
                let children = TaskFilter { parent_task_id: Some(task.id.to_string()), ..TaskFilter::all() };
                for child in all_of(rows, &task.session_id, &children).await? {
                    self.add(child);
                }
                for opened in rows.sessions_opened_by(&task.session_id, &task.id).await? {
                    if self.seen_sessions.insert(opened.id.clone()) {
                        rows.put_session(&opened.canceled(now)).await?;
                        self.sessions.push_back(opened.id);
                    }
                }
                continue;
            }
            let Some(session) = self.sessions.pop_front() else { return Ok(()) };
            // All of it was opened for what is canceled, and so what its own tasks have opened.
            let all = TaskFilter { ..TaskFilter::all() };
            for task in all_of(rows, &session, &all).await? {
                self.add(task);
            }
        }
    }
}

async fn all_of<R: Rows>(rows: &mut R, session: &SessionId, filter: &TaskFilter) -> Result<Vec<Task>, StoreError> {
    let mut all: Vec<Task> = Vec::new();
    loop {
        let after = all.last().map(|task| task.id.clone());
        let page = rows.tasks_of(session, filter, Order::OldestFirst, after.as_ref(), PAGE).await?;
        let last = page.len() < PAGE;
        all.extend(page);
        if last {
            return Ok(all);
        }
    }
}
