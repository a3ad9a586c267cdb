//! Whole-system tests: real components in a real sandbox, and native kinds, over real stores.
//! Holds no tests of its own: see `tests/`.

mod fault_store;
pub mod hostile;
mod linked_store;
mod native_walkthrough;
mod observed;
mod virtual_time;
mod watched_walkthrough;

pub use fault_store::{Fault, FaultPlan, FaultStore, as_user};
pub use linked_store::{Link, LinkedStore};
pub use native_walkthrough::NativeWalkthrough;
pub use observed::check_session;
pub use virtual_time::store_on_virtual_time;
pub use watched_walkthrough::{Watch, WatchedWalkthrough};
