//! Guests that the sandbox's own tests have too, through the whole system.
//! Those that are honest are not here.

use serde_json::json;
use taskwright_runner::sandbox::{Grants, SpawnGrant};
use taskwright_test_guests as guests;

use crate::hostile::{End, Row, Script};

fn exhausted(dimension: &'static str) -> End {
    End::Failed("resource_exhausted", Some(dimension), "")
}

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::new("spin", "computes for ever", guests::SPIN, exhausted("cpu_ms")),
        Row::new("spin: canceled", "computes for ever; canceled", guests::SPIN, End::FORCED)
            .script(Script::Cancel)
            .budget(|budget| budget.cpu_ms = 60_000),
        Row::new("spin: wall clock", "computes for ever", guests::SPIN, End::Failed("timeout", Some("wall_ms"), ""))
            .budget(|budget| {
                budget.cpu_ms = 60_000;
                budget.wall_ms = 300;
            }),
        Row::new("ignores_cancel", "takes a cancel and goes on", guests::IGNORES_CANCEL, End::FORCED)
            .script(Script::Cancel),
        Row::new("memory", "takes memory until there is none", guests::MEMORY, exhausted("memory_bytes")),
        Row::new("recursion", "recurses for ever", guests::RECURSION, End::Failed("trap", None, "recursed too deeply")),
        Row::new(
            "host_call_flood",
            "asks whether it is canceled, for ever",
            guests::HOST_CALL_FLOOD,
            exhausted("host_calls"),
        )
        .budget(|budget| budget.cpu_ms = 60_000),
        Row::new("giant_argument", "sends 16 MiB in one call", guests::GIANT_ARGUMENT, exhausted("call_bytes"))
            .budget(|budget| budget.call_bytes = 4 << 20),
        Row::new("calls_at_once", "makes 64 calls of 900 KiB at once", guests::CALLS_AT_ONCE, exhausted("call_bytes"))
            .budget(|budget| {
                budget.call_bytes = 1 << 20;
                budget.host_calls_per_second = 0;
                budget.memory_bytes = 256 << 20;
            }),
        Row::new("calls_at_once: handles", "makes 64 calls at once", guests::CALLS_AT_ONCE, exhausted("handles"))
            .budget(|budget| {
                budget.handles = 16;
                budget.memory_bytes = 256 << 20;
            }),
        Row::new("panics", "panics", guests::PANICS, End::Failed("panic", None, "the cat is on the keyboard")),
        Row::new(
            "fails",
            "fails with a word of the host's",
            guests::FAILS,
            End::Failed("guest_trap", None, "not really"),
        ),
        Row::new(
            "bad_result",
            "has a result that is no JSON",
            guests::BAD_RESULT,
            End::Failed("invalid_result", None, ""),
        ),
        Row::new(
            "endless_describe",
            "never returns from `describe`",
            guests::ENDLESS_DESCRIBE,
            End::NotAccepted("within 1000 ms"),
        ),
        Row::new(
            "panicking_describe",
            "panics in `describe`",
            guests::PANICKING_DESCRIBE,
            End::NotAccepted("I am nobody"),
        ),
        Row::new("bad_schema", "has a schema that is none", guests::BAD_SCHEMA, End::NotAccepted("JSON Schema")),
        Row::new("bad_name", "has a name that no kind may have", guests::BAD_NAME, End::NotAccepted("Bad Name")),
        Row::new("file_script: open files", "opens a file for ever", guests::FILE_SCRIPT, End::Succeeded("done"))
            .spec(json!("write /task/a 1; hoard /task/a; rm /task/a"))
            .grants(Grants { task_folder: true, ..Grants::default() })
            .budget(|budget| budget.open_files = 50),
        Row::new("parent_script", "begins as many children as it can", guests::PARENT_SCRIPT, End::Succeeded(""))
            .spec(json!("breadth parent children; children"))
            .grants(Grants { spawner: Some(SpawnGrant::new(vec!["parent".to_owned()])), ..Grants::default() })
            .budget(|budget| budget.children = 6),
    ]
}
