//! What is particular to native kinds, and to runners that have no others.
//! Does not repeat the life of tasks: `lifecycle` runs it with native code too.

mod backlog;
mod broken_store;
mod closing;
mod engine;
mod limits;
mod lost_reply;
mod moved;
mod odd_kind;
mod panics;
mod refusal;
mod repeatable;
mod restarted;
mod stop;
mod together;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use taskwright_runner::store::MemoryStore;
use taskwright_runner::{Runner, RunnerConfig};

/// Ends a test that hangs. Generous: it is no measurement.
async fn within<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), test).await.expect("the test hangs")
}

/// A runner over an empty store that cannot have an engine: its cache would lie below a file.
fn runner_without_engine(folder: &Path) -> Runner {
    let file = folder.join("a-file");
    std::fs::write(&file, "not a folder").expect("a file");
    let mut config = RunnerConfig::default();
    config.sandbox.cache_dir = Some(file.join("cache"));
    Runner::open(MemoryStore::new(), folder.join("files"), config).expect("a runner")
}
