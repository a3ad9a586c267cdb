//! What only a store in a file has: the file itself, other processes, crashes, full disks and failing statements.
//! Does not repeat the conformance suite.

mod crash;
mod failure;
mod file;
mod gone;
mod processes;
mod reopen;
mod room;
mod spoiled;
#[path = "../unreadable/mod.rs"]
mod unreadable;
