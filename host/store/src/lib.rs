//! Keeps the records of session tasks: the `Store` trait and its implementations.
//! Does not decide about a change: every store asks `taskwright-registry` and writes down what it says.

mod backlog;
mod cancel_walk;
mod clock;
mod column;
mod committed;
mod due_key;
mod due_rows;
mod encoded;
mod error;
mod external;
mod filter;
mod host_status;
mod memory;
mod migrate;
mod offer;
mod page;
mod postgres;
mod repair;
mod retention;
mod rows;
mod salvage;
mod scan;
mod sessions;
mod shared_limits;
mod sqlite;
mod store;
#[doc(hidden)]
pub mod through;
mod turns;
mod unreadable;
mod verbs;
mod walk;
mod woken;

pub use backlog::Backlog;
pub use cancel_walk::{CancelCount, CancelScope, CancelStep, CancelWalk};
pub use clock::{Clock, LeaseClock, LeaseTime};
pub use error::{ErrorClass, StoreError};
pub use external::{ExternalCancel, ExternalCancelPage, ExternalWork};
pub use filter::{EventPage, Hidden, MessagePage, Order, TaskFilter, TaskPage, TaskQuery};
pub use host_status::{HostStatus, LapsedPage, Reaped};
pub use memory::MemoryStore;
pub use migrate::{MigrateError, MigrateOptions, Migrated, Step, Sum, migrate};
pub use offer::{CodeInUse, KindOffer};
pub use page::{Page, PageLimit};
pub use postgres::{PostgresOptions, PostgresStore};
pub use repair::{Repair, UnreadablePage, UnreadablePlace};
pub use retention::{FinishedPage, FinishedPlace};
pub use sessions::{CloseStep, SessionPage, SessionQuery, Sessions};
pub use shared_limits::SharedLimits;
pub use sqlite::{SqliteOptions, SqliteStore, back_up_sqlite, check_sqlite};
pub use store::{Change, ClaimRequest, Claimed, Created, RecordedMessage, Store};
pub use turns::Turns;
pub use unreadable::{UnreadableKind, UnreadableRow};
pub use woken::{ClaimedWakes, WokenPage};
