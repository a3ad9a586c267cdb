//! Asks a kind what it is, without a task, without a capability and with a second to answer.
//! Does not believe the answer: everything that can be checked is.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use taskwright_registry::{Cancel, Links, Part, Progress, Schema, Timestamp, clean_line};
use wasmtime::Engine;

use crate::attempt::{self, Reach};
use crate::bindings::taskwright::task::types;
use crate::executor::ExecutorPre;
use crate::file_thread::FilePools;
use crate::http::{Asker, Client, Gateway};
use crate::life::clocked;
use crate::meter::Meter;
use crate::self_description::{SelfDescription, check_description, check_parts};
use crate::shared_pool::PoolShare;
use crate::stdio::Stdio;
use crate::{
    AttemptError, AttemptHost, Budget, LiveGrants, LoadError, NewArtifact, OutputStream, ProtectedPaths, Refusal,
    convert, trap,
};

/// How long `describe` may compute, instantiation included.
const TIME: Duration = Duration::from_secs(1);
/// How long it may be under way. Nothing that it can call waits, so it is the machine's other work that takes the rest.
const WALL: Duration = Duration::from_secs(30);

/// What a kind has said, checked.
pub(crate) struct Described {
    pub(crate) said: SelfDescription,
    pub(crate) schema: Schema,
}

impl Described {
    /// What was said before, by the same rules as an answer.
    pub(crate) fn as_said(said: &SelfDescription) -> Result<Self, LoadError> {
        Ok(Self { schema: check_description(&said.description)?, said: said.clone() })
    }
}

/// Calls `describe` and checks what it returns.
pub(crate) async fn describe(
    engine: &Engine,
    kind: &ExecutorPre,
    most: &Budget,
    memory: PoolShare,
    http: &Arc<Client>,
) -> Result<Described, LoadError> {
    check(call(engine, kind, most, memory, http).await?)
}

async fn call(
    engine: &Engine,
    kind: &ExecutorPre,
    most: &Budget,
    memory: PoolShare,
    http: &Arc<Client>,
) -> Result<types::Description, LoadError> {
    let allowed_ms = u64::try_from(TIME.as_millis()).unwrap_or(u64::MAX);
    let budget = Budget { cpu_ms: allowed_ms, ..*most };
    let meter = Arc::new(Meter::new(budget));
    let stdio = Stdio::new(meter.clone());
    let grants = LiveGrants::default();
    let asker = Arc::new(Asker { kind: "NAME".to_owned(), want: None });
    let http = Gateway::new(http.clone(), grants.clone(), meter.clone(), asker, None);
    // It has no folders to open anything in.
    let (file_share, protected) = (FilePools::new(0, 0).share(None), ProtectedPaths::default());
    let reach = Reach { grants: &grants, http, own_folder: None, protected: &protected, memory, file_share };
    let made = attempt::store(engine, Arc::new(Nobody), meter.clone(), &stdio, reach);
    let mut store = made.map_err(|error| LoadError::Internal(error.to_string()))?;
    store.data_mut().stand_still(&stdio);
    let asking = clocked(&meter, async { kind.instantiate(&mut store).await?.describe(&mut store).await });
    match tokio::time::timeout(WALL, asking).await {
        Err(_) => Err(LoadError::DescribeTimeout { allowed_ms: u64::try_from(WALL.as_millis()).unwrap_or(u64::MAX) }),
        Ok(Ok(description)) => Ok(description),
        Ok(Err(error)) => Err(match trap::explain(&error, &meter, &stdio) {
            AttemptError::Exhausted { dimension: "cpu_ms", .. } => LoadError::DescribeTimeout { allowed_ms },
            error => LoadError::DescribeFailed { problem: clean_line(&error.to_string(), 512) },
        }),
    }
}

fn check(given: types::Description) -> Result<Described, LoadError> {
    let reattach = convert::reattach(&given.can_reattach);
    check_parts(&given.kind, &given.version, given.spec_schema.len(), &reattach)?;
    let schema = Schema::from_json(&given.spec_schema).map_err(LoadError::BadSchema)?;
    let wishes = convert::wishes(&given.budget);
    let description = convert::description(given, schema.as_value().clone());
    let said = SelfDescription { description, wishes };
    said.check_readable()?;
    Ok(Described { said, schema })
}

/// The host of a component that is nobody's attempt.
pub(crate) struct Nobody;

fn denied<T>() -> Result<T, Refusal> {
    Err(Refusal::Denied("`describe` must not report anything".to_owned()))
}

#[async_trait]
impl AttemptHost for Nobody {
    async fn state(&self, _detail: Option<String>) -> Result<(), Refusal> {
        denied()
    }
    async fn progress(&self, _progress: Progress) -> Result<(), Refusal> {
        denied()
    }
    async fn output(&self, _stream: OutputStream, _text: String) -> Result<(), Refusal> {
        denied()
    }
    async fn post(&self, _parts: Vec<Part>, _in_reply_to: Option<String>) -> Result<String, Refusal> {
        denied()
    }
    async fn request_input(&self, _prompt: String, _expected: Option<Schema>) -> Result<String, Refusal> {
        denied()
    }
    async fn draft(&self, _name: String, _chunk: Vec<u8>) -> Result<(), Refusal> {
        denied()
    }
    async fn artifact(&self, _artifact: NewArtifact) -> Result<(), Refusal> {
        denied()
    }
    async fn link(&self, _links: Links) -> Result<(), Refusal> {
        denied()
    }
    async fn checkpoint(&self, _state: Vec<u8>) -> Result<(), Refusal> {
        denied()
    }
    fn cancel_requested(&self) -> Option<Cancel> {
        None
    }
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }
}

#[cfg(test)]
mod tests {
    use taskwright_registry::Reattach;

    use super::*;

    /// What becomes of a description with this pointer.
    fn with_pointer(pointer: &str) -> Result<Described, LoadError> {
        check(types::Description {
            kind: "k".to_owned(),
            version: "1.0.0".to_owned(),
            summary: String::new(),
            spec_schema: "{}".to_owned(),
            can_reattach: types::Reattach::AsSpec(pointer.to_owned()),
            takes_messages: false,
            wants: Vec::new(),
            budget: types::Budget {
                memory_bytes: None,
                table_elements: None,
                instances: None,
                handles: None,
                call_bytes: None,
                host_calls: None,
                host_calls_per_second: None,
                cpu_time: None,
                wall_time: None,
                output_bytes: None,
                artifact_bytes: None,
                messages: None,
                checkpoint_bytes: None,
                file_bytes: None,
                http_requests: None,
                http_bytes: None,
                children: None,
            },
        })
    }

    #[test]
    fn a_json_pointer_is_taken_over_as_it_is() {
        let longest = format!("/{}", "x".repeat(255));
        for pointer in ["", "/", "/resume", "/a/0/b", "/a~1b~0", "/ü", &longest] {
            let Ok(described) = with_pointer(pointer) else { panic!("{pointer}") };
            assert_eq!(described.said.description.reattach, Reattach::AsSpec(pointer.to_owned()));
        }
    }

    #[test]
    fn a_text_that_is_no_json_pointer_is_refused_with_the_rule() {
        for pointer in ["resume", "#/resume", "/a~", "/a~2", "/~~0", "~0"] {
            let Err(error) = with_pointer(pointer) else { panic!("{pointer}") };
            let line = error.to_string();
            assert!(line.contains("a can-reattach that") && line.contains("beginning with `/`"), "{line}");
            assert!(line.ends_with(&format!("found `{pointer}`")), "{line}");
        }
    }

    #[test]
    fn a_pointer_that_is_too_long_is_refused_with_the_limit() {
        let Err(error) = with_pointer(&format!("/{}", "x".repeat(256))) else { panic!("it is too long") };
        assert!(error.to_string().contains("at most 256 bytes, found `257 bytes`"), "{error}");
    }
}
