//! Whole-system tests: real components in a real sandbox, and native kinds, over real stores.
//! Holds no tests of its own: see `tests/`.

mod fault_store;
mod native_walkthrough;
mod observed;

pub use fault_store::{Fault, FaultPlan, FaultStore, as_user};
pub use native_walkthrough::NativeWalkthrough;
pub use observed::check_session;
