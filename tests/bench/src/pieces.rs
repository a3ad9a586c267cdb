//! The pieces of a short task, each alone: its writes, its instance, its file.
//! Does not put them together: that is the runner, and `tasks` measures it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use taskwright_registry::{HostId, HostRef, LeaseLength, NewTask, State, TaskId, TaskUpdate};
use taskwright_runner::SessionFiles;
use taskwright_sandbox::{Sandbox, SandboxConfig};
use taskwright_store::{ClaimRequest, SqliteOptions, SqliteStore, Store};

use crate::figures::per_second;
use crate::nowhere;
use crate::tasks::{AT_ONCE, spec};
use crate::turn;

/// Does something so many times, `AT_ONCE` at one time; gives how many in a second.
async fn rate<T: Future<Output = Result<()>> + Send + 'static>(
    count: usize,
    one: impl Fn() -> T + Clone + Send + 'static,
) -> Result<f64> {
    let each: Duration = turn::run(u32::try_from(count)?, u32::try_from(AT_ONCE)?, one).await?;
    Ok(per_second(1, each))
}

/// The writes of a task alone: create, claim, and the end; with `reports`, what the guest reports in between.
pub(crate) async fn store(count: usize, path: &Path, reports: bool) -> Result<f64> {
    let store = Arc::new(SqliteStore::open(path, SqliteOptions::default())?);
    let host = HostRef { id: HostId::new(store.now(), rand::random()), epoch: 1 };
    store.open_lease(&host, LeaseLength::default()).await?;
    rate(count, move || writes(store.clone(), host.clone(), reports)).await
}

async fn writes(store: Arc<SqliteStore>, host: HostRef, reports: bool) -> Result<()> {
    let session: taskwright_registry::SessionId = "bench".parse()?;
    let new = NewTask::new(TaskId::new(store.now(), rand::random()), session.clone(), "walkthrough", spec());
    let id = store.create(new).await?.task.id;
    let request = ClaimRequest::only(host, vec!["walkthrough".into()], id.clone());
    let task = store.claim(&request).await?.pop().context("nothing was claimed")?.task;
    let update = || TaskUpdate { fence: Some(task.fence()), ..TaskUpdate::default() };
    if reports {
        store.update(&session, &id, TaskUpdate { state_detail: Some(Some("working".to_owned())), ..update() }).await?;
        store.update(&session, &id, TaskUpdate { checkpoint: Some(vec![b' '; 64]), ..update() }).await?;
    }
    let result = json!({"steps": 1, "attempt": 1, "wakes": 0, "answers": [], "messages": []});
    let summary = Some("took 1 step".to_owned());
    let end = TaskUpdate { state: Some(State::Succeeded), summary, result: Some(result), ..update() };
    store.update(&session, &id, end).await?;
    Ok(())
}

/// The instance of a task alone.
pub(crate) async fn sandbox(count: usize) -> Result<f64> {
    let sandbox = Sandbox::new(SandboxConfig::default())?;
    let kind = sandbox.load(taskwright_components::WALKTHROUGH).await?;
    let task = Arc::new(nowhere::task("walkthrough", spec())?);
    rate(count, move || {
        let (kind, task) = (kind.clone(), task.clone());
        async move { turn::turn(&kind, &task).await }
    })
    .await
}

/// The check of a specification against its kind's schema alone, one at a time.
pub(crate) async fn check(count: usize) -> Result<f64> {
    let kind = Sandbox::new(SandboxConfig::default())?.load(taskwright_components::WALKTHROUGH).await?;
    let (spec, began) = (spec(), Instant::now());
    for _ in 0..count {
        kind.check_spec(&spec).map_err(|violation| anyhow::anyhow!("{violation:?}"))?;
    }
    Ok(per_second(count as u64, began.elapsed()))
}

/// The copy of a result in the session's files alone.
pub(crate) async fn files(count: usize, folder: &Path) -> Result<f64> {
    let files = SessionFiles::folder(folder)?;
    rate(count, move || {
        let files = files.clone();
        async move {
            let path = format!("/.tasks/{:032x}/result.json", rand::random::<u128>());
            Ok(files.put(&path, vec![b' '; 100]).await?)
        }
    })
    .await
}
