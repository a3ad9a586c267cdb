//! Which database this is, and whether it can hold what a store writes.
//! Does not write anything: a database is known by the server's own numbers, so that a copy that was put in its place is another one.

use deadpool_postgres::Object;
use tokio_postgres::error::SqlState;

use super::failure::{of_pool, of_statement};
use super::transaction::Shared;
use crate::StoreError;

/// What tells a store from any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// The server's data, which a standby shares with its primary. Empty where the role may not ask.
    cluster: String,
    database: i64,
    /// The store's first table; 0 if it is not there.
    table: i64,
}

/// Refuses a database that cannot hold every text.
///
/// # Errors
/// `Corrupt`; `Unavailable`.
pub(super) async fn refuse_encoding(client: &Object) -> Result<(), StoreError> {
    let sql = "SELECT current_database()::text, current_setting('server_encoding')";
    let row = client.query_one(sql, &[]).await.map_err(|error| of_statement(&error))?;
    let (database, encoding): (String, String) = (row.get(0), row.get(1));
    if encoding == "UTF8" {
        return Ok(());
    }
    Err(StoreError::Corrupt {
        reason: format!(
            "the database `{database}` has the encoding {encoding}, which cannot hold every text; make one with CREATE DATABASE name \
             ENCODING 'UTF8' TEMPLATE template0 and name it in the store's address"
        ),
    })
}

/// Asks the server.
///
/// # Errors
/// `Unavailable`.
pub(super) async fn look(client: &Object, schema: &str) -> Result<Identity, StoreError> {
    let cluster = match client.query_one("SELECT system_identifier::text FROM pg_control_system()", &[]).await {
        Ok(row) => row.get(0),
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => String::new(),
        Err(error) => return Err(of_statement(&error)),
    };
    // As the catalog has it, whatever this role may use now.
    let sql = "SELECT d.oid::bigint, coalesce((
                   SELECT c.oid::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = $1 AND c.relname = 'schema_version'), 0)
               FROM pg_database d WHERE d.datname = current_database()";
    let row = client.query_one(sql, &[&schema]).await.map_err(|error| of_statement(&error))?;
    Ok(Identity { cluster, database: row.get(0), table: row.get(1) })
}

impl Shared {
    /// Compares the database with the one that was opened, once more.
    ///
    /// # Errors
    /// `Gone` if it is another, from now on for every verb; `Unavailable` if it cannot be asked.
    pub(super) async fn check_identity(&self) -> Result<(), StoreError> {
        let client = self.pool.get().await.map_err(|error| of_pool(&error));
        let found = match client {
            Ok(client) => look(&client, &self.options.schema).await?,
            Err(error) => return Err(self.note_gone(error)),
        };
        let known = &self.identity;
        let reason = if found.table == 0 {
            format!("the tables in the schema {} were removed", self.options.schema)
        } else if found.cluster != known.cluster || found.database != known.database {
            "another database answers at its address".to_owned()
        } else if found.table != known.table {
            format!("other tables were put in the place of those in the schema {}", self.options.schema)
        } else {
            return Ok(());
        };
        Err(self.note_gone(StoreError::Gone { reason }))
    }

    /// Remembers that the store is gone, if that is what an error says.
    fn note_gone(&self, error: StoreError) -> StoreError {
        if let StoreError::Gone { reason } = &error {
            // Somebody else may have been faster.
            let _ = self.gone.set(reason.clone());
        }
        error
    }

    /// # Errors
    /// `Gone` once that was noticed.
    pub(super) fn still_there(&self) -> Result<(), StoreError> {
        match self.gone.get() {
            Some(reason) => Err(StoreError::Gone { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}
