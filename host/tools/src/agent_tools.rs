//! The tools of one agent: which there are, and who may begin what.
//! Does not hold a session: each call is given one, and reaches nothing beyond it.

use serde_json::{Value, json};
use taskwright_registry::{Description, Lineage, Task, TaskId, WakePolicy};
use taskwright_runner::{Among, Session};

use crate::call::{cancel, get, list, message, spawn, wait};
use crate::tool_error::ToolError;
use crate::{ToolDefinition, ToolOutcome};

/// The tools of an agent. Cheap to make, one for each turn if the turns differ.
#[derive(Debug, Clone)]
pub struct AgentTools {
    pub(crate) kinds: Vec<Description>,
    pub(crate) known: Vec<String>,
    pub(crate) lineage: Lineage,
    pub(crate) producer: String,
    pub(crate) wake: WakePolicy,
}

impl Default for AgentTools {
    fn default() -> Self {
        Self::new()
    }
}

impl AgentTools {
    /// Tools to look at tasks, to talk to them, to cancel them and to wait for them. They begin none.
    #[must_use]
    pub fn new() -> Self {
        Self {
            kinds: Vec::new(),
            known: Vec::new(),
            lineage: Lineage::default(),
            producer: "agent".to_owned(),
            wake: WakePolicy::OnTerminal,
        }
    }

    /// Lets the agent begin tasks of these kinds and of no others: adds the tool `spawn_task`. What a kind says of itself
    /// becomes part of that tool's description; `Runner::kinds` has it.
    #[must_use]
    pub fn spawning(mut self, kinds: impl IntoIterator<Item = Description>) -> Self {
        self.kinds.extend(kinds);
        self
    }

    /// Further kinds that a list may be asked for. Those that the runner has, and those of which the session has tasks, may
    /// be anyway; any other is an error, since an empty list would hide the mistake (L24).
    #[must_use]
    pub fn knowing(mut self, kinds: impl IntoIterator<Item = String>) -> Self {
        self.known.extend(kinds);
        self
    }

    /// Where the tasks come from that the agent begins: the running task, run, call and agent. With a run and a call, of
    /// together at most 200 bytes, the same call again finds the task that it has begun and begins no second one.
    #[must_use]
    pub fn within(mut self, lineage: Lineage) -> Self {
        self.lineage = lineage;
        self
    }

    /// Who is noted as the creator of the tasks that the agent begins; `agent` unless said.
    #[must_use]
    pub fn producer(mut self, producer: impl Into<String>) -> Self {
        self.producer = producer.into();
        self
    }

    /// When the tasks that the agent begins wake its session; at their end unless said.
    #[must_use]
    pub fn wake(mut self, policy: WakePolicy) -> Self {
        self.wake = policy;
        self
    }

    /// What a model is told of the tools, always in the same order.
    #[must_use]
    pub fn definitions(&self) -> Vec<ToolDefinition> {
        let mut tools = vec![
            list::definition(),
            get::definition(),
            message::definition(),
            cancel::definition(),
            wait::definition(),
        ];
        if !self.kinds.is_empty() {
            tools.push(spawn::definition(&self.kinds));
        }
        tools
    }

    /// Calls a tool for a session. The arguments are held against the tool's schema before anything is done; none at all
    /// (`null`) are no arguments. Whatever goes wrong is an outcome that the model can read. A call that is dropped while it
    /// waits has done nothing but wait; any other may have been done.
    pub async fn call(&self, session: &Session, name: &str, arguments: Value) -> ToolOutcome {
        ToolOutcome::of(self.try_call(session, name, arguments).await)
    }

    async fn try_call(&self, session: &Session, name: &str, arguments: Value) -> Result<Value, ToolError> {
        let tools = self.definitions();
        let Some(tool) = tools.iter().find(|tool| tool.name == name) else {
            let known = tools.into_iter().map(|tool| tool.name).collect();
            return Err(ToolError::UnknownTool { name: name.to_owned(), known });
        };
        let arguments = if arguments.is_null() { json!({}) } else { arguments };
        tool.check(&arguments)?;
        match name {
            list::NAME => list::call(self, session, &arguments).await,
            get::NAME => get::call(session, &arguments).await,
            message::NAME => message::call(session, &arguments).await,
            cancel::NAME => cancel::call(session, &arguments).await,
            wait::NAME => wait::call(session, &arguments).await,
            _ => spawn::call(self, session, &arguments).await,
        }
    }
}

/// The task that the argument `task_id` means: by its id whatever its state, by its name while it is live.
pub(crate) async fn meant(session: &Session, arguments: &Value) -> Result<Task, ToolError> {
    let text = text(arguments, "task_id").unwrap_or_default();
    match text.parse::<TaskId>() {
        Ok(id) => Ok(session.get(&id).await?),
        Err(_) => Ok(session.find(text, &Among::Session).await?),
    }
}

/// An argument that is a text.
pub(crate) fn text<'a>(arguments: &'a Value, name: &str) -> Option<&'a str> {
    arguments.get(name)?.as_str()
}

/// An argument that is a whole number, also where it is written as `3.0`; the schema has bounded it.
pub(crate) fn number(arguments: &Value, name: &str) -> Option<u64> {
    let value = arguments.get(name)?;
    value.as_u64().or_else(|| value.as_f64().map(|number| number as u64))
}
