//! Several hosts on one PostgreSQL: what 1, 2 and 4 processes do with jobs that do nothing, what its peers do with as many on the
//! same server, and what the server could do at most.
//! Does not fail if a peer is faster: it prints.

mod calm;
mod contender;
mod counters;
mod cpu;
mod database;
mod drain;
mod host;
mod raw;
mod statements;
mod tables;
mod worker;

use std::io::Write;
use std::path::Path;

use anyhow::{Result, anyhow};
use taskwright_test_postgres::Server;

use crate::Options;
use crate::figures::median;
use calm::{Calm, Pace};
use contender::ALL;
pub(crate) use contender::Contender;
pub(crate) use database::Database;
use drain::Drain;
pub(crate) use host::Host;
pub(crate) use host::run as run_host;
use raw::Raw;
pub(crate) use worker::Worker;

/// Settings of the server that are not PostgreSQL's own. All who are measured have the same ones: what is committed is on the disk.
const SETTINGS: [&str; 4] =
    ["fsync=on", "synchronous_commit=on", "max_connections=200", "shared_preload_libraries=pg_stat_statements"];

/// A server whose files are in this folder.
pub(crate) fn server(folder: &Path) -> Result<Server> {
    // The server's user has to get in, and finds a folder of its own there.
    #[cfg(unix)]
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let begun = || {
        let mut server = Server::make_in(folder.join("postgres"))?;
        SETTINGS.iter().for_each(|setting| server.set(setting));
        server.begin()?;
        Ok(server)
    };
    begun().map_err(|why: String| anyhow!("no PostgreSQL: {why}"))
}

/// What was measured of one contender with so many processes.
struct Row {
    who: Contender,
    hosts: usize,
    drain: Drain,
    calm: Option<Calm>,
}

/// All there is to show.
struct Measured {
    raw: Vec<Raw>,
    rows: Vec<Row>,
    jobs: usize,
    pace: Pace,
}

/// Measures whoever is wanted.
pub(crate) async fn measure(options: &Options, folder: &Path) -> Result<()> {
    let wanted = |word: &str| options.only.as_ref().is_none_or(|only| word.starts_with(only.as_str()));
    let jobs = options.tasks.unwrap_or(20_000);
    let pace = Pace { idle_seconds: options.idle_seconds, rate: options.rate, seconds: options.trickle_seconds };
    for who in ALL.into_iter().filter(|who| wanted(who.word())) {
        who.prepare().await?;
    }
    let server = server(folder)?;
    let mut measured = Measured { raw: Vec::new(), rows: Vec::new(), jobs, pace };
    if wanted("raw") {
        say("raw");
        measured.raw = raw::measure(&server, jobs, folder).await?;
    }
    for hosts in options.processes.iter().copied() {
        for who in ALL.into_iter().filter(|who| wanted(who.word())) {
            say(&format!("{} with {hosts}", who.title()));
            let drain = drains(&server, who, hosts, jobs, options.rounds).await?;
            let calm = match pace.seconds {
                0 => None,
                _ => Some(calm::measure(&server, who, hosts, pace).await?),
            };
            measured.rows.push(Row { who, hosts, drain, calm });
        }
    }
    tables::print(&measured);
    Ok(())
}

/// That of several drains which has the rate in the middle.
async fn drains(server: &Server, who: Contender, hosts: usize, jobs: usize, rounds: usize) -> Result<Drain> {
    let mut drains = Vec::new();
    for _ in 0..rounds.max(1) {
        drains.push(drain::measure(server, who, hosts, jobs).await?);
    }
    let rates: Vec<f64> = drains.iter().map(|drain| drain.rate).collect();
    let middle = median(&rates);
    drains.into_iter().find(|drain| drain.rate.total_cmp(&middle).is_eq()).ok_or_else(|| anyhow!("no round"))
}

/// Tells whoever waits what is measured now.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "… {what}");
}
