//! Whole-system tests: real components in a real sandbox over real stores.
//! Holds no code of its own: see `tests/`.
