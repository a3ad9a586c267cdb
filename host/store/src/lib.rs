//! Keeps the records of session tasks: the `Store` trait and its implementations.
//! Does not decide about a change: every store asks `taskwright-registry` and writes down what it says.

mod clock;
mod error;
mod filter;
mod memory;
mod rows;
mod sqlite;
mod store;
mod verbs;

pub use clock::Clock;
pub use error::StoreError;
pub use filter::{EventPage, MessagePage, Order, TaskFilter, TaskPage, TaskQuery};
pub use memory::MemoryStore;
pub use sqlite::{SqliteOptions, SqliteStore};
pub use store::{Change, ClaimRequest, Claimed, Created, RecordedMessage, Store};
