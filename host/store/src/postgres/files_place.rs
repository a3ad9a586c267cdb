//! Which place of files the hosts of a store share, as the store remembers it.
//! Does not look at the place: `taskwright-runner` reads the name that lies there.

use super::PostgresStore;
use super::failure::{of_pool, of_statement};
use crate::StoreError;

impl PostgresStore {
    /// The name of the place where the files of this store's tasks are, if a host has said it.
    ///
    /// # Errors
    /// Only those of the store itself.
    pub async fn files_place(&self) -> Result<Option<String>, StoreError> {
        let client = self.shared.pool.get().await.map_err(|error| of_pool(&error))?;
        let row = client.query_opt("SELECT id FROM files_place", &[]).await.map_err(|error| of_statement(&error))?;
        Ok(row.map(|row| row.get(0)))
    }

    /// Says where the files of this store's tasks are, unless another host has said it before; the name that holds is returned. A host
    /// whose place has another name is in the wrong place: what it writes there, others do not find.
    ///
    /// # Errors
    /// Only those of the store itself.
    pub async fn adopt_files_place(&self, name: &str) -> Result<String, StoreError> {
        if let Some(there) = self.files_place().await? {
            return Ok(there);
        }
        let client = self.shared.pool.get().await.map_err(|error| of_pool(&error))?;
        let insert = "INSERT INTO files_place (id) VALUES ($1) ON CONFLICT DO NOTHING";
        client.execute(insert, &[&name]).await.map_err(|error| of_statement(&error))?;
        drop(client);
        let gone = || StoreError::Unknown { reason: "the place of the files was written and is not there".to_owned() };
        self.files_place().await?.ok_or_else(gone)
    }
}
