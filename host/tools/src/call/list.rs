//! `list_tasks`: the session's tasks in brief.
//! Does not show hidden ones.

use serde_json::{Value, json};
use taskwright_registry::State;
use taskwright_runner::Session;
use taskwright_store::{Order, TaskFilter, TaskQuery};

use crate::agent_tools::{number, text};
use crate::definition::states;
use crate::fit::{Fitted, fit, json_bytes};
use crate::outcome::{CUT, MAX_BYTES};
use crate::snapshot::{NOTE, entry};
use crate::tool_error::ToolError;
use crate::{AgentTools, ToolDefinition};

pub(crate) const NAME: &str = "list_tasks";

/// How large one entry is at most, in bytes: enough for all that the host says, and a line or two of the kind's.
const ENTRY_BYTES: usize = 768;
/// What stands around the entries.
const AROUND: usize = 512;

pub(crate) fn definition() -> ToolDefinition {
    ToolDefinition::new(
        NAME,
        "Lists the background tasks of this session in brief, oldest first: id, kind, name, state, progress, summary. Long \
         lists come in pages: where `next` is given, pass it as `after`.",
        json!({
            "state": {"type": "string", "enum": states(), "description": "Only tasks in this state."},
            "kind": {"type": "string", "minLength": 1, "maxLength": 64, "description": "Only tasks of this kind."},
            "newest_first": {"type": "boolean", "description": "Begin with the newest. False unless given."},
            "after": {
                "type": "string", "pattern": "^task_[0-9a-f]{32}$",
                "description": "Go on behind this task: `next` of the page before, with the same other arguments.",
            },
            "limit": {
                "type": "integer", "minimum": 1, "maximum": 100,
                "description": "How many tasks at most. 50 unless given.",
            },
        }),
        &[],
    )
}

pub(crate) async fn call(tools: &AgentTools, session: &Session, arguments: &Value) -> Result<Value, ToolError> {
    let kind = text(arguments, "kind");
    if let Some(kind) = kind
        && !tools.known.iter().any(|known| known == kind)
    {
        session.check_kind(kind).await?;
    }
    // What the schema has let through is a state, and an id.
    let states = text(arguments, "state").and_then(|state| state.parse::<State>().ok()).into_iter().collect();
    let newest = arguments.get("newest_first").and_then(Value::as_bool).unwrap_or(false);
    let query = TaskQuery {
        filter: TaskFilter { kinds: kind.map(str::to_owned).into_iter().collect(), states, ..TaskFilter::default() },
        order: if newest { Order::NewestFirst } else { Order::OldestFirst },
        after: text(arguments, "after").and_then(|after| after.parse().ok()),
        limit: number(arguments, "limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(50),
    };
    let page = session.list(&query).await?;
    let (mut entries, mut room, mut next) = (Vec::new(), MAX_BYTES - AROUND, page.next.clone());
    let mut any_cut = false;
    for task in &page.tasks {
        let Fitted { value, cut } = fit(&entry(task), ENTRY_BYTES);
        let bytes = json_bytes(&value) + 1;
        if bytes > room {
            // The rest is on the next page, and nothing is left out.
            next = entries.len().checked_sub(1).map(|last: usize| page.tasks[last].id.clone());
            break;
        }
        room -= bytes;
        any_cut |= cut;
        entries.push(value);
    }
    let mut listed = json!({"tasks": entries, "count": entries.len(), "next": next, "note": NOTE});
    if any_cut {
        listed["cut"] = json!(CUT);
    }
    Ok(listed)
}
