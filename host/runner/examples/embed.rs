//! The embedder's dozen lines: open a store, add kinds, create a task, follow its events, await its end.
//! Does not show the command line: `cargo run` does.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use serde_json::json;
use taskwright_runner::registry::WakePolicy;
use taskwright_runner::store::{SqliteOptions, SqliteStore};
use taskwright_runner::{KindSettings, Runner, RunnerConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("registry.db"), SqliteOptions::default())?;
    let runner = Runner::open(store, folder.path().join("files"), RunnerConfig::default())?;
    let here = KindSettings::default().folder("files", ".");
    runner.add_kind(taskwright_components::SEARCH_FILES, here).await?;
    runner.serve();

    let session = runner.session("demo".parse()?);
    let spec = json!({"pattern": "fn main", "path": "."});
    let task = session.task("search-files", spec).wake(WakePolicy::OnTerminal).create().await?;

    let mut events = session.task_events(&task.id, 0);
    loop {
        let event = events.next().await?;
        let Some(task) = event.body.task() else { continue };
        println!("{:>3} {} {}", event.seq, event.body.type_name(), task.state);
        if task.state.is_terminal() {
            break;
        }
    }
    println!("{}", session.outcome(&task.id).await?.summary.unwrap_or_default());
    for wake in session.wakes(10).await? {
        println!("wake: {}", wake.text);
    }
    runner.drain().await;
    Ok(())
}
