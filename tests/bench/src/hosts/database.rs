//! A database of a measurement's own on a server, and what is asked of it in SQL.
//! Does not know whose tables are in it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use taskwright_test_postgres::Server;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};

/// How long connections of processes that have ended may stay.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database, which is dropped by `remove`.
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) address: String,
    /// A connection to it.
    pub(crate) client: Client,
    /// A connection to another one, so that what it asks is not counted in this one.
    pub(crate) outside: Client,
}

async fn connect(address: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await.context("no connection to the server")?;
    // It ends with its client, who hears of any error.
    tokio::spawn(connection);
    Ok(client)
}

impl Database {
    /// Makes it, empty.
    pub(crate) async fn create(server: &Server, name: &str) -> Result<Self> {
        let outside = connect(&server.address()).await?;
        outside.batch_execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await?;
        outside.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        outside.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        let address = server.address_of(name);
        Ok(Self { name: name.to_owned(), client: connect(&address).await?, address, outside })
    }

    /// Writes down all that was done so far, and tells the planner what there is, so that neither happens while it is measured.
    pub(crate) async fn settle(&self) -> Result<()> {
        self.client.batch_execute("VACUUM ANALYZE").await?;
        self.outside.batch_execute("CHECKPOINT").await?;
        Ok(())
    }

    /// Waits until nobody else is connected to it: what a connection has done is counted for certain when it has ended.
    pub(crate) async fn alone(&self) -> Result<()> {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'";
        let until = Instant::now() + PATIENCE;
        while self.row_outside(sql, &[&self.name]).await?.get::<_, i64>(0) > 1 {
            ensure!(Instant::now() < until, "somebody stays connected to {}", self.name);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// One row out of this database.
    pub(crate) async fn row(&self, sql: &str) -> Result<Row> {
        self.client.query_one(sql, &[]).await.with_context(|| sql.to_owned())
    }

    /// One row out of another one, about this or about the whole server.
    pub(crate) async fn row_outside(&self, sql: &str, given: &[&(dyn ToSql + Sync)]) -> Result<Row> {
        self.outside.query_one(sql, given).await.with_context(|| sql.to_owned())
    }

    /// Drops it.
    pub(crate) async fn remove(self) -> Result<()> {
        drop(self.client);
        self.outside.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await?;
        Ok(())
    }
}
