//! A host for tests: runs a kind natively, records what it reports, and lets the test play the session and the clock.
//! It does not check what a real host checks: not the specification or an answer against its schema, and no limit that it
//! was not told of.
//!
//! ```
//! # use taskwright_guest::{Description, Kind, Outcome, Step, Task};
//! # struct Greet;
//! # impl Kind for Greet {
//! #     type Spec = serde_json::Value;
//! #     type Output = String;
//! #     fn describe() -> Description { Description::new("greet", "0.1.0", "Greets.") }
//! #     async fn start(task: Task<serde_json::Value>) -> Outcome<String> {
//! #         Ok(Step::done(task.ask("Which greeting?").await?))
//! #     }
//! # }
//! use taskwright_guest::mock::MockHost;
//!
//! let mut run = MockHost::new().start::<Greet>(serde_json::json!({"name": "Ada"}));
//! assert_eq!(run.question().unwrap().prompt, "Which greeting?");
//! run.answer("Hello").unwrap();
//! assert_eq!(run.result::<String>(), "Hello");
//! ```
//!
//! Nothing runs by itself: the kind is run until it waits, whenever the test has done something. So there is no thread,
//! no real time and no race in a test.

mod call;
pub(crate) mod children;
pub(crate) mod http;
pub(crate) mod imports;
mod job;
mod record;
mod run;
mod status;
mod world;

use std::path::PathBuf;
use std::rc::Rc;

use serde::Serialize;

use crate::kind::Kind;
use crate::message::InputRequest;
use crate::refusal::Refusal;
use crate::task::TaskInfo;

pub use call::{Call, Stimulus};
pub use children::MockChild;
pub use http::Reply;
pub use record::{Posted, Record};
pub use run::Run;
pub use status::Status;

use world::{Plan, World};

/// The JSON Schema that a host checks this kind's specifications against.
pub fn spec_schema<K: Kind>() -> serde_json::Value {
    serde_json::from_str(&crate::dispatch::spec_schema::<K>()).expect("a schema is JSON")
}

/// What a kind is going to run against.
#[derive(Debug, Default)]
pub struct MockHost {
    plan: Plan,
}

impl MockHost {
    /// A host that refuses nothing, has granted nothing and starts a first attempt.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts this attempt rather than the first one.
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.plan.attempt = attempt;
        self
    }

    /// An earlier attempt left this checkpoint.
    pub fn checkpoint(mut self, state: &impl Serialize) -> Self {
        self.plan.checkpoint = Some(serde_json::to_vec(state).expect("a checkpoint is written as JSON"));
        self
    }

    /// An earlier attempt left these bytes as its checkpoint.
    pub fn checkpoint_bytes(mut self, state: impl Into<Vec<u8>>) -> Self {
        self.plan.checkpoint = Some(state.into());
        self
    }

    /// An earlier attempt asked this, and nobody has answered yet.
    pub fn pending(mut self, prompt: &str) -> Self {
        let id = world::id("inreq_", 0);
        self.plan.pending = Some(InputRequest { id, prompt: prompt.to_owned(), expected: None });
        self
    }

    /// A folder of this machine was granted under this name.
    pub fn folder(mut self, name: &str, path: impl Into<PathBuf>) -> Self {
        self.plan.folders.insert(name.to_owned(), path.into());
        self
    }

    /// Answers a request with this method to this url. Several replies to the same are given one after the other, and the
    /// last one again and again. A request without a reply is denied.
    pub fn reply(mut self, method: &str, url: &str, reply: Reply) -> Self {
        self.plan.replies.plan(method, url, reply);
        self
    }

    /// Refuses every call of this function.
    pub fn refuse(self, call: Call, refusal: Refusal) -> Self {
        self.refuse_from(call, 1, refusal)
    }

    /// Refuses this function from its nth call on; the first is 1.
    pub fn refuse_from(mut self, call: Call, nth: u64, refusal: Refusal) -> Self {
        self.plan.refusals.push((call, nth, refusal));
        self
    }

    /// Lets the session do something at the nth call of a function; the first is 1. For a kind that works for a long time
    /// without waiting, when the test itself has no turn.
    pub fn at(mut self, call: Call, nth: u64, stimulus: Stimulus) -> Self {
        self.plan.stimuli.push((call, nth, stimulus));
        self
    }

    /// Starts a task of this kind and runs it until it waits, hibernates or ends.
    ///
    /// # Panics
    ///
    /// If the specification cannot be written as JSON, and whenever the kind panics.
    pub fn start<K: Kind>(self, spec: impl Serialize) -> Run<K> {
        let spec = serde_json::to_string(&spec).expect("a specification is written as JSON");
        let description = K::describe();
        let info = TaskInfo {
            id: world::task_id(),
            session_id: "session".to_owned(),
            kind: description.kind.clone(),
            display_name: description.kind,
            max_attempts: 3,
            created_at: world::BEGINNING,
            ..TaskInfo::default()
        };
        Run::start(Rc::new(World::new(self.plan)), info, spec)
    }
}
