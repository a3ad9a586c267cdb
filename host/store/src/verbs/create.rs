//! Creating a task, or finding the one that the same creation made before (L21).
//! Does not check the specification against the kind's schema: whoever creates the task has.

use taskwright_registry::{EventBody, NewTask, Task, TaskId, Timestamp, create as decide, same_content};

use super::announcement;
use crate::rows::{Rows, Transaction};
use crate::{Created, StoreError};

pub(crate) async fn create<T: Transaction>(rows: &mut T, new: NewTask, now: Timestamp) -> Result<Created, StoreError> {
    let wanted = decide(new, now)?;
    if let Some(stored) = rows.find_task(&wanted.id).await? {
        return repeated(rows, stored, &wanted, || wanted.id.to_string()).await;
    }
    if let Some(key) = &wanted.idempotency_key
        && let Some(id) = rows.find_by_key(&wanted.session_id, key).await?
    {
        let stored = existing(rows, &id).await?;
        return repeated(rows, stored, &wanted, || format!("the idempotency key `{key}`")).await;
    }
    if let Some(name) = &wanted.name
        && let Some(holder) = rows.find_live_name(&wanted.session_id, name).await?
    {
        return Err(StoreError::NameTaken { name: name.clone(), holder });
    }
    rows.insert_task(&wanted).await?;
    let body = EventBody::Created { task: Box::new(wanted.snapshot()) };
    rows.append_event(&wanted.session_id, &wanted.id, now, body).await?;
    rows.announce(announcement(&wanted));
    Ok(Created { task: wanted, fresh: true })
}

/// The stored task, if this creation asks for that very task.
async fn repeated<R: Rows>(
    rows: &mut R,
    mut stored: Task,
    wanted: &Task,
    key: impl FnOnce() -> String,
) -> Result<Created, StoreError> {
    // A task of another session is not even compared.
    if stored.session_id == wanted.session_id {
        stored.spec = rows.find_spec(&stored.id).await?;
        if same_content(&stored, wanted) {
            return Ok(Created { task: stored, fresh: false });
        }
    }
    Err(StoreError::Conflict { key: key() })
}

async fn existing<R: Rows>(rows: &mut R, id: &TaskId) -> Result<Task, StoreError> {
    rows.find_task(id)
        .await?
        .ok_or_else(|| StoreError::Corrupt { reason: format!("an idempotency key names {id}, which does not exist") })
}
