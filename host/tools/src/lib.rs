//! Tools for the model of an agent: it lists, reads, messages, cancels, awaits and begins the tasks of its session.
//! Does not speak to a model: whoever does hands it the definitions and passes its calls on.
//!
//! What a tool returns is JSON of at most 16 KiB, without control characters and characters that no person sees. Where
//! something was cut, it says so. What a task's kind has written stands under `untrusted`: the kind is somebody else's
//! code, and its words are data to the model and no instructions.
//!
//! ```no_run
//! # async fn demo(session: &taskwright_runner::Session, kinds: Vec<taskwright_registry::Description>) {
//! use serde_json::json;
//! use taskwright_tools::AgentTools;
//!
//! let tools = AgentTools::new().spawning(kinds);
//! for tool in tools.definitions() {
//!     println!("{}: {}", tool.name, tool.input_schema);
//! }
//! let outcome = tools.call(session, "list_tasks", json!({"state": "running"})).await;
//! println!("{} {}", outcome.is_error, outcome.content);
//! # }
//! ```

mod agent_tools;
mod call;
mod definition;
mod fit;
mod outcome;
mod snapshot;
mod tool_error;

pub use agent_tools::AgentTools;
pub use definition::ToolDefinition;
pub use outcome::{MAX_BYTES, ToolOutcome};
