//! A folder of a test's own with the real binary in it, and processes that were started there.
//! Does not end a process by itself: a test does, by its id.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with nothing in it but what a test puts there, and what processes there have in their environment.
pub(crate) struct Place(TempDir, Vec<(&'static str, String)>);

/// The program. Tests that were started with `nohup` would hand on to it that SIGHUP is ignored, and it means something here.
fn program() -> Command {
    let own = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = own.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    let path = env!("CARGO_BIN_EXE_taskwright");
    // SIGHUP is the first.
    if ignored.unwrap_or(0) & 1 == 0 {
        return Command::new(path);
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", path]);
    command
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with(Vec::new())
    }

    pub(crate) fn with(environment: Vec<(&'static str, String)>) -> Self {
        Self(tempfile::tempdir().unwrap(), environment)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Where compiled code is kept.
    pub(crate) fn state() -> PathBuf {
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("state")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = program();
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        command
            .env_remove("TASKWRIGHT_DIR")
            .env_remove("TASKWRIGHT_STORE")
            // Compiled once for all tests, and not in the user's own folder.
            .env("TASKWRIGHT_STATE_DIR", Self::state())
            .env_remove("TASKWRIGHT_CONFIG")
            .env_remove("TASKWRIGHT_LOG")
            .env_remove("TRACEPARENT")
            .env_remove("NO_COLOR")
            .env_remove("TASKWRIGHT_FILES")
            .envs(self.1.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        Ended::from(self.command(args).output().unwrap())
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.json_of(args, 0)
    }

    /// What a command that ends with this status says.
    pub(crate) fn json_of(&self, args: &[&str], status: i32) -> Value {
        let ended = self.run(args);
        assert_eq!(ended.status, status, "{args:?}: {}", ended.err);
        serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{args:?}: {error}: {}", ended.out))
    }

    /// Starts a command whose lines on standard error are waited for.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::spawn(self.command(args))
    }

    pub(crate) fn tasks(&self) -> Vec<Value> {
        self.json(&["list", "--all", "--json"])["tasks"].as_array().unwrap().clone()
    }
}

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

pub(crate) struct Running {
    pub(crate) child: Child,
    out: Option<BufReader<ChildStdout>>,
    err: BufReader<ChildStderr>,
}

impl Running {
    /// Starts a command whose lines are read as they are waited for.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = child.stdout.take().map(BufReader::new);
        let err = BufReader::new(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// Reads up to a line that holds this text, and returns it.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert!(self.err.read_line(&mut line).unwrap() > 0, "never said {text:?}, but:\n{seen}");
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
            seen.push_str(&line);
        }
    }

    /// Reads standard output up to a line that holds this text.
    pub(crate) fn until_out(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            let out = self.out.as_mut().expect("it is read");
            assert!(out.read_line(&mut line).unwrap() > 0, "never said {text:?}");
        }
    }

    /// Nobody reads its standard output any more.
    pub(crate) fn stop_reading(&mut self) {
        self.out = None;
    }

    pub(crate) fn end(mut self) -> Ended {
        let (mut out, mut err) = (String::new(), String::new());
        self.err.read_to_string(&mut err).unwrap();
        if let Some(rest) = &mut self.out {
            rest.read_to_string(&mut out).unwrap();
        }
        Ended { status: self.child.wait().unwrap().code().unwrap(), out, err }
    }

    /// Tells it to stop, and waits until it has.
    #[cfg(unix)]
    pub(crate) fn terminate(self) -> Ended {
        signal(&self, "TERM");
        self.end()
    }
}

/// Sends a signal to a process.
#[cfg(unix)]
pub(crate) fn signal(to: &Running, name: &str) {
    signal_child(&to.child, name);
}

/// The same.
#[cfg(unix)]
pub(crate) fn signal_child(to: &Child, name: &str) {
    let (name, pid) = (format!("-{name}"), to.id().to_string());
    assert!(Command::new("kill").args([&name, &pid]).status().unwrap().success());
}

pub(crate) fn id_in(line: &str) -> String {
    line.split_whitespace().find(|word| word.starts_with("task_")).unwrap().to_owned()
}
