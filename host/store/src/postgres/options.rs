//! How a store in PostgreSQL is set up.
//! Does not hold where the server is: its address does, with user and password.

use std::fmt;
use std::path::PathBuf;

use crate::{Clock, LeaseClock};

/// Options of a store in PostgreSQL.
#[derive(Clone)]
pub struct PostgresOptions {
    /// The most connections that this process keeps for the store, beside one that listens; at least 1.
    pub connections: usize,
    /// The schema that holds the store's tables; it is made if it is not there. Lower-case letters, digits and `_`.
    pub schema: String,
    /// A file with certificates in PEM, of which one must have signed the server's, in place of the web's roots. What the address
    /// names as `sslrootcert` goes before it.
    pub root_certificates: Option<PathBuf>,
    /// How many events the first table of the log holds; at least 16. Later ones hold more where they are soon full, up to 2^26.
    /// Old events go a table at a time, so that they cost no vacuum.
    pub events_per_table: u32,
    /// A clock in place of the server's, for tests.
    pub clock: Option<Clock>,
    /// A clock of leases in place of the server's, for tests.
    pub lease_clock: Option<LeaseClock>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            connections: 16,
            schema: "taskwright".to_owned(),
            root_certificates: None,
            events_per_table: 1 << 20,
            clock: None,
            lease_clock: None,
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("connections", &self.connections)
            .field("schema", &self.schema)
            .field("root_certificates", &self.root_certificates)
            .finish_non_exhaustive()
    }
}
