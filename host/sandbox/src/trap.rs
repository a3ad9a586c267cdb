//! Why an instance ended by itself, in words.
//! Does not decide what follows.

use taskwright_registry::{clean_text, limit};
use wasmtime::{Error, PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::AttemptError;
use crate::engine::STACK_BYTES;
use crate::meter::Meter;
use crate::stdio::Stdio;

/// What an error of the system ends with that has no memory left, of whichever type it is: `ENOMEM`.
const OUT_OF_MEMORY: &str = "(os error 12)";
/// How many frames of the guest's stack are named.
const FRAMES: usize = 5;

/// The cause that is to be told: the host's own verdict first, then what the engine says.
pub(crate) fn explain(error: &Error, meter: &Meter, stdio: &Stdio) -> AttemptError {
    if let Some(verdict) = meter.verdict() {
        return verdict.clone();
    }
    if let Some(exhausted) = engine_limit(error, meter) {
        return exhausted;
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return AttemptError::Trap { message: format!("the guest called exit({}) instead of returning", exit.0) };
    }
    let tail = stdio.stderr_tail();
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => AttemptError::Trap {
            message: format!(
                "the guest recursed too deeply: its stack of {} KiB is exhausted{}",
                STACK_BYTES / 1024,
                frames(error)
            ),
        },
        Some(trap) => {
            // A guest that gets no memory prints a line and aborts, which looks like any other `unreachable`.
            if let Some(exhausted) = meter.denied() {
                return exhausted;
            }
            match panic_message(&tail) {
                Some(message) if *trap == Trap::UnreachableCodeReached => AttemptError::Panic { message },
                _ => AttemptError::Trap { message: format!("{trap}{}", frames(error)) },
            }
        }
        None => meter.denied().unwrap_or_else(|| AttemptError::Trap {
            message: clean_text(&format!("{}{}", error.root_cause(), frames(error)), limit::ERROR_MESSAGE_BYTES),
        }),
    }
}

/// Limits that the engine keeps itself. It has no types for them, so they are told by their texts; a test of each fails
/// if a new version of the engine words one anew.
fn engine_limit(error: &Error, meter: &Meter) -> Option<AttemptError> {
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        let problem = clean_text(&error.root_cause().to_string(), limit::ERROR_MESSAGE_BYTES / 2);
        return Some(AttemptError::PoolUsedUp { problem, begun: meter.has_begun() });
    }
    let text = error.root_cause().to_string();
    // What the system has too little of (memory, or mappings of it) is no doing of this guest.
    if text.ends_with(OUT_OF_MEMORY) {
        return Some(AttemptError::PoolUsedUp { problem: text, begun: meter.has_begun() });
    }
    let exhausted =
        |dimension, allowed: u64| Some(AttemptError::Exhausted { dimension, allowed, used: allowed.saturating_add(1) });
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        return exhausted("call_bytes", meter.budget().call_bytes);
    }
    if text.contains("handle limit exceeded") || text.contains("resource table has no free keys") {
        return exhausted("handles", meter.budget().handles);
    }
    if text.contains("instance count too high") {
        return exhausted("instances", meter.budget().instances);
    }
    None
}

/// The names of the innermost frames of the guest.
fn frames(error: &Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    let names: Vec<&str> = backtrace.frames().iter().filter_map(|frame| frame.func_name()).take(FRAMES).collect();
    if names.is_empty() { String::new() } else { format!(" (in {})", names.join(" < ")) }
}

/// What a Rust guest has printed about its panic, as `MESSAGE (at PLACE)`. Rust itself prints `thread 'NAME' panicked at PLACE:` and
/// then the message; the SDK prints `the kind panicked at PLACE:` and then the message, and has printed it in the same line before.
fn panic_message(stderr: &str) -> Option<String> {
    const BEFORE: &str = "panicked at ";
    const WHO: [&str; 2] = ["the kind ", "thread '"];
    // A message may speak of a panic, too: only the beginning of a line counts, and of several the last.
    let starts = std::iter::once(0).chain(stderr.match_indices('\n').map(|(end, _)| end + 1));
    let report = starts.map(|start| &stderr[start..]).filter(|text| WHO.iter().any(|who| text.starts_with(who)));
    let mut report = report.filter_map(|text| {
        let line = text.lines().next().unwrap_or_default();
        line.find(BEFORE).map(|at| &text[at + BEFORE.len()..])
    });
    let report = report.next_back()?;
    let place_ends = report.match_indices(':').find(|(at, _)| report[at + 1..].starts_with([' ', '\n']));
    let (place, rest) = match place_ends {
        Some((at, _)) => (&report[..at], &report[at + 1..]),
        None => report.split_once('\n').unwrap_or((report, "")),
    };
    let message = rest.split("\nnote: ").next().unwrap_or(rest).trim();
    let place = place.trim().trim_end_matches(':');
    let message = if message.is_empty() { "the guest panicked" } else { message };
    Some(clean_text(&format!("{message} (at {place})"), limit::ERROR_MESSAGE_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_by_its_message_and_place() {
        let stderr = "before\n\nthread '<unnamed>' (1) panicked at src/lib.rs:3:5:\nno\nway\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(panic_message(stderr).unwrap(), "no\nway (at src/lib.rs:3:5)");
        assert_eq!(panic_message("all is well"), None);
        assert_eq!(panic_message("it panicked at the sight of it"), None);
        let kind = "before\nthe kind panicked at src/walk.rs:87:34:\nboom: no\nit panicked at dawn\n";
        assert_eq!(panic_message(kind).unwrap(), "boom: no\nit panicked at dawn (at src/walk.rs:87:34)");
        let earlier = "the kind panicked at src/walk.rs:87:34: boom\nsecond\n";
        assert_eq!(
            panic_message(earlier).unwrap(),
            "boom\nsecond (at src/walk.rs:87:34)",
            "kinds that are built already"
        );
    }
}
