//! The versions of the schema, and how a database gets from one to the next.
//! Does not go back: tables of a newer version are refused.

use std::time::Duration;

use deadpool_postgres::Object;
use tokio_postgres::error::SqlState;

use super::failure::{met_another, of_statement};
use crate::StoreError;

/// Each step, in order. A released step never changes, and a step only adds: hosts that know the schema before it go on while it is
/// taken and after it. So no step takes away, renames or narrows anything that an older one reads or writes, and what it adds has a
/// default, or may be missing, in the rows that they go on to write.
pub(super) const STEPS: [&str; 2] =
    [include_str!("schema/0001_begin.sql"), include_str!("schema/0002_files_place.sql")];

/// What processes that migrate wait for each other with: `TkWr`, and the schema's name.
const LOCK: i32 = 0x546b_5772;

/// How often steps that met other transactions are tried again: hosts that know the schema before go on meanwhile.
const TRIES: u32 = 100;
/// How long steps wait for a table that somebody uses before they make way and begin anew. It is shorter than the second after which the
/// server ends one of two transactions that wait for each other: that could be a host's.
const PATIENCE: &str = "SET LOCAL lock_timeout = '200ms'";
/// How long to make way.
const MAKE_WAY: Duration = Duration::from_millis(50);

/// Why the schema is not as it should be.
enum Failed {
    Server(tokio_postgres::Error),
    Store(StoreError),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Server(error) => of_statement(&error),
            Failed::Store(error) => error,
        }
    }
}

/// Applies the steps that the schema does not have yet, all in one transaction and once, however many processes begin together.
pub(super) async fn migrate(client: &Object, schema: &str) -> Result<(), StoreError> {
    migrate_to(client, schema, &STEPS).await
}

/// The same with the steps of another version.
pub(super) async fn migrate_to(client: &Object, schema: &str, steps: &[&str]) -> Result<(), StoreError> {
    // Most find everything there, some of them in a role that may make nothing, or in a server that takes no writes now.
    if version(client, schema, steps).await? == steps.len() {
        return Ok(());
    }
    let mut tries = 0;
    loop {
        tries += 1;
        client.batch_execute("BEGIN").await.map_err(Failed::from)?;
        let outcome = take(client, schema, steps).await;
        let ended = client.batch_execute(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" }).await;
        match outcome.and(ended.map_err(Failed::from)) {
            Err(Failed::Server(error)) if tries < TRIES && (met_another(&error) || in_use(&error)) => {
                tokio::time::sleep(MAKE_WAY).await;
            }
            outcome => return Ok(outcome?),
        }
    }
}

fn in_use(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

/// The version of the schema as it is, or 0 if there is none.
async fn version(client: &Object, schema: &str, steps: &[&str]) -> Result<usize, Failed> {
    let there = format!("SELECT to_regclass('{schema}.schema_version') IS NOT NULL");
    if !client.query_one(&there, &[]).await?.get::<_, bool>(0) {
        return Ok(0);
    }
    let row = client.query_opt(&format!("SELECT version FROM {schema}.schema_version"), &[]).await?;
    let found: i64 = row.map_or(0, |row| row.get(0));
    let number = u32::try_from(found);
    let found = number.map_err(|_| Failed::Store(StoreError::Corrupt { reason: format!("schema version {found}") }))?;
    if found as usize > steps.len() {
        #[expect(clippy::cast_possible_truncation, reason = "a handful")]
        let supported = steps.len() as u32;
        return Err(Failed::Store(StoreError::NewerSchema { found, supported }));
    }
    Ok(found as usize)
}

async fn take(client: &Object, schema: &str, steps: &[&str]) -> Result<(), Failed> {
    client.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", &[&LOCK, &schema]).await?;
    // The name consists of letters, digits and `_`.
    let begin = format!(
        "CREATE SCHEMA IF NOT EXISTS {schema}; CREATE TABLE IF NOT EXISTS {schema}.schema_version (version bigint NOT NULL)"
    );
    client.batch_execute(&begin).await?;
    let found = version(client, schema, steps).await?;
    if found == steps.len() {
        return Ok(());
    }
    client.batch_execute(PATIENCE).await?;
    if found > 0 {
        // Where most transactions begin: those that have come further go on to their end, and the others wait before they hold anything.
        client.batch_execute(&format!("LOCK TABLE {schema}.sessions IN ACCESS EXCLUSIVE MODE")).await?;
    }
    for step in &steps[found..] {
        client.batch_execute(step).await?;
    }
    client.batch_execute("DELETE FROM schema_version").await?;
    let version = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    client.execute("INSERT INTO schema_version (version) VALUES ($1)", &[&version]).await?;
    Ok(())
}
