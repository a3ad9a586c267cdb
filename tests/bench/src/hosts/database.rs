//! A database of a measurement's own on a server, and what is asked of it in SQL.
//! Does not know whose tables are in it.

use anyhow::{Context, Result};
use taskwright_test_postgres::Server;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};

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
