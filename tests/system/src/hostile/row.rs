//! A row of the table: a guest, what it is told and allowed, what its session does meanwhile, and how it must end.
//! Does not run anything: a `Stage` does.

use serde_json::{Value, json};
use taskwright_runner::sandbox::{Budget, Grants};

use crate::hostile::End;

/// What the session does while the guest runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Script {
    /// Waits for the end.
    Nothing,
    /// Sends so many messages as soon as the guest has said something.
    Send(u32),
    /// Asks for the end as soon as the guest has said something.
    Cancel,
    /// Asks for the end after so many instances.
    CancelAfter(u64),
    /// Lets the next attempt begin while the first one goes on, as a reaper does that believes a host dead.
    Supersede,
    /// Answers the first question.
    Answer(&'static str),
}

/// A row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name: the guest's, and what distinguishes it from other rows of the guest.
    pub name: String,
    /// What the guest does, for a reader of the table.
    pub what: &'static str,
    /// The component.
    pub guest: &'static [u8],
    /// What it is told.
    pub spec: Value,
    /// What the operator allows it.
    pub budget: Budget,
    /// What else the operator grants it.
    pub grants: Grants,
    /// Whether it is granted, to write, the folder that contains the host's own: as `files`. It is told the paths of that then.
    pub granted_all: bool,
    /// How many attempts it gets.
    pub attempts: u32,
    /// What happens meanwhile.
    pub script: Script,
    /// How it must end.
    pub end: End,
}

/// What a guest of the suite is allowed unless a row says otherwise: little, so that the suite is quick.
pub(crate) const SMALL: Budget = Budget {
    memory_bytes: 64 << 20,
    table_elements: 10_000,
    handles: 512,
    host_calls: 20_000,
    cpu_ms: 60_000,
    wall_ms: 120_000,
    output_bytes: 256 << 10,
    artifact_bytes: 1 << 20,
    messages: 50,
    ..Budget::UNLIMITED
};

impl Row {
    /// A guest that is told nothing and allowed little. Time on a CPU is scarce only where that is how it must end: on a busy
    /// machine anything may take long.
    #[must_use]
    pub fn new(name: &str, what: &'static str, guest: &'static [u8], end: End) -> Self {
        let (name, spec, mut budget) = (name.to_owned(), json!({}), SMALL);
        if matches!(end, End::Failed(_, Some("cpu_ms"), _)) {
            budget.cpu_ms = 200;
        }
        Self {
            name,
            what,
            guest,
            spec,
            budget,
            grants: Grants::default(),
            granted_all: false,
            attempts: 1,
            script: Script::Nothing,
            end,
        }
    }

    /// Tells it something.
    #[must_use]
    pub fn spec(mut self, spec: Value) -> Self {
        self.spec = spec;
        self
    }

    /// Allows it something else than the others.
    #[must_use]
    pub fn budget(mut self, change: impl FnOnce(&mut Budget)) -> Self {
        change(&mut self.budget);
        self
    }

    /// Grants it something.
    #[must_use]
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Grants it the folder in which everything of the host's lies.
    #[must_use]
    pub fn granted_all(mut self) -> Self {
        self.granted_all = true;
        self
    }

    /// Gives it more than one attempt.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Has the session do something.
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }
}
