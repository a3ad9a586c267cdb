//! The versions of the schema, and how a database gets from one to the next.
//! Does not go back: tables of a newer version are refused.

use deadpool_postgres::Object;

use super::failure::of_statement;
use crate::StoreError;

/// Each step, in order. A released step never changes.
const STEPS: [&str; 1] = [include_str!("schema/0001_begin.sql")];

/// The version that this program writes.
#[expect(clippy::cast_possible_truncation, reason = "a handful")]
pub(super) const SUPPORTED: u32 = STEPS.len() as u32;

/// What processes that migrate wait for each other with: `TkWr`, and the schema's name.
const LOCK: i32 = 0x546b_5772;

/// Applies the steps that the schema does not have yet, all in one transaction and once, however many processes begin together.
pub(super) async fn migrate(client: &Object, schema: &str) -> Result<(), StoreError> {
    // Most find everything there, some of them in a role that may make nothing, or in a server that takes no writes now.
    if version(client, schema).await? == SUPPORTED {
        return Ok(());
    }
    let run = async |sql: &str| client.batch_execute(sql).await.map_err(|error| of_statement(&error));
    run("BEGIN").await?;
    let outcome = steps(client, schema).await;
    run(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    outcome
}

/// The version of the schema as it is, or 0 if there is none.
async fn version(client: &Object, schema: &str) -> Result<u32, StoreError> {
    let of = |error: tokio_postgres::Error| of_statement(&error);
    let there = format!("SELECT to_regclass('{schema}.schema_version') IS NOT NULL");
    if !client.query_one(&there, &[]).await.map_err(of)?.get::<_, bool>(0) {
        return Ok(0);
    }
    let row = client.query_opt(&format!("SELECT version FROM {schema}.schema_version"), &[]).await.map_err(of)?;
    let found: i64 = row.map_or(0, |row| row.get(0));
    let found = u32::try_from(found).map_err(|_| StoreError::Corrupt { reason: format!("schema version {found}") })?;
    if found > SUPPORTED {
        return Err(StoreError::NewerSchema { found, supported: SUPPORTED });
    }
    Ok(found)
}

async fn steps(client: &Object, schema: &str) -> Result<(), StoreError> {
    let of = |error: tokio_postgres::Error| of_statement(&error);
    client.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", &[&LOCK, &schema]).await.map_err(of)?;
    // The name consists of letters, digits and `_`.
    let begin = format!(
        "CREATE SCHEMA IF NOT EXISTS {schema}; CREATE TABLE IF NOT EXISTS {schema}.schema_version (version bigint NOT NULL)"
    );
    client.batch_execute(&begin).await.map_err(of)?;
    let found = version(client, schema).await?;
    if found == SUPPORTED {
        return Ok(());
    }
    for step in STEPS.iter().skip(found as usize) {
        client.batch_execute(step).await.map_err(of)?;
    }
    client.batch_execute("DELETE FROM schema_version").await.map_err(of)?;
    let version = i64::from(SUPPORTED);
    client.execute("INSERT INTO schema_version (version) VALUES ($1)", &[&version]).await.map_err(of)?;
    Ok(())
}
