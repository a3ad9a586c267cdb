//! The `taskwright` command line.
fn main() {}
