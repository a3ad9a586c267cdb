//! Looks at single tasks that come at one time are one statement.
//! Does not decide what is told of a task: the verbs do, over what was read.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use futures::future::BoxFuture;
use taskwright_registry::TaskId;
use tokio::sync::oneshot;

use super::rows::PgRows;
use super::transaction::{Read, Shared};
use crate::StoreError;

/// How many statements are on their way at one time.
const AT_ONCE: usize = 2;
/// The most tasks of one statement.
const TOGETHER: usize = 128;

/// One look.
pub(super) trait Look: Send {
    fn task(&self) -> &TaskId;
    /// Answers, over rows that have read the task; or says why it could not be read.
    fn answer<'r>(self: Box<Self>, rows: Result<&'r mut PgRows, StoreError>) -> BoxFuture<'r, ()>;
}

/// A look made of a verb.
pub(super) struct Asking<T> {
    pub(super) task: TaskId,
    pub(super) verb: Read<T>,
    pub(super) reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send + 'static> Look for Asking<T> {
    fn task(&self) -> &TaskId {
        &self.task
    }

    fn answer<'r>(self: Box<Self>, rows: Result<&'r mut PgRows, StoreError>) -> BoxFuture<'r, ()> {
        Box::pin(async move {
            let outcome = match rows {
                Ok(rows) => (self.verb)(rows).await,
                Err(error) => Err(error),
            };
            // A caller that no longer waits need not hear.
            let _ = self.reply.send(outcome);
        })
    }
}

/// Looks that wait.
#[derive(Default)]
pub(super) struct Looks {
    waiting: VecDeque<Box<dyn Look>>,
    running: usize,
}

impl Shared {
    /// Takes a look that may share its statement with others.
    pub(super) fn look_together(self: &Arc<Self>, look: Box<dyn Look>) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.waiting.push_back(look);
        if looks.running < AT_ONCE {
            looks.running += 1;
            self.runtime.spawn(self.clone().look_around());
        }
    }

    async fn look_around(self: Arc<Self>) {
        loop {
            let together: Vec<Box<dyn Look>> = {
                let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
                let many = looks.waiting.len().min(TOGETHER);
                if many == 0 {
                    looks.running -= 1;
                    return;
                }
                looks.waiting.drain(..many).collect()
            };
            let ids: Vec<TaskId> = together.iter().map(|look| look.task().clone()).collect();
            let read = match self.rows(false).await {
                Ok(mut rows) => rows.look_at(&ids).await.map(|()| rows),
                Err(error) => Err(error),
            };
            match read {
                Ok(mut rows) => {
                    for look in together {
                        look.answer(Ok(&mut rows)).await;
                    }
                }
                Err(error) => {
                    for look in together {
                        look.answer(Err(error.clone())).await;
                    }
                }
            }
        }
    }
}
