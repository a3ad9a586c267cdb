//! Guests that take memory, tables and handles.
//! Those that do so before they have a task are in `describing`.

use taskwright_test_guests as guests;

use crate::hostile::{End, Row};

const MEMORY: End = End::Failed("resource_exhausted", Some("memory_bytes"), "");
const CALL_BYTES: End = End::Failed("resource_exhausted", Some("call_bytes"), "");

pub(crate) fn many_memories() -> Vec<Row> {
    vec![Row::new("many_memories", "has four memories, each within the limit for all", *guests::MANY_MEMORIES, MEMORY)]
}

pub(crate) fn grows_tables() -> Vec<Row> {
    let end = End::Failed("resource_exhausted", Some("table_elements"), "");
    vec![Row::new("grows_tables", "grows a table for ever", *guests::GROWS_TABLES, end)]
}

pub(crate) fn timers() -> Vec<Row> {
    let end = End::Failed("resource_exhausted", Some("handles"), "");
    vec![Row::new("timers", "sets timers by the million", *guests::TIMERS, end)]
}

pub(crate) fn random_flood() -> Vec<Row> {
    vec![Row::new("random_flood", "asks for 60 MiB of random bytes at once", *guests::RANDOM_FLOOD, CALL_BYTES)]
}

pub(crate) fn many_tiny_parts() -> Vec<Row> {
    let what = "posts two million empty texts in one message";
    vec![Row::new("many_tiny_parts", what, *guests::MANY_TINY_PARTS, CALL_BYTES)]
}

pub(crate) fn fills_memory() -> Vec<Row> {
    let end = End::Failed("resource_exhausted", Some("cpu_ms"), "");
    vec![Row::new("fills_memory", "spins in single instructions of 32 MiB", *guests::FILLS_MEMORY, end)]
}

pub(crate) fn counts_clocks() -> Vec<Row> {
    let end = End::Failed("resource_exhausted", Some("host_calls"), "");
    let cpu = End::Failed("resource_exhausted", Some("cpu_ms"), "");
    let what = "loops inside host calls";
    vec![
        Row::new("counts_clocks: calls", what, *guests::COUNTS_CLOCKS, end).budget(|budget| budget.cpu_ms = 60_000),
        Row::new("counts_clocks: time", what, *guests::COUNTS_CLOCKS, cpu).budget(|budget| {
            budget.host_calls = u64::MAX;
        }),
    ]
}
