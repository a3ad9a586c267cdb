//! A host for tests: in the making.
//! It does not run anything yet.
