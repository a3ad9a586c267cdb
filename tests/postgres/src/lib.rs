//! A PostgreSQL server of the tests' own, started with the first case that needs one.
//! Does not install one: where there is none the cases say that they are skipped.

mod database;

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::{Duration, Instant};

pub use database::database;

/// Where a server listens, or why there is none.
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

/// Says in the tests' output that a case did not run.
pub fn skipped(why: &str) {
    // The harness swallows what a passing test prints.
    let _ = writeln!(std::io::stderr(), "skipped: no PostgreSQL: {why}");
}

/// The folder of the newest server that is installed.
fn programs() -> Option<PathBuf> {
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let debian =
        std::fs::read_dir("/usr/lib/postgresql").ok().into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = debian.filter(|path| path.join("bin/initdb").exists()).max_by_key(|path| version(path));
    if let Some(newest) = newest {
        return Some(newest.join("bin"));
    }
    std::env::split_paths(&std::env::var_os("PATH")?).find(|folder| folder.join("initdb").exists())
}

/// A command of the server's, which refuses to run as root.
fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    // It ends with these tests, however they end.
    command.args(["--pdeathsig", "KILL"]);
    if rustix::process::geteuid().is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg("--").arg(program).stdin(Stdio::null());
    command
}

fn start() -> Result<String, String> {
    let programs = programs().ok_or("install Debian's package `postgresql`, or set TASKWRIGHT_TEST_POSTGRES")?;
    sweep();
    let data = std::env::temp_dir().join(format!("taskwright-postgres-{}", std::process::id()));
    std::fs::create_dir_all(&data).map_err(|error| error.to_string())?;
    if rustix::process::geteuid().is_root() {
        let owned = Command::new("chown").arg("postgres:postgres").arg(&data).status();
        if !owned.is_ok_and(|status| status.success()) {
            return Err("there is no user `postgres`".to_owned());
        }
    }
    let mut init = command(&programs.join("initdb"));
    init.args(["--auth=trust", "--username=taskwright", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]).arg(&data);
    let made = init.output().map_err(|error| format!("initdb: {error}"))?;
    if !made.status.success() {
        return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)));
    }
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).map_err(|error| error.to_string())?;
    let port = port.port();
    let mut serve = command(&programs.join("postgres"));
    serve.arg("-D").arg(&data).args(["-p", &port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "synchronous_commit=off",
        "max_connections=300",
        "log_min_messages=fatal",
    ] {
        serve.args(["-c", setting]);
    }
    serve.stdout(Stdio::null()).stderr(Stdio::null());
    keep(serve)?;
    let until = Instant::now() + Duration::from_secs(30);
    let mut ready = Command::new(programs.join("pg_isready"));
    ready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
    // It listens before it takes connections.
    while !ready.status().map_err(|error| format!("pg_isready: {error}"))?.success() {
        if Instant::now() > until {
            return Err("the server takes no connections".to_owned());
        }
        // There is nothing that could be waited for but the answer.
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(format!("postgres://taskwright@127.0.0.1:{port}/postgres"))
}

/// Starts the server from a thread that stays: the server ends with the thread that has started it.
fn keep(mut serve: Command) -> Result<(), String> {
    let (started, wait) = mpsc::channel();
    std::thread::spawn(move || {
        let child: std::io::Result<Child> = serve.spawn();
        let _ = started.send(child.as_ref().map(|_| ()).map_err(ToString::to_string));
        if let Ok(mut child) = child {
            let _ = child.wait();
        }
    });
    wait.recv().map_err(|error| error.to_string())?
}

/// Removes what servers of tests that were ended have left.
fn sweep() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.strip_prefix("taskwright-postgres-")) else { continue };
        if !Path::new("/proc").join(pid).exists() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
