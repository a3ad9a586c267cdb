//! Whole-system tests: real components in a real sandbox, and native kinds, over real stores.
//! Holds no tests of its own: see `tests/`.

mod native_walkthrough;

pub use native_walkthrough::NativeWalkthrough;
