//! Runs one attempt of an untrusted task kind in wasmtime: load, verify, link, budget, call.
//! Knows no store, no session and no policy beyond what it is handed: the runner does.

mod allowance;
mod artifact;
mod attempt;
mod attempt_error;
mod attempt_host;
mod bindings;
mod capability;
mod child;
mod clocks;
mod code;
mod code_cache;
mod compile_child;
mod compile_message;
mod compile_process;
mod compiler;
mod component_limits;
mod component_size;
mod computing;
mod config;
mod confine;
mod contract;
mod convert;
mod counter;
mod describe;
mod descriptor_limit;
mod engine;
mod engine_hash;
mod engine_places;
mod executor;
mod file_thread;
mod files;
mod grant;
mod http;
mod instance;
mod kind;
mod life;
mod load_error;
mod loaded_before;
mod memory_limit;
mod meter;
mod narrowing;
mod outcome;
mod poll;
mod protected;
mod random;
mod record_bytes;
mod refusal;
mod sandbox;
mod self_description;
mod shared_pool;
mod spawn_grant;
mod spawner;
mod stdio;
mod toml_name;
mod trap;
mod turn;
mod verify;
mod virtual_clock;
mod work;
mod world;

pub use allowance::Allowance;
pub use artifact::{ArtifactContent, NewArtifact, check_artifact_name};
pub use attempt_error::{AttemptError, HOST_ERROR_KINDS};
pub use attempt_host::{AttemptHost, OutputStream};
pub use capability::MissingGrant;
pub use child::{CALL_BYTES, CHILDREN_AT_ONCE, Child, NewChild, Spawned};
pub use compile_child::compile_child;
pub use compiler::{CompileLimits, CompileProcess, Compiler};
pub use component_limits::ComponentLimits;
pub use config::{Allocation, SandboxConfig};
pub use grant::{Access, FolderGrant, Grants, LiveGrants};
pub use http::{
    HttpConfig, HttpGrant, HttpTarget, InvalidCertificate, InvalidTarget, Resolve, RootCertificate, Scheme,
    SecretGrant, SecretText, SystemResolver,
};
pub use instance::Instance;
pub use kind::Kind;
pub use load_error::{CompileClock, LoadError, SandboxError};
pub use outcome::{Step, StopReason, TaskContext};
pub use protected::{HOME_NAME, ProtectedPaths};
pub use record_bytes::RecordBytes;
pub use refusal::Refusal;
pub use sandbox::Sandbox;
pub use self_description::{SelfDescription, check_description};
pub use spawn_grant::SpawnGrant;
pub use taskwright_registry::Budget;
pub use toml_name::{toml_key, toml_text};
pub use verify::{Outside, verify};

/// Ways into what guests and servers can write, for fuzzing. Not part of the interface.
#[doc(hidden)]
pub mod fuzzing {
    /// Asks the policy of requests about a url, and panics where an answer breaks one of its promises. `allow` is what a
    /// configuration would say; texts that are no targets are passed over. `address` is what the name stands for. Returns
    /// whether the request may be sent.
    #[must_use]
    pub fn http_policy(allow: &[&str], private: bool, method: &str, url: &str, address: std::net::IpAddr) -> bool {
        crate::http::fuzz(allow, private, method, url, address)
    }
}
pub use world::SERVED_CONTRACTS;
