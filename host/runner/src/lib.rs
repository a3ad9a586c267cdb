//! Claims session tasks from a store, runs their kinds and writes down what they report.
//! Does not decide what a change means (`taskwright-registry`), keep it (`taskwright-store`) or confine a guest
//! (`taskwright-sandbox`): it is the only crate that sees both of the latter.
//!
//! The embedder's way in is [`Runner`], and from it a [`Session`]:
//!
//! ```no_run
//! # async fn demo(wasm: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! use taskwright_runner::{KindSettings, Runner, RunnerConfig};
//! use taskwright_store::SqliteStore;
//!
//! let store = SqliteStore::open("registry.db", Default::default())?;
//! let runner = Runner::open(store, "files", RunnerConfig::default())?;
//! runner.add_kind(wasm, KindSettings::default().folder("files", ".")).await?;
//! runner.serve();
//!
//! let session = runner.session("demo".parse()?);
//! let task = session.task("search-files", serde_json::json!({"pattern": "fn main"})).create().await?;
//! let task = session.outcome(&task.id).await?;
//! println!("{}: {:?}", task.state, session.result(&task.id).await?);
//! # Ok(()) }
//! ```

mod admission;
mod at_work;
mod bucket;
mod catalog;
mod chance;
mod children;
mod config;
mod consumption;
mod counted_store;
mod dispatcher;
mod draft;
mod error;
mod event_filter;
mod event_stream;
mod execution;
mod external_end;
mod external_task;
mod fenced_writer;
mod files_place;
mod find;
mod free_space;
mod hidden;
mod hub;
mod inbox;
mod instance;
mod kind;
mod known_kind;
mod lease;
mod live;
mod log_folder;
mod metric;
mod native_host;
mod native_instance;
mod native_kind;
mod outcome;
mod output_log;
mod own_folder;
mod progress_flush;
mod queue_look;
mod reaper;
mod record_allowance;
mod reporter;
mod request;
mod retention;
mod runner;
mod runner_parts;
mod sandbox_on_demand;
mod scarce;
mod scratch_folder;
mod send_error;
mod session;
mod session_end;
mod session_files;
mod session_life;
mod settlement;
mod signal;
mod span;
mod wait;
mod wake_delivery;
mod wake_news;
mod wake_pace;
mod waker;
mod write_pace;

pub use async_trait::async_trait;
pub use bucket::{BucketAddress, BucketAddressError};
pub use catalog::KindSettings;
pub use config::RunnerConfig;
pub use error::RunnerError;
pub use event_filter::EventFilter;
pub use event_stream::EventStream;
pub use external_task::{CancelCallError, CancelCalls, ExternalTask, Heard};
pub use find::{Among, FindError};
pub use hidden::HiddenOutcome;
pub use inbox::Inbox;
pub use live::NotLive;
pub use native_kind::{NativeExecutor, NativeKind};
pub use output_log::OutputTail;
pub use request::TaskRequest;
pub use retention::Forgotten;
pub use runner::{Drained, Runner};
pub use runner_parts::RunnerParts;
pub use scarce::{SCARCE, Scarce};
pub use send_error::SendError;
pub use session::{Sent, Session, Waited};
pub use session_files::{FilesError, SessionFiles};
pub use taskwright_registry as registry;
pub use taskwright_sandbox as sandbox;
pub use taskwright_store as store;
pub use wait::{Until, WaitedAll, WaitedAny};
pub use waker::{Waker, WakerConfig, WakerError};
