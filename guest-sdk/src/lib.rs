//! What the author of a task kind uses.
//! It does not hold anything of the host: a kind knows the contract in `wit/` and nothing else.
//!
//! A kind is a type with the trait [`Kind`] in a library crate of the type `cdylib`:
//!
//! ```
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//! use taskwright_guest::{Description, Kind, Outcome, Step, Task};
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Spec {
//!     name: String,
//! }
//!
//! struct Greet;
//!
//! impl Kind for Greet {
//!     type Spec = Spec;
//!     type Output = String;
//!
//!     fn describe() -> Description {
//!         Description::new("greet", "0.1.0", "Greets somebody.")
//!     }
//!
//!     async fn start(task: Task<Spec>) -> Outcome<String> {
//!         let greeting = task.ask("Which greeting?").await?;
//!         Ok(Step::done(format!("{greeting}, {}!", task.spec.name)))
//!     }
//! }
//!
//! taskwright_guest::export!(Greet);
//! ```
//!
//! Built for `wasm32-wasip2` it is a component that a host loads; natively its tests run it against the [`mock`] host.

mod artifact;
mod ask;
mod cancel;
mod child;
pub mod clock;
mod description;
mod dispatch;
mod export;
mod failure;
pub mod files;
mod host;
pub mod http;
mod inbox;
mod instance;
mod kind;
mod links;
mod message;
mod progress;
mod refusal;
mod sink;
mod step;
mod task;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod bindings;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod component;
#[cfg(not(target_arch = "wasm32"))]
pub mod mock;

pub use artifact::{Artifact, Content};
pub use ask::AskError;
pub use cancel::{Cancel, Canceled};
pub use child::{Child, ChildInfo, ChildState, NewChild};
pub use description::{Budget, Description, Reattach, Want};
pub use failure::{Failure, OrFail, Retry};
pub use inbox::Messages;
pub use kind::Kind;
pub use links::Links;
pub use message::{InputRequest, Message, Part};
pub use progress::Progress;
pub use refusal::{Limit, Refusal};
pub use sink::Sink;
pub use step::{Completion, Outcome, Step};
pub use task::{Lineage, Task, TaskInfo};
