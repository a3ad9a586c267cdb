//! Guests that do not come back, trap in places where nobody expects it, or do not believe that they are over.
//! Those that never begin are in `describing`.

use serde_json::json;
use taskwright_test_guests as guests;

use crate::hostile::{End, Row, Script};

const CPU: End = End::Failed("resource_exhausted", Some("cpu_ms"), "");
const TRAP: End = End::Failed("trap", None, "unreachable");

pub(crate) fn never_returns() -> Vec<Row> {
    let row =
        |name, what, spec, script, end| Row::new(name, what, guests::NEVER_RETURNS, end).spec(spec).script(script);
    vec![
        row("never_returns: start", "waits for ever; canceled", json!(["start"]), Script::Cancel, End::FORCED),
        row(
            "never_returns: start, wall clock",
            "waits for ever",
            json!(["start"]),
            Script::Nothing,
            End::Failed("timeout", Some("wall_ms"), ""),
        )
        .budget(|budget| budget.wall_ms = 300),
        row("never_returns: cancel", "waits in `cancel` for ever", json!(["cancel"]), Script::Cancel, End::FORCED),
        row(
            "never_returns: cancel, computing",
            "computes in `cancel` for ever",
            json!(["cancel", "computing"]),
            Script::Cancel,
            End::FORCED,
        )
        .budget(|budget| budget.cpu_ms = 60_000),
        row(
            "never_returns: deliver",
            "takes forty messages and returns from none",
            json!(["deliver"]),
            Script::Send(40),
            End::Failed("timeout", Some("wall_ms"), ""),
        )
        .budget(|budget| budget.wall_ms = 600),
        row(
            "never_returns: deliver, computing",
            "computes in `deliver` for ever",
            json!(["deliver", "computing"]),
            Script::Send(1),
            CPU,
        ),
        row(
            "never_returns: reconcile, computing",
            "computes in `reconcile` for ever",
            json!(["reconcile", "computing"]),
            Script::Nothing,
            CPU,
        ),
    ]
}

pub(crate) fn traps_in() -> Vec<Row> {
    let row = |name, what, spec, script| Row::new(name, what, guests::TRAPS_IN, TRAP).spec(spec).script(script);
    vec![
        row("traps_in: start", "traps in `start`", json!(["start"]), Script::Nothing),
        row("traps_in: deliver", "traps in `deliver`", json!(["deliver"]), Script::Send(3)),
        row("traps_in: cancel", "traps in `cancel`", json!(["cancel"]), Script::Cancel),
        row("traps_in: reconcile", "traps in `reconcile`", json!(["reconcile"]), Script::Nothing),
        row("traps_in: start, thrice", "traps in each of three attempts", json!(["start"]), Script::Nothing)
            .attempts(3),
        row("traps_in: loudly", "prints far too much and traps", json!(["start", "loudly"]), Script::Nothing).budget(
            |budget| {
                budget.host_calls = 1_000_000;
                budget.cpu_ms = 60_000;
            },
        ),
    ]
}

pub(crate) fn deaf() -> Vec<Row> {
    let what = "blocks its whole instance for an hour; canceled";
    vec![Row::new("deaf", what, *guests::DEAF, End::FORCED).script(Script::Cancel)]
}

pub(crate) fn works_after_its_end() -> Vec<Row> {
    let what = "returns its outcome and goes on reporting";
    vec![Row::new("works_after_its_end", what, *guests::WORKS_AFTER_ITS_END, End::Succeeded(""))]
}

pub(crate) fn insists() -> Vec<Row> {
    let what = "goes on reporting when another attempt has taken over";
    let row = Row::new("insists", what, guests::INSISTS, End::Succeeded("attempt 2")).script(Script::Supersede);
    vec![row.attempts(2).budget(|budget| {
        budget.cpu_ms = 60_000;
        budget.messages = 10_000;
        budget.host_calls = 1_000_000;
    })]
}

pub(crate) fn naps() -> Vec<Row> {
    let what = "lies down for 0 ms, over and over; canceled after 110 instances";
    // `cancel` is answered by going on; so the grace ends it.
    vec![Row::new("naps", what, guests::NAPS, End::FORCED).script(Script::CancelAfter(102))]
}
