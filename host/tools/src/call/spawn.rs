//! `spawn_task`: begins a task of a kind that the embedder allows.
//! Does not wait for it, and grants it nothing: the operator's configuration says what its kind may do.

use serde_json::{Value, json};
use taskwright_registry::{Description, Lineage, clean_json, clean_line, limit};
use taskwright_runner::Session;

use crate::agent_tools::text;
use crate::fit::json_bytes;
use crate::snapshot::{self, NOTE};
use crate::tool_error::ToolError;
use crate::{AgentTools, ToolDefinition};

pub(crate) const NAME: &str = "spawn_task";

/// How much of a kind's word about itself is told, in bytes.
const SUMMARY_BYTES: usize = 200;
/// How large a kind's schema may be so that it is told, in bytes.
const SCHEMA_BYTES: usize = 8 * 1024;

pub(crate) fn definition(kinds: &[Description]) -> ToolDefinition {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.kind.as_str()).collect();
    let say = |kind: &Description| format!("{}: \"{}\"", kind.kind, clean_line(&kind.summary, SUMMARY_BYTES));
    let summaries: Vec<String> = kinds.iter().map(say).collect();
    let schemas: Vec<String> = kinds.iter().map(schema).collect();
    ToolDefinition::new(
        NAME,
        format!(
            "Begins a background task and returns at once with its record; `wait_task` waits for its end. The kinds, in their \
             own words: {}.",
            summaries.join("; ")
        ),
        json!({
            "kind": {"type": "string", "enum": names, "description": "What sort of task."},
            "spec": {
                "type": "object",
                "description": format!("What the task is to do. The JSON Schema of each kind: {}", schemas.join("; ")),
            },
            "name": {
                "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$",
                "description": "A name to call the task by; no other live task of the session may have it.",
            },
            "display_name": {
                "type": "string", "minLength": 1, "maxLength": 60,
                "description": "What a person reads.",
            },
        }),
        &["kind", "spec"],
    )
}

fn schema(kind: &Description) -> String {
    if json_bytes(&kind.spec_schema) > SCHEMA_BYTES {
        return format!(
            "{}: too long to be shown here; a spec that does not fit is refused with the reason",
            kind.kind
        );
    }
    format!("{}: {}", kind.kind, clean_json(kind.spec_schema.to_string()))
}

pub(crate) async fn call(tools: &AgentTools, session: &Session, arguments: &Value) -> Result<Value, ToolError> {
    let kind = text(arguments, "kind").unwrap_or_default();
    let spec = arguments.get("spec").cloned().unwrap_or_default();
    let mut request =
        session.task(kind, spec).producer(tools.producer.as_str()).parent(tools.lineage.clone()).wake(tools.wake);
    if let Some(name) = text(arguments, "name") {
        request = request.name(name);
    }
    if let Some(text) = text(arguments, "display_name") {
        request = request.display_name(text);
    }
    if let Some(key) = idempotency_key(&tools.lineage) {
        // A call that is made again after its answer was lost is the same call.
        request = request.idempotency_key(key);
    }
    let created = request.create_or_find().await?;
    Ok(json!({"task": snapshot::whole(&created.task, None), "began": created.fresh, "note": NOTE}))
}

/// What names a call within a session; nothing for ids that are too long to be a key.
fn idempotency_key(lineage: &Lineage) -> Option<String> {
    let ids = json!([lineage.run_id.as_ref()?, lineage.call_id.as_ref()?]);
    let key = format!("{NAME} {ids}");
    (key.len() <= limit::IDEMPOTENCY_KEY_BYTES).then_some(key)
}
