//! Records, messages and events as text for people.
//! Does not write it anywhere, and does not trust what a kind wrote: everything goes through `clean_line`.

use std::fmt::Write as _;

use serde_json::Value;
use taskwright_registry::{
    CancelMode, ClosePolicy, Counted, Dimension, Direction, Event, EventBody, Message, Part, Recovery, SessionOwner,
    State, Task, Timestamp, Unit, Usage, Visibility, clean_line, clean_text,
};

use crate::home::Home;
use crate::kind_source;
use crate::output::Output;

/// Lines of a result that a person is shown before it is cut.
const RESULT_LINES: usize = 20;
/// The longest line of text that is shown.
const LINE_BYTES: usize = 4_096;

/// A state as a person reads it.
fn line(text: &str) -> String {
    clean_line(text, LINE_BYTES)
}

/// `12/40 files`, or nothing.
pub(crate) fn progress(task: &Task) -> String {
    let Some(progress) = &task.progress else { return String::new() };
    let mut text = progress.current.to_string();
    if let Some(total) = progress.total {
        let _ = write!(text, "/{total}");
    }
    if let Some(unit) = &progress.unit {
        let _ = write!(text, " {}", clean_line(unit, 40));
    }
    text
}

/// `3.2 MiB`.
#[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `850 ms`, `12.3 s`, `4 m 10 s`, ...
#[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
pub(crate) fn milliseconds(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1_000.0),
        60_000..3_600_000 => format!("{} m {} s", ms / 60_000, ms / 1_000 % 60),
        3_600_000..86_400_000 => format!("{} h {} m", ms / 3_600_000, ms / 60_000 % 60),
        _ => format!("{} d {} h", ms / 86_400_000, ms / 3_600_000 % 24),
    }
}

/// How long ago something was.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    let ms = u64::try_from((now - at).num_milliseconds()).unwrap_or(0);
    match ms {
        0..60_000 => format!("{} s", ms / 1_000),
        60_000..3_600_000 => format!("{} m", ms / 60_000),
        3_600_000..86_400_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// A time as it is shown.
pub(crate) fn time(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Whose a session is.
pub(crate) fn owner(owner: &SessionOwner) -> String {
    match &owner.task_id {
        Some(task) => format!("{task} of {}", owner.session_id),
        None => owner.session_id.to_string(),
    }
}

/// A figure of a dimension as a person reads it.
pub(crate) fn amount(dimension: Dimension, figure: u64) -> String {
    match dimension.unit() {
        Unit::Bytes => bytes(figure),
        Unit::Milliseconds => milliseconds(figure),
        Unit::Count => figure.to_string(),
    }
}

/// What attempts consumed, on one line.
pub(crate) fn usage(usage: &Usage) -> String {
    format!(
        "cpu {}, wall {}, memory peak {}, host calls {}",
        milliseconds(usage.cpu_ms),
        milliseconds(usage.wall_ms),
        bytes(usage.memory_peak_bytes),
        usage.host_calls
    )
}

/// What the task's attempts consumed, dimension by dimension, beside what one may: `used / allowed`. Of what is not measured
/// only the limit is known, and of what was not used nothing is said.
fn consumed(task: &Task) -> String {
    let row = |&dimension: &Dimension| {
        let used = task.usage.get(dimension);
        let limit = task.allowed.map(|allowed| allowed.get(dimension)).filter(|&limit| limit != u64::MAX);
        let peak = if dimension.counted() == Counted::Level { "peak " } else { "" };
        match (used, limit) {
            (None | Some(0), _) => None,
            (Some(used), None) => Some(format!("{dimension}  {peak}{}", amount(dimension, used))),
            (Some(used), Some(limit)) => {
                Some(format!("{dimension}  {peak}{} / {}", amount(dimension, used), amount(dimension, limit)))
            }
        }
    };
    let mut rows: Vec<String> = Dimension::ALL.iter().filter_map(row).collect();
    if task.usage.instances > 1 {
        rows.push(format!(
            "in {} instances of {} attempts; what is allowed is for one attempt",
            task.usage.instances, task.attempt
        ));
    }
    rows.join("\n")
}

/// A result for people: pretty, and cut where it is very long.
pub(crate) fn result(task: &Task, result: &Value) -> String {
    let pretty = serde_json::to_string_pretty(result).unwrap_or_else(|_| result.to_string());
    let lines: Vec<&str> = pretty.lines().collect();
    let shown: Vec<String> = lines.iter().take(RESULT_LINES).map(|text| clean_line(text, 400)).collect();
    let mut text = shown.join("\n");
    if lines.len() > RESULT_LINES {
        let _ =
            write!(text, "\n… {} more lines; `taskwright result {}` shows all", lines.len() - RESULT_LINES, task.id);
    }
    text
}

/// Labels and values, aligned.
pub(crate) fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (label, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let value = value.replace('\n', &format!("\n{}", " ".repeat(width + 2)));
        let _ = writeln!(text, "{label:width$}  {value}");
    }
    text
}

/// Rows as columns, the last one as wide as it likes.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(&head).chain(rows) {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn artifacts(task: &Task, home: &Home) -> String {
    let one = |artifact: &taskwright_registry::Artifact| {
        let place = match (&artifact.path, &artifact.url) {
            (Some(path), _) => home.shown_path(path),
            (None, Some(url)) => url.clone(),
            (None, None) => String::new(),
        };
        let size = artifact.bytes.map(|n| format!(", {}", bytes(n))).unwrap_or_default();
        line(&format!("{} ({}{size})  {place}", artifact.name, artifact.media_type))
    };
    task.artifacts.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// What went wrong with a task, on one line.
pub(crate) fn error(task: &Task) -> String {
    let Some(error) = &task.error else { return String::new() };
    let detail = error.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    line(&format!("{}{detail}: {}", error.kind, error.message))
}

/// How a task ended, with everything it left.
pub(crate) fn outcome(task: &Task, value: Option<&Value>, home: &Home, out: Output) -> String {
    let text = |text: &Option<String>| text.as_deref().map(line).unwrap_or_default();
    fields(&[
        ("task", task.id.to_string()),
        ("state", out.bold(task.state.as_str())),
        ("summary", text(&task.summary)),
        ("error", if task.state == State::Failed { error(task) } else { String::new() }),
        ("result", value.map(|value| result(task, value)).unwrap_or_default()),
        ("artifacts", artifacts(task, home)),
        ("usage", usage(&task.usage)),
    ])
}

/// The record, for `show`.
pub(crate) fn task(task: &Task, now: Timestamp, home: &Home, out: Output) -> String {
    let text = |text: &Option<String>| text.as_deref().map(line).unwrap_or_default();
    let at = |at: Option<Timestamp>| at.map(time).unwrap_or_default();
    let question = task.input_request.as_ref().map(|request| {
        let mut text = clean_text(&request.prompt, LINE_BYTES);
        if let Some(expected) = &request.expected {
            let _ = write!(text, "\nexpected: {}", line(&expected.as_value().to_string()));
        }
        let _ = write!(text, "\nanswer with: taskwright answer {} TEXT", task.id);
        text
    });
    let cancel = task.cancel.as_ref().map(|cancel| {
        let reason = cancel.reason.as_deref().map(|reason| format!(": {}", line(reason))).unwrap_or_default();
        let waits = if task.external_cancel_waits() { "\nwhoever does the work has not heard of it yet" } else { "" };
        format!("asked for {}{reason}{waits}", time(cancel.requested_at))
    });
    let links = [("child session", &task.links.child_session_id), ("remote task", &task.links.remote_task_id)];
    let mut links: Vec<String> =
        links.iter().filter_map(|(what, id)| id.as_deref().map(|id| format!("{what} {}", line(id)))).collect();
    links.extend(task.links.resource_ids.iter().map(|id| line(id)));
    let parent = [&task.parent.task_id, &task.parent.run_id, &task.parent.call_id, &task.parent.agent_id];
    let parent: Vec<String> = parent.into_iter().flatten().map(|id| line(id)).collect();
    let tries = format!(
        "{} (retries {}, of {} attempts; lost hosts {})",
        task.attempt, task.retries, task.max_attempts, task.crashes
    );
    let checkpoint = task.checkpoint.as_ref().map(|checkpoint| {
        format!("{}, attempt {}, {}", bytes(checkpoint.bytes), checkpoint.attempt, time(checkpoint.at))
    });
    let elsewhere = task.recovery == Recovery::External;
    let phase = match (&task.dispatch.phase, task.dispatch.due_at) {
        _ if elsewhere => String::new(),
        (phase, Some(due)) => format!("{}, due {}", phase.as_str(), time(due)),
        (phase, None) => phase.as_str().to_owned(),
    };
    let host = task
        .dispatch
        .host
        .as_ref()
        .filter(|_| !elsewhere)
        .map(|host| format!("{}, epoch {}", host.id, host.epoch))
        .unwrap_or_default();
    let unread = if task.dispatch.unread == 0 { String::new() } else { task.dispatch.unread.to_string() };
    fields(&[
        ("task", task.id.to_string()),
        ("session", task.session_id.to_string()),
        ("kind", line(&task.kind)),
        ("code", code(task, home)),
        ("name", text(&task.name)),
        ("display name", line(&task.display_name)),
        ("producer", text(&task.producer)),
        ("state", out.bold(task.state.as_str())),
        ("detail", text(&task.state_detail)),
        ("progress", progress(task)),
        ("question", question.unwrap_or_default()),
        ("cancel", cancel.unwrap_or_default()),
        ("summary", text(&task.summary)),
        ("error", error(task)),
        ("result", task.result_path.as_deref().map(|path| line(&home.shown_path(path))).unwrap_or_default()),
        ("artifacts", artifacts(task, home)),
        ("spec", line(&task.spec.to_string())),
        ("done elsewhere", done_elsewhere(task, now)),
        ("attempt", tries),
        ("retry at", at(task.retry_at)),
        ("if its host is lost", recovery(task)),
        ("phase", phase),
        ("host", host),
        ("unread", unread),
        ("links", links.join("\n")),
        ("parent", parent.join(", ")),
        ("wake", serde_word(&task.wake_policy)),
        ("hidden", if task.visibility == Visibility::Hidden { hidden(task) } else { String::new() }),
        ("if it is canceled", if_canceled(task)),
        ("if its session closes", if_closed(task)),
        ("priority", if task.priority.is_normal() { String::new() } else { serde_word(&task.priority) }),
        ("deadline", at(task.deadline)),
        ("attempt ends", at(task.attempt_ends_at().filter(|_| task.state.is_live()))),
        ("checkpoint", checkpoint.unwrap_or_default()),
        ("usage", consumed(task)),
        ("budget", limits(task)),
        ("created", format!("{} ({} ago)", time(task.created_at), age(task.created_at, now))),
        ("started", at(task.started_at)),
        ("finished", at(task.finished_at)),
    ])
}

/// The code that a task goes on with, and whether a live one can.
fn code(task: &Task, home: &Home) -> String {
    let Some(code) = &task.dispatch.code else { return String::new() };
    let waits = task.state.is_live() && task.dispatch.host.is_none() && !kind_source::is_here(home, code);
    let why = if waits { " (not here: it waits until this version is installed again)" } else { "" };
    format!("{}{why}", line(code))
}

/// What the creator of a task allows its attempts.
fn limits(task: &Task) -> String {
    let row = |&dimension: &Dimension| {
        let limit = task.budget.get(dimension);
        (limit != u64::MAX).then(|| format!("{dimension}  at most {}", amount(dimension, limit)))
    };
    Dimension::ALL.iter().filter_map(row).collect::<Vec<_>>().join("\n")
}

/// What becomes of a live task when its host is lost.
fn recovery(task: &Task) -> String {
    let text = match task.recovery {
        _ if task.state.is_terminal() => "",
        Recovery::HostBound => "it ends as orphaned",
        Recovery::Reattach => "it starts again from its checkpoint",
        Recovery::External => "",
    };
    text.to_owned()
}

/// Who does the work of a task that no host runs, since when nothing was heard, and when a host ends it all the same.
fn done_elsewhere(task: &Task, now: Timestamp) -> String {
    if task.recovery != Recovery::External || task.state.is_terminal() {
        return String::new();
    }
    let mut text = match (&task.dispatch.host, task.heartbeat_at) {
        (Some(holder), Some(at)) => {
            format!("by {}; last sign of life {} ago ({})", holder.id, age(at, now), time(at))
        }
        (Some(holder), None) => format!("by {}; no sign of life yet", holder.id),
        (None, _) => format!("nobody has it: `taskwright external take-on {}` takes it on", task.id),
    };
    if let Some(at) = task.external_ends_at() {
        let _ = write!(text, "\n`taskwright serve` ends it at {}", time(at));
    }
    text
}

/// What a cancel does, where that is not what it usually does.
fn if_canceled(task: &Task) -> String {
    let policy = task.cancel_policy;
    match policy.mode {
        _ if task.state.is_terminal() || policy == taskwright_registry::CancelPolicy::default() => String::new(),
        CancelMode::Cooperative => format!("it is asked, and stopped {} later", milliseconds(policy.grace_ms)),
        CancelMode::Abort => "it is stopped at once".to_owned(),
        CancelMode::External => "it is asked, and only whoever does its work ends it".to_owned(),
    }
}

/// What the end of its session does to it, where that is anything.
fn if_closed(task: &Task) -> String {
    match task.close_policy {
        _ if task.state.is_terminal() => String::new(),
        ClosePolicy::Keep => String::new(),
        ClosePolicy::Cancel => "it is canceled".to_owned(),
        ClosePolicy::Transfer => "it moves to the successor".to_owned(),
    }
}

/// Whether the session knows how a hidden task has ended.
fn hidden(task: &Task) -> String {
    match task.reported_at {
        Some(at) => format!("yes; its session took note of its end at {}", time(at)),
        None => "yes".to_owned(),
    }
}

/// The word that a policy is stored as.
fn serde_word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What a message says, on one line.
pub(crate) fn said(message: &Message) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => clean_line(text, 1_000),
        Part::Data(value) => clean_line(&value.to_string(), 1_000),
    };
    message.parts.iter().map(part).collect::<Vec<_>>().join(" | ")
}

/// A message.
pub(crate) fn message(message: &Message) -> String {
    let arrow = match message.direction {
        Direction::Inbound => "to task  ",
        Direction::Outbound => "from task",
    };
    let reply = message.in_reply_to.as_deref().map(|id| format!("  (re {})", clean_line(id, 80))).unwrap_or_default();
    format!("{}  {}  {arrow}  {}{reply}", time(message.created_at), message.id, said(message))
}

/// An event.
pub(crate) fn event(event: &Event, with_task: bool) -> String {
    let what = match &event.body {
        EventBody::Created { task } => line(&format!("{}  {}", task.state, task.display_name)),
        EventBody::Updated { task, changes } => {
            let mut text = task.state.to_string();
            for change in changes {
                let more = match change.as_str() {
                    "progress" => progress(task),
                    "state_detail" => task.state_detail.clone().unwrap_or_default(),
                    "summary" => task.summary.clone().unwrap_or_default(),
                    "input_request" => {
                        task.input_request.as_ref().map(|ask| format!("asks: {}", ask.prompt)).unwrap_or_default()
                    }
                    "error" => error(task),
                    "artifacts" => {
                        task.artifacts.last().map(|last| format!("artifact {}", last.name)).unwrap_or_default()
                    }
                    "cancel" => "cancel asked for".to_owned(),
                    _ => String::new(),
                };
                if !more.is_empty() {
                    let _ = write!(text, "  {more}");
                }
            }
            clean_line(&text, 600)
        }
        EventBody::MessageSent { message } | EventBody::MessageReceived { message } => said(message),
        EventBody::Transferred { from, to, .. } => format!("from {from} to {to}"),
        EventBody::Unreadable { was, problem } => clean_line(&format!("{was}: {problem}"), 600),
    };
    let task = if with_task { format!("  {}", event.task_id) } else { String::new() };
    format!("#{} {}{task}  {}  {what}", event.seq, event.at.format("%H:%M:%S%.3f"), event.body.type_name())
}
