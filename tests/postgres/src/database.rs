//! A database of one test's own on the tests' server, for tests whose hosts would take each other's tasks.
//! Does not remove it: the server is gone with the tests.

use std::process::{Command, Stdio};

/// The address of a new and empty database.
///
/// # Errors
/// Why there is no server, or none that makes one.
pub fn database(name: &str) -> Result<String, String> {
    let address = crate::address()?;
    let name = format!("{name}_{}", std::process::id());
    run(address, &format!("CREATE DATABASE {name}"))?;
    let (server, _) = address.rsplit_once('/').ok_or("an address without a database")?;
    Ok(format!("{server}/{name}"))
}

/// Has a database carry out statements.
///
/// # Errors
/// Why it has not.
pub fn run(address: &str, sql: &str) -> Result<(), String> {
    let program = crate::server::programs().map_or("psql".into(), |programs| programs.join("psql"));
    let mut psql = Command::new(program);
    psql.args([address, "--quiet", "--set", "ON_ERROR_STOP=1", "-c", sql]).stdin(Stdio::null());
    let done = psql.output().map_err(|error| format!("psql: {error}"))?;
    if !done.status.success() {
        return Err(format!("psql: {}", String::from_utf8_lossy(&done.stderr)));
    }
    Ok(())
}
