//! The tables that the event log consists of: each holds a range of numbers, the next is made ahead, old ones are dropped whole.
//! Does not take single events away: `delete_oldest_events` does, from what is not dropped.
//!
//! The ranges are of numbers and not of time: hosts' clocks differ, and a log that was cut by their time would lose events from its
//! middle (L25). Numbers are given in the order of writing, so the oldest table is the beginning of every log that is in it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::Object;
use taskwright_registry::Timestamp;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::failure::{of_pool, of_statement};
use super::options::PostgresOptions;
use super::transaction::Shared;
use crate::StoreError;
use crate::column::millis;

/// What processes keep each other away with that make or drop a table: `TkWp`, and the schema's name.
const LOCK: i32 = 0x546b_5770;
/// The most events of one table.
const MOST: i64 = 1 << 26;
/// A table that is half full so soon is followed by one twice as large, and one that takes so long by one half as large.
const SOON: Duration = Duration::from_hours(6);
const LATE: Duration = Duration::from_hours(7 * 24);
/// How long it is waited for whoever uses the log. All others wait behind it meanwhile.
const PATIENCE: &str = "SET LOCAL lock_timeout = '50ms'";
/// How long nothing is tried after that was not long enough: somebody reads the log for longer, a backup for example.
const AGAIN: Duration = Duration::from_secs(10);

/// Numbers that events have, one table of them.
#[derive(Debug, Clone, Copy)]
struct Range {
    lower: i64,
    /// The first number that is not in it.
    upper: i64,
}

/// The table of the range that ends there.
fn table(upper: i64) -> String {
    format!("events_to_{upper}")
}

/// What this process knows of the tables.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    /// Before which nothing is dropped, because the log was in use.
    in_use: Mutex<Option<Instant>>,
}

/// Makes the next table if the newest one is half full, or if there is none. Where it cannot be made now, because somebody uses the
/// log or the role may make nothing, events go to a table for all other numbers, from which they are only deleted.
///
/// # Errors
/// Those of the server; the connection is as before.
pub(super) async fn make_ahead(client: &Object, options: &PostgresOptions) -> Result<(), Error> {
    // A look without a lock: there is nothing to do nearly always.
    if !is_half_full(client).await? {
        return Ok(());
    }
    transaction(client, async {
        if !locked(client).await? || !is_half_full(client).await? {
            return Ok(());
        }
        let next = next(client, i64::from(options.events_per_table.max(16))).await?;
        let (table, Range { lower, upper }) = (table(next.upper), next);
        client
            .batch_execute(&format!(
                "{PATIENCE};
                 CREATE TABLE {table} (LIKE events INCLUDING DEFAULTS);
                 CREATE UNIQUE INDEX ON {table} (session, seq);
                 ALTER TABLE events ATTACH PARTITION {table} FOR VALUES FROM ({lower}) TO ({upper});
                 INSERT INTO event_partitions (lower, upper, made_at)
                 VALUES ({lower}, {upper}, (extract(epoch FROM now()) * 1000)::bigint)"
            ))
            .await
    })
    .await
}

async fn is_half_full(client: &Object) -> Result<bool, Error> {
    let sql = "SELECT coalesce(
                   (SELECT lower + (upper - lower) / 2 FROM event_partitions ORDER BY upper DESC LIMIT 1)
                       <= (SELECT last_value FROM events_no_seq WHERE is_called), NOT EXISTS (SELECT 1 FROM event_partitions))";
    Ok(client.query_one(&client.prepare_cached(sql).await?, &[]).await?.get(0))
}

/// The range of the next table.
async fn next(client: &Object, first_size: i64) -> Result<Range, Error> {
    let sql = "SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END, p.lower, p.upper,
                   (extract(epoch FROM now()) * 1000)::bigint - p.made_at
               FROM events_no_seq s LEFT JOIN event_partitions p ON p.upper = (SELECT max(upper) FROM event_partitions)";
    let row = client.query_one(sql, &[]).await?;
    let newest = row.get(0);
    let Some(lower) = row.get::<_, Option<i64>>(1) else {
        return Ok(Range { lower: 1, upper: first_size + 1 }.behind(newest));
    };
    let (upper, millis): (i64, i64) = (row.get(2), row.get(3));
    let (size, took) = (upper - lower, Duration::from_millis(u64::try_from(millis).unwrap_or_default()));
    let size = match took {
        _ if took < SOON => (size * 2).min(MOST),
        _ if took > LATE => (size / 2).max(first_size),
        _ => size,
    };
    Ok(Range { lower: upper, upper: upper + size }.behind(newest))
}

impl Range {
    /// The same range, or one with room before it if its numbers are being given already.
    fn behind(self, newest: i64) -> Self {
        let size = self.upper - self.lower;
        if newest < self.lower {
            return self;
        }
        let lower = newest + size.div_euclid(8) + 2;
        Self { lower, upper: lower + size }
    }
}

impl Partitions {
    fn in_use(&self) -> MutexGuard<'_, Option<Instant>> {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Drops the oldest tables that hold nothing but events older than `before`. Returns how many events were in them. Nothing is
    /// dropped while the log is in use for longer than a moment.
    pub(super) async fn drop_old_events(&self, before: Timestamp) -> Result<usize, StoreError> {
        let client = self.pool.get().await.map_err(|error| of_pool(&error))?;
        let mut gone = 0;
        while !self.partitions.in_use().is_some_and(|until| Instant::now() < until) {
            match transaction(&client, drop_oldest(&client, millis(before))).await {
                Ok(Some(events)) => gone += events,
                Ok(None) => break,
                // They are deleted one by one meanwhile.
                Err(error) if is_in_the_way(&error) => {
                    tracing::info!(%error, "old events are not dropped a table at a time now");
                    *self.partitions.in_use() = Some(Instant::now() + AGAIN);
                }
                Err(error) => return Err(of_statement(&error)),
            }
        }
        Ok(gone)
    }
}

/// Whether somebody reads the log, or this role may not drop its tables.
fn is_in_the_way(error: &Error) -> bool {
    error.code().is_some_and(|code| [SqlState::LOCK_NOT_AVAILABLE, SqlState::INSUFFICIENT_PRIVILEGE].contains(code))
}

/// Drops the oldest table, if all in it is older; how many events that were.
async fn drop_oldest(client: &Object, before: i64) -> Result<Option<usize>, Error> {
    if !locked(client).await? {
        return Ok(None);
    }
    // None that is written to, and not the newest; and nothing that is older may stay behind it.
    let sql = "SELECT p.upper FROM event_partitions p
               WHERE p.upper <= (SELECT last_value FROM events_no_seq)
                   AND EXISTS (SELECT 1 FROM event_partitions WHERE upper > p.upper)
                   AND NOT EXISTS (SELECT 1 FROM events_rest WHERE no < p.upper)
               ORDER BY p.upper LIMIT 1";
    let Some(row) = client.query_opt(sql, &[]).await? else { return Ok(None) };
    let upper = row.get(0);
    let table = table(upper);
    let stays = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE at >= $1)");
    if client.query_one(&stays, &[&before]).await?.get(0) {
        return Ok(None);
    }
    let events: i64 = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await?.get(0);
    client.batch_execute(&format!("{PATIENCE}; LOCK TABLE events IN ACCESS EXCLUSIVE MODE")).await?;
    // Whoever had a number of it and had not written yet has written by now.
    if client.query_one(&stays, &[&before]).await?.get(0) {
        return Ok(None);
    }
    client.batch_execute(&format!("DROP TABLE {table}; DELETE FROM event_partitions WHERE upper = {upper}")).await?;
    Ok(Some(usize::try_from(events).unwrap_or_default()))
}

/// Whether nobody else makes or drops a table, until the transaction ends.
async fn locked(client: &Object) -> Result<bool, Error> {
    let sql = "SELECT pg_try_advisory_xact_lock($1, hashtext(current_schema()))";
    Ok(client.query_one(sql, &[&LOCK]).await?.get(0))
}

async fn transaction<T>(client: &Object, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    client.batch_execute("BEGIN").await?;
    let outcome = work.await;
    client.batch_execute(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_whose_numbers_are_being_given_begins_further_on() {
        let range = Range { lower: 101, upper: 201 };
        let same = range.behind(100);
        assert_eq!((same.lower, same.upper), (101, 201));
        let later = range.behind(150);
        assert_eq!((later.lower, later.upper), (164, 264));
    }
}
