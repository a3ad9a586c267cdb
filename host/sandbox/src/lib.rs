//! Runs one attempt of an untrusted task kind in wasmtime: load, verify, link, budget, call.
//! Knows no store, no session and no policy beyond what it is handed: the runner does.

mod attempt_error;
mod attempt_host;
mod budget;
mod config;
mod grant;
mod instance;
mod kind;
mod load_error;
mod outcome;
mod refusal;
mod sandbox;

pub use attempt_error::{AttemptError, HOST_ERROR_KINDS};
pub use attempt_host::{ArtifactContent, AttemptHost, NewArtifact, OutputStream};
pub use budget::Budget;
pub use config::{Allocation, SandboxConfig};
pub use grant::{FolderGrant, Grants};
pub use instance::Instance;
pub use kind::Kind;
pub use load_error::{LoadError, SandboxError};
pub use outcome::{Step, StopReason, TaskContext};
pub use refusal::Refusal;
pub use sandbox::Sandbox;
