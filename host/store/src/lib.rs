//! Keeps the records of session tasks: the `Store` trait and its implementations.
//! Does not decide about a change: every store asks `taskwright-registry` and writes down what it says.

mod error;
mod filter;
mod store;

pub use error::StoreError;
pub use filter::{EventPage, MessagePage, Order, TaskFilter, TaskPage, TaskQuery};
pub use store::{Change, ClaimRequest, Claimed, Created, RecordedMessage, Store};
