//! A PostgreSQL server of the tests' own, started with the first case that needs one, or one for measurements.
//! Does not install one: where there is none the cases say that they are skipped.

mod database;
mod pooler;
mod server;

use std::io::Write;
use std::sync::OnceLock;

pub use database::{database, run};
pub use pooler::Pooler;
pub use server::{Server, Stop};

/// Where a server listens that all tests of this process share, or why there is none.
///
/// # Errors
/// Why there is none.
pub fn address() -> Result<&'static str, &'static str> {
    static ADDRESS: OnceLock<Result<String, String>> = OnceLock::new();
    let address = ADDRESS.get_or_init(|| match std::env::var("TASKWRIGHT_TEST_POSTGRES") {
        Ok(given) => Ok(given),
        Err(_) => start(),
    });
    address.as_deref().map_err(String::as_str)
}

fn start() -> Result<String, String> {
    static SHARED: OnceLock<Server> = OnceLock::new();
    let mut server = Server::make()?;
    server.set("max_connections=300");
    server.begin()?;
    let address = server.address();
    // It is never dropped, and ends with this process.
    SHARED.set(server).map_err(|_| "there are two".to_owned())?;
    Ok(address)
}

/// Says in the tests' output that a case did not run.
pub fn skipped(why: &str) {
    // The harness swallows what a passing test prints.
    let _ = writeln!(std::io::stderr(), "skipped: no PostgreSQL: {why}");
}
