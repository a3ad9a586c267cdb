//! Work that is done elsewhere: a build service of your own does it, and Taskwright keeps the record, the fence and the cancels.
//! Does not show a script that does the work: the guide does (`docs/guides/external-work.md`).
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use taskwright_runner::registry::{AttemptToken, Progress};
use taskwright_runner::store::{SqliteOptions, SqliteStore};
use taskwright_runner::{ExternalTask, Runner, RunnerConfig, RunnerError, Session};
use tokio::sync::Notify;

/// Registers a build, or takes it on again after a restart: the same key is the same task.
async fn register(session: &Session, build: &str) -> Result<Arc<ExternalTask>, RunnerError> {
    let request = session.task("build", json!({"target": "release"})).name("nightly").idempotency_key(build);
    Ok(Arc::new(request.register_external(Some(build.to_owned())).await?))
}

/// Reports three steps, and stops when somebody wants that.
async fn work(task: Arc<ExternalTask>, step_done: Arc<Notify>) -> Result<(), Box<dyn std::error::Error>> {
    let stop = Arc::new(Notify::new());
    let _calls = task.on_cancel(Duration::from_secs(30), {
        let stop = stop.clone();
        move |cancel| {
            let stop = stop.clone();
            async move {
                println!("asked to stop: {}", cancel.reason.unwrap_or_default());
                stop.notify_one();
                Ok(())
            }
        }
    });
    for step in 1..=3 {
        let progress = Progress { current: step, total: Some(3), unit: Some("steps".to_owned()), label: None };
        task.sink().progress(progress).await?;
        task.heartbeat().await?;
        tokio::select! {
            () = stop.notified() => {
                task.canceled(Some(format!("stopped in step {step}"))).await?;
                return Ok(());
            }
            () = step_done.notified() => {}
        }
    }
    task.succeed(Some(json!({"steps": 3})), Some("built".to_owned())).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("registry.db"), SqliteOptions::default())?;
    let runner = Runner::open(store, folder.path().join("files"), RunnerConfig::default())?;
    let session = runner.session("demo".parse()?);

    // The service registers a build and keeps the token. It is started again, and goes on with what it has kept.
    let kept: String = register(&session, "build-41").await?.token().to_string();
    let token: AttemptToken = kept.parse()?;
    let task = Arc::new(runner.external(&token).await?);

    let step_done = Arc::new(Notify::new());
    let id = token.task_id.clone();
    let wanted = async {
        step_done.notify_one();
        session.wait_until(&id, None, |task| task.progress.as_ref().is_some_and(|done| done.current == 2)).await?;
        session.cancel(&id, Some("a newer commit is there".to_owned())).await
    };
    let (worked, canceled) = tokio::join!(work(task, step_done.clone()), wanted);
    worked?;
    canceled?;
    let over = session.outcome(&id).await?;
    println!("{}: {}", over.state, over.summary.unwrap_or_default());

    // A straggler with an older token changes nothing, and is told.
    let first = register(&session, "build-42").await?;
    let second = register(&session, "build-42").await?;
    println!("{}", first.heartbeat().await.map_or_else(|error| error.to_string(), |_| "unnoticed".to_owned()));
    second.succeed(None, Some("built".to_owned())).await?;
    println!("{}", session.outcome(&second.token().task_id).await?.state);
    Ok(())
}
