//! A PostgreSQL server of the tests' own, started with the first case that needs one, or one for measurements.
//! Does not install one: where there is none the cases say that they are skipped.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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
    sweep();
    let data = std::env::temp_dir().join(format!("taskwright-postgres-{}", std::process::id()));
    let server = Server::start(&data, &["fsync=off", "synchronous_commit=off", "max_connections=300"])?;
    let address = server.address("postgres");
    // It is there for as long as these tests are.
    std::mem::forget(server);
    Ok(address)
}

/// A server that ends with this value, or with the process.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    port: u16,
    process: u32,
    keeper: Option<JoinHandle<()>>,
}

impl Server {
    /// Makes a cluster in a folder of its own, which is made if it is not there and which the user `postgres` must be able to reach,
    /// and starts a server over it with PostgreSQL's own settings but for these, each `name=value`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn start(data: &Path, settings: &[&str]) -> Result<Self, String> {
        let programs = programs().ok_or("install Debian's package `postgresql`, or set TASKWRIGHT_TEST_POSTGRES")?;
        std::fs::create_dir_all(data).map_err(|error| error.to_string())?;
        if rustix::process::geteuid().is_root() {
            let owned = Command::new("chown").arg("postgres:postgres").arg(data).status();
            if !owned.is_ok_and(|status| status.success()) {
                return Err("there is no user `postgres`".to_owned());
            }
        }
        let mut init = command(&programs.join("initdb"));
        init.args(["--auth=trust", "--username=taskwright", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]);
        let made = init.arg(data).output().map_err(|error| format!("initdb: {error}"))?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)));
        }
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).map_err(|error| error.to_string())?;
        let port = port.port();
        let mut serve = command(&programs.join("postgres"));
        serve.arg("-D").arg(data).args(["-p", &port.to_string()]);
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "log_min_messages=fatal"] {
            serve.args(["-c", setting]);
        }
        for setting in settings {
            serve.args(["-c", setting]);
        }
        serve.stdout(Stdio::null()).stderr(Stdio::null());
        let (process, keeper) = keep(serve)?;
        let server = Self { programs, port, process, keeper: Some(keeper) };
        let until = Instant::now() + Duration::from_secs(30);
        let mut ready = Command::new(server.program("pg_isready"));
        ready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
        // It listens before it takes connections.
        while !ready.status().map_err(|error| format!("pg_isready: {error}"))?.success() {
            if Instant::now() > until {
                return Err("the server takes no connections".to_owned());
            }
            // There is nothing that could be waited for but the answer.
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Where one of its databases is; `postgres` is there from the beginning.
    #[must_use]
    pub fn address(&self, database: &str) -> String {
        format!("postgres://taskwright@127.0.0.1:{}/{database}", self.port)
    }

    /// A program that belongs to it, such as `pgbench`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// The id of its first process, which all others of it are children of.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let process = i32::try_from(self.process).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(process) = process {
            // At once, and without a checkpoint: nobody will read what is there.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::QUIT);
        }
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// Starts the server from a thread that stays, and returns its process: the server ends with the thread that has started it.
fn keep(mut serve: Command) -> Result<(u32, JoinHandle<()>), String> {
    let (started, wait) = mpsc::channel();
    let keeper = std::thread::spawn(move || {
        let child: std::io::Result<Child> = serve.spawn();
        let _ = started.send(child.as_ref().map(Child::id).map_err(ToString::to_string));
        if let Ok(mut child) = child {
            let _ = child.wait();
        }
    });
    Ok((wait.recv().map_err(|error| error.to_string())??, keeper))
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
