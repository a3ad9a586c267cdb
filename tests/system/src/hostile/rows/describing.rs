//! Guests that misbehave before they have a task: when they are compiled, instantiated or asked what they are.
//! Those that only do so in some attempt are elsewhere.

use serde_json::json;
use taskwright_test_guests as guests;

use crate::hostile::{End, Row};

pub(crate) fn spins_at_once() -> Vec<Row> {
    let end = End::NotAccepted("did not return within 1000 ms");
    vec![Row::new("spins_at_once", "computes for ever when it is instantiated", *guests::SPINS_AT_ONCE, end)]
}

pub(crate) fn grows_at_once() -> Vec<Row> {
    let end = End::NotAccepted("memory_bytes");
    vec![Row::new("grows_at_once", "takes all memory when it is instantiated", *guests::GROWS_AT_ONCE, end)]
}

pub(crate) fn first_memory() -> Vec<Row> {
    let end = End::NotAccepted("memory_bytes");
    vec![Row::new("first_memory", "begins with four gigabytes", *guests::FIRST_MEMORY, end)]
}

pub(crate) fn too_many_memories() -> Vec<Row> {
    let end = End::NotAccepted("memories");
    vec![Row::new("too_many_memories", "has ten core instances with a memory each", *guests::TOO_MANY_MEMORIES, end)]
}

pub(crate) fn many_instances() -> Vec<Row> {
    let end = End::NotAccepted("instances");
    vec![Row::new("many_instances", "consists of a hundred core instances", *guests::MANY_INSTANCES, end)]
}

pub(crate) fn huge_wants() -> Vec<Row> {
    let end = End::NotAccepted("call_bytes");
    vec![Row::new("huge_wants", "wants half a million things", *guests::HUGE_WANTS, end)]
}

pub(crate) fn remote_schema() -> Vec<Row> {
    let end = End::NotAccepted("not a usable JSON Schema");
    vec![Row::new("remote_schema", "has a schema at an address of the cloud's metadata", guests::REMOTE_SCHEMA, end)]
}

pub(crate) fn slow_pattern() -> Vec<Row> {
    let what = "has a schema with a pattern that takes exponential time elsewhere";
    let end = End::NotCreated("does not fit the kind");
    let text = "a".repeat(100_000);
    vec![Row::new("slow_pattern", what, guests::SLOW_PATTERN, end).spec(json!(text))]
}

pub(crate) fn describes_differently() -> Vec<Row> {
    // That it is the same one each time, a test says.
    let what = "calls itself by another name each time";
    vec![Row::new("describes_differently", what, *guests::DESCRIBES_DIFFERENTLY, End::Succeeded(""))]
}

pub(crate) fn two_faces() -> Vec<Row> {
    let what = "calls itself by one of two names, by a race against a timer";
    vec![Row::new("two_faces", what, *guests::TWO_FACES, End::Succeeded(""))]
}

pub(crate) fn namesake() -> Vec<Row> {
    let what = "calls itself by the name of a kind that ships";
    vec![Row::new("namesake", what, *guests::NAMESAKE, End::Succeeded(""))]
}

pub(crate) fn waits_in_describe() -> Vec<Row> {
    let what = "waits for an hour before it says what it is";
    vec![Row::new("waits_in_describe", what, *guests::WAITS_IN_DESCRIBE, End::Succeeded(""))]
}

pub(crate) fn wishes_for_everything() -> Vec<Row> {
    let end = End::Failed("resource_exhausted", Some("memory_bytes"), "");
    vec![Row::new("wishes_for_everything", "wishes for all there is and takes it", guests::WISHES_FOR_EVERYTHING, end)]
}
