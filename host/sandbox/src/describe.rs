//! Asks a kind what it is, without a task, without a capability and with a second to answer.
//! Does not believe the answer: everything that can be checked is.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use taskwright_registry::{Cancel, Description, Links, Part, Progress, Schema, Timestamp, clean_line, limit};
use wasmtime::Engine;

use crate::attempt::{self, Attempt};
use crate::bindings::KindPre;
use crate::bindings::taskwright::task::types;
use crate::life::clocked;
use crate::meter::Meter;
use crate::stdio::Stdio;
use crate::{AttemptError, AttemptHost, Budget, Grants, LoadError, NewArtifact, OutputStream, Refusal, convert, trap};

/// How long `describe` may take, instantiation included.
const TIME: Duration = Duration::from_secs(1);
/// How long a schema of specifications may be.
const SCHEMA_BYTES: usize = 64 * 1024;

/// What a kind has said, checked.
pub(crate) struct Described {
    pub(crate) description: Description,
    pub(crate) schema: Schema,
    pub(crate) wishes: Budget,
}

/// Calls `describe` and checks what it returns.
pub(crate) async fn describe(engine: &Engine, kind: &KindPre<Attempt>, most: &Budget) -> Result<Described, LoadError> {
    check(call(engine, kind, most).await?)
}

async fn call(engine: &Engine, kind: &KindPre<Attempt>, most: &Budget) -> Result<types::Description, LoadError> {
    let allowed_ms = u64::try_from(TIME.as_millis()).unwrap_or(u64::MAX);
    let budget = Budget { cpu_ms: allowed_ms, ..*most };
    let meter = Arc::new(Meter::new(budget));
    let stdio = Stdio::new(meter.clone());
    let made = attempt::store(engine, Arc::new(Nobody), meter.clone(), &stdio, &Grants::default());
    let mut store = made.map_err(|error| LoadError::Internal(error.to_string()))?;
    let asking = clocked(&meter, async {
        let kind = kind.instantiate_async(&mut store).await?;
        kind.taskwright_task_executor().call_describe(&mut store).await
    });
    let answer = tokio::select! {
        answer = tokio::time::timeout(TIME, asking) => answer,
        () = stdio.pump(&Nobody) => unreachable!("it never ends"),
    };
    match answer {
        Err(_) => Err(LoadError::DescribeTimeout { allowed_ms }),
        Ok(Ok(description)) => Ok(description),
        Ok(Err(error)) => Err(match trap::explain(&error, &meter, &stdio) {
            AttemptError::Exhausted { dimension: "cpu_ms", .. } => LoadError::DescribeTimeout { allowed_ms },
            error => LoadError::DescribeFailed { problem: clean_line(&error.to_string(), 512) },
        }),
    }
}

fn check(given: types::Description) -> Result<Described, LoadError> {
    check_parts(&given.kind, &given.version, given.spec_schema.len())?;
    let schema = Schema::from_json(&given.spec_schema).map_err(LoadError::BadSchema)?;
    let wishes = convert::wishes(&given.budget);
    let description = convert::description(given, schema.as_value().clone());
    Ok(Described { description, schema, wishes })
}

/// The rules for what a kind says of itself, for kinds that are no components. Returns the schema of their specifications.
///
/// # Errors
/// `BadDescription` and `BadSchema`, as for a component.
pub fn check_description(given: &Description) -> Result<Schema, LoadError> {
    check_parts(&given.kind, &given.version, given.spec_schema.to_string().len())?;
    Schema::new(given.spec_schema.clone()).map_err(LoadError::BadSchema)
}

fn check_parts(kind: &str, version: &str, schema_bytes: usize) -> Result<(), LoadError> {
    let bad = |what, expected: &str, actual: &str| {
        let (expected, actual) = (expected.to_owned(), format!("`{}`", clean_line(actual, 120)));
        Err(LoadError::BadDescription { what, expected, actual })
    };
    if !is_kind_name(kind) {
        return bad("kind", "1 to 64 of `a-z`, `0-9` and `-`, beginning with a letter", kind);
    }
    if semver::Version::parse(version).is_err() {
        return bad("version", "a semantic version such as `1.0.0`", version);
    }
    if schema_bytes > SCHEMA_BYTES {
        return bad("spec-schema", &format!("at most {SCHEMA_BYTES} bytes"), &format!("{schema_bytes} bytes"));
    }
    Ok(())
}

fn is_kind_name(name: &str) -> bool {
    name.len() <= limit::KIND_BYTES
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The host of a component that is nobody's attempt.
struct Nobody;

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
