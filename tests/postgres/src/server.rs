//! One server: made in a folder of its own, begun, stopped, and begun again.
//! Does not ask anything of it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// What the folders of servers begin with; the process that has made it follows.
const FOLDER: &str = "taskwright-test-postgres-";

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It rolls back what is at work and writes everything down.
    Fast,
    /// It is gone at once, and recovers from its log when it begins again.
    Immediate,
}

/// A server. It ends with the value, or with the process.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    running: Option<(Pid, JoinHandle<()>)>,
}

/// The folder of the newest server that is installed.
pub(crate) fn programs() -> Option<PathBuf> {
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
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    // It ends with these tests, however they end.
    command.args(["--pdeathsig", "KILL"]);
    if rustix::process::geteuid().is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg("--").arg(program).stdin(Stdio::null());
    command
}

/// Gives a file or a folder to whom the server runs as.
pub(crate) fn give(path: &Path) -> Result<(), String> {
    if rustix::process::geteuid().is_root() {
        let owned = Command::new("chown").arg("postgres:postgres").arg(path).status();
        if !owned.is_ok_and(|status| status.success()) {
            return Err("there is no user `postgres`".to_owned());
        }
    }
    Ok(())
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> Result<u16, String> {
    let taken = TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr());
    taken.map(|address| address.port()).map_err(|error| error.to_string())
}

impl Server {
    /// Makes a server that does not run yet.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn make() -> Result<Self, String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        sweep();
        let name = format!("{FOLDER}{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
        let mut server = Self::make_in(std::env::temp_dir().join(name))?;
        // What it has written is nobody's when the machine goes down.
        server.set("fsync=off");
        server.set("synchronous_commit=off");
        Ok(server)
    }

    /// Makes a server that does not run yet in a folder of its own, which the user `postgres` must be able to reach, with the
    /// durability that PostgreSQL has by itself.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn make_in(folder: PathBuf) -> Result<Self, String> {
        let programs = programs().ok_or("install Debian's package `postgresql`, or set TASKWRIGHT_TEST_POSTGRES")?;
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        give(&folder)?;
        let mut init = command(&programs.join("initdb"));
        init.args(["--auth=trust", "--username=taskwright", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]);
        let made = init.arg(&folder).output().map_err(|error| format!("initdb: {error}"))?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)));
        }
        let settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "log_min_messages=fatal"];
        let settings = settings.map(str::to_owned).to_vec();
        Ok(Self { programs, folder, port: free_port()?, settings, running: None })
    }

    /// A setting for when it begins, such as `max_connections=300`.
    pub fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// Puts a file into its folder that only it may read.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn put(&self, name: &str, text: &str) -> Result<(), String> {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.join(name);
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(|error| error.to_string())?;
        give(&path)
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of its database.
    #[must_use]
    pub fn address(&self) -> String {
        self.address_of("postgres")
    }

    /// The address of another database of it.
    #[must_use]
    pub fn address_of(&self, database: &str) -> String {
        format!("postgres://taskwright@127.0.0.1:{}/{database}", self.port)
    }

    /// A program that belongs to it, such as `pgbench`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// The id of its first process, which all others of it are children of, while it runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.running.as_ref().and_then(|(pid, _)| u32::try_from(pid.as_raw_nonzero().get()).ok())
    }

    /// Begins, and returns when connections are taken.
    ///
    /// # Errors
    /// Why it does not.
    pub fn begin(&mut self) -> Result<(), String> {
        let mut serve = command(&self.programs.join("postgres"));
        serve.arg("-D").arg(&self.folder).args(["-p", &self.port.to_string()]);
        for setting in &self.settings {
            serve.args(["-c", setting]);
        }
        serve.stdout(Stdio::null()).stderr(Stdio::null());
        self.running = Some(keep(serve)?);
        let until = Instant::now() + Duration::from_secs(60);
        let mut ready = Command::new(self.programs.join("pg_isready"));
        ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        // It listens before it takes connections.
        while !ready.status().map_err(|error| format!("pg_isready: {error}"))?.success() {
            if Instant::now() > until {
                return Err("the server takes no connections".to_owned());
            }
            // There is nothing that could be waited for but the answer.
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Stops, and returns when it has ended.
    pub fn stop(&mut self, how: Stop) {
        let Some((pid, ended)) = self.running.take() else { return };
        let signal = match how {
            Stop::Fast => Signal::INT,
            Stop::Immediate => Signal::QUIT,
        };
        // One that is gone has nothing to stop.
        let _ = rustix::process::kill_process(pid, signal);
        let _ = ended.join();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop(Stop::Immediate);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Starts a process from a thread that stays: it ends with the thread that has started it.
pub(crate) fn keep(mut serve: Command) -> Result<(Pid, JoinHandle<()>), String> {
    let (started, wait) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let child: std::io::Result<Child> = serve.spawn();
        let _ = started.send(child.as_ref().map(Pid::from_child).map_err(ToString::to_string));
        if let Ok(mut child) = child {
            let _ = child.wait();
        }
    });
    Ok((wait.recv().map_err(|error| error.to_string())??, thread))
}

/// Removes what servers of tests that were ended have left.
fn sweep() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(FOLDER)) else { continue };
        let pid = rest.split('-').next().unwrap_or(rest);
        if !Path::new("/proc").join(pid).exists() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
