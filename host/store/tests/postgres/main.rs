//! What only a store in PostgreSQL can meet: how it is reached, and what happens when it is not.
//! Does not repeat what every store promises: the conformance suite has that.

mod differential;
mod gone;
mod leftovers;
mod loss;
mod partitions;
mod place;
mod pooler;
mod refused;
mod spoiled;
mod tls;
#[path = "../unreadable/mod.rs"]
mod unreadable;
mod wire;
