//! The arguments of every command.
//! Does not act on them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::Value;
use taskwright_registry::{LeaseLength, SessionId, State, TraceParent, WakePolicy};

use crate::config::budget::OneLimit;
use crate::duration::{Deadline, Keep, deadline, keep, lease, span};
use crate::exit_code::{self, refused};
use crate::grant::Grant;

/// Runs background tasks of untrusted kinds in a sandbox, and keeps a durable record of each.
#[derive(Debug, Parser)]
#[command(name = "taskwright", version, after_help = exit_code::HELP, propagate_version = true)]
pub(crate) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) common: Common,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The folder of the store, its files, its cache and its kinds.
    #[arg(long, global = true, env = "TASKWRIGHT_DIR", default_value = ".taskwright", value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The operator's configuration; taskwright.toml in that folder unless given.
    #[arg(long, global = true, env = "TASKWRIGHT_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The session that the tasks belong to.
    #[arg(long, global = true, default_value = "default", value_name = "ID")]
    pub(crate) session: SessionId,
    /// Write JSON: one document, or one document a line where there are several.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a task, run it here, and show it until it is over.
    Run(RunArgs),
    /// Create a task and leave its running to `serve`.
    Create(CreateArgs),
    /// List tasks.
    List(ListArgs),
    /// Show a task's record.
    Show(OneTask),
    /// Follow a task's events and output until it is over, or all events of the session.
    Watch(WatchArgs),
    /// Show the messages between the session and a task.
    Messages(MessagesArgs),
    /// Send a message to a task.
    Send(SendArgs),
    /// Answer a task's open question.
    Answer(AnswerArgs),
    /// Ask for a task's end.
    Cancel(CancelArgs),
    /// Wait until a task, any of several, or all of them are over or ask something.
    Wait(WaitArgs),
    /// Show what sessions are to be woken for, and acknowledge it.
    Wakes(WakesArgs),
    /// Show a task's result, or write out an artifact.
    Result(ResultArgs),
    /// Show the tools that an agent's model is given, or call one.
    Tools(ToolsArgs),
    /// Look at kinds, install, upgrade and remove them.
    #[command(subcommand)]
    Kinds(KindsCommand),
    /// Check or show the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Work off the store until told to stop.
    Serve(ServeArgs),
    /// List the processes that hold tasks, and those that were lost while they did.
    Hosts,
    /// Forget tasks that have been over for long enough, with their files, and the beginning of the log.
    Prune(PruneArgs),
    /// Compile one component from standard input, for a process of this program that has started this one.
    #[command(hide = true)]
    CompileComponent,
}

/// What a new task is.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The kind's name; `taskwright kinds list` shows the known ones.
    #[arg(value_name = "KIND", required_unless_present = "kind_file")]
    pub(crate) kind: Option<String>,
    /// The component of a kind of your own.
    #[arg(long = "kind", value_name = "FILE")]
    pub(crate) kind_file: Option<PathBuf>,
    /// What the task is to do: JSON, or @FILE with JSON in it.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) spec: String,
    /// A name that is unique among the session's live tasks.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What a person reads.
    #[arg(long, value_name = "TEXT")]
    pub(crate) display_name: Option<String>,
    /// Attempts that failures may use up.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_attempts: Option<u32>,
    /// When the session is woken.
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) wake: Option<Wake>,
    /// When the task must be over: a span such as 10m, or a time such as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "WHEN", value_parser = deadline)]
    pub(crate) deadline: Option<Deadline>,
    /// How long one attempt may take, such as 10m, hibernation included; one that takes longer has failed.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) attempt_timeout: Option<Duration>,
    /// What one attempt may use at most, such as cpu_ms=10s or memory_bytes=64MiB; can be repeated. It narrows what the
    /// operator allows and never widens it.
    #[arg(long = "budget", value_name = "NAME=LIMIT")]
    pub(crate) budget: Vec<OneLimit>,
    /// Where in a trace this is, as a traceparent of W3C Trace Context; what TRACEPARENT says unless given.
    #[arg(long, value_name = "TRACEPARENT")]
    pub(crate) traceparent: Option<TraceParent>,
    /// Never start the task again after the loss of its process, even if its kind allows that.
    #[arg(long)]
    pub(crate) host_bound: bool,
}

impl CreateArgs {
    /// Reads the specification.
    pub(crate) fn spec(&self) -> Result<Value> {
        let (what, text) = match self.spec.strip_prefix('@') {
            Some(path) => match std::fs::read_to_string(path) {
                Ok(text) => (format!("the file {path}"), text),
                Err(error) => return Err(refused(format!("--spec @{path}: {error}"))),
            },
            None => ("--spec".to_owned(), self.spec.clone()),
        };
        serde_json::from_str(&text).map_err(|error| {
            refused(format!("{what} is not JSON: {error}. Quote it as a whole, as in --spec '{{\"key\":\"value\"}}'"))
        })
    }
}

/// The words of `--wake`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Wake {
    /// Never.
    Silent,
    /// When the task is over.
    #[value(alias = "on_terminal")]
    OnTerminal,
    /// On each message and question, and when the task is over.
    #[value(alias = "on_activity")]
    OnActivity,
}

impl From<Wake> for WakePolicy {
    fn from(wake: Wake) -> Self {
        match wake {
            Wake::Silent => WakePolicy::Silent,
            Wake::OnTerminal => WakePolicy::OnTerminal,
            Wake::OnActivity => WakePolicy::OnActivity,
        }
    }
}

/// `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// What the task is.
    #[command(flatten)]
    pub(crate) create: CreateArgs,
    /// A folder that the kind may read, which it sees as /NAME.
    #[arg(long = "grant", value_name = "NAME=DIR")]
    pub(crate) grants: Vec<Grant>,
}

/// `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only tasks in this state; can be repeated.
    #[arg(long = "state", value_name = "STATE")]
    pub(crate) states: Vec<State>,
    /// Only tasks of this kind; can be repeated.
    #[arg(long = "kind", value_name = "KIND")]
    pub(crate) kinds: Vec<String>,
    /// Only children of this task.
    #[arg(long, value_name = "TASK")]
    pub(crate) parent: Option<String>,
    /// Only tasks that were created in this run.
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// How many at most: 1 to 500.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: usize,
    /// Only those that come after this task in the list.
    #[arg(long, value_name = "TASK")]
    pub(crate) after: Option<String>,
    /// The newest first.
    #[arg(long)]
    pub(crate) newest: bool,
    /// Hidden tasks too.
    #[arg(long)]
    pub(crate) all: bool,
}

/// A command about one task.
#[derive(Debug, Args)]
pub(crate) struct OneTask {
    /// The task: its id, the beginning of its id, or its name.
    pub(crate) task: String,
}

/// `watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The task: its id, the beginning of its id, or its name; without one, everything in the session is followed.
    pub(crate) task: Option<String>,
    /// Go on behind this event, by its number.
    #[arg(long, value_name = "CURSOR", default_value_t = 0)]
    pub(crate) from: u64,
    /// Only what leaves a task in this state, and the ends of tasks that were shown; can be repeated.
    #[arg(long = "state", value_name = "STATE", conflicts_with = "task")]
    pub(crate) states: Vec<State>,
    /// Only what concerns tasks of this kind; can be repeated.
    #[arg(long = "kind", value_name = "KIND", conflicts_with = "task")]
    pub(crate) kinds: Vec<String>,
    /// Only what concerns the children of this task.
    #[arg(long, value_name = "TASK", conflicts_with = "task")]
    pub(crate) parent: Option<String>,
    /// Only what concerns tasks that were created in this run.
    #[arg(long, value_name = "RUN", conflicts_with = "task")]
    pub(crate) run: Option<String>,
}

/// `messages`.
#[derive(Debug, Args)]
pub(crate) struct MessagesArgs {
    /// The task: its id, the beginning of its id, or its name.
    pub(crate) task: String,
    /// Only those after this message.
    #[arg(long, value_name = "MESSAGE")]
    pub(crate) after: Option<taskwright_registry::MessageId>,
    /// How many at most, 1 to 500; the latest unless --after is given.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: usize,
}

/// `send`.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// The task: its id, the beginning of its id, or its name.
    pub(crate) task: String,
    /// What to say.
    #[arg(required_unless_present = "data", conflicts_with = "data")]
    pub(crate) text: Option<String>,
    /// What to say, as JSON.
    #[arg(long, value_name = "JSON")]
    pub(crate) data: Option<String>,
    /// The message or question that this replies to.
    #[arg(long, value_name = "ID")]
    pub(crate) in_reply_to: Option<String>,
}

/// `answer`.
#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// The task: its id, the beginning of its id, or its name.
    pub(crate) task: String,
    /// The answer.
    #[arg(required_unless_present = "data", conflicts_with = "data")]
    pub(crate) text: Option<String>,
    /// The answer, as JSON.
    #[arg(long, value_name = "JSON")]
    pub(crate) data: Option<String>,
}

/// `cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The task: its id, the beginning of its id, or its name.
    pub(crate) task: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// `wait`.
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// The tasks: their ids, the beginnings of their ids, or their names.
    #[arg(required = true, value_name = "TASK")]
    pub(crate) tasks: Vec<String>,
    /// Wait for the first of them; for all unless given.
    #[arg(long)]
    pub(crate) any: bool,
    /// How long at most, such as 30s; for ever unless given.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) timeout: Option<Duration>,
}

/// `wakes`.
#[derive(Debug, Args)]
pub(crate) struct WakesArgs {
    /// Those of all sessions.
    #[arg(long)]
    pub(crate) all_sessions: bool,
    /// Go on, and show each wake as it comes.
    #[arg(long)]
    pub(crate) follow: bool,
    /// Acknowledge what was shown: it does not come again.
    #[arg(long)]
    pub(crate) ack: bool,
}

/// `result`.
#[derive(Debug, Args)]
pub(crate) struct ResultArgs {
    /// The task: its id, the beginning of its id, or its name.
    pub(crate) task: String,
    /// Write this artifact instead of the result.
    #[arg(long, value_name = "NAME")]
    pub(crate) artifact: Option<String>,
    /// Where to; standard output unless given.
    #[arg(long, short, value_name = "FILE", requires = "artifact")]
    pub(crate) output: Option<PathBuf>,
}

/// `tools`.
#[derive(Debug, Args)]
pub(crate) struct ToolsArgs {
    /// Let tasks of this kind be begun with the tool spawn_task; can be repeated.
    #[arg(long = "spawn", value_name = "KIND", global = true)]
    pub(crate) spawn: Vec<String>,
    /// What to do; the definitions are shown unless given.
    #[command(subcommand)]
    pub(crate) command: Option<ToolsCommand>,
}

/// `tools call`.
#[derive(Debug, Subcommand)]
pub(crate) enum ToolsCommand {
    /// Call a tool, as a model would, and show what the model would be shown.
    Call {
        /// The tool's name.
        name: String,
        /// Its arguments.
        #[arg(long, value_name = "JSON", default_value = "{}")]
        arguments: String,
    },
}

/// `kinds`.
#[derive(Debug, Subcommand)]
pub(crate) enum KindsCommand {
    /// List the known kinds.
    List,
    /// Show what a kind takes, wants and may use.
    Inspect {
        /// The kind's name, or a file.
        kind: String,
    },
    /// Check files or known kinds without installing or running anything: one line each.
    Verify {
        /// Files, or names of known kinds.
        #[arg(required = true, value_name = "FILE|NAME")]
        files: Vec<PathBuf>,
    },
    /// Check components and install them, all or none.
    Install(InstallArgs),
    /// Replace an installed kind by another version; tasks that have begun go on with theirs.
    Upgrade(UpgradeArgs),
    /// Remove an installed kind.
    Remove {
        /// The kind's name.
        kind: String,
        /// Also if live tasks need it; they wait until it is installed again.
        #[arg(long)]
        force: bool,
    },
}

/// `kinds install`.
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// A component, or a folder: then all of its *.wasm.
    #[arg(value_name = "FILE|DIR")]
    pub(crate) path: PathBuf,
    /// The name that the kind must have.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The digest that the file must have: sha256: and 64 hexadecimal digits.
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    pub(crate) digest: Option<String>,
    /// The file's signature by minisign; FILE.minisig unless given.
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
}

/// `kinds upgrade`.
#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    /// The component.
    pub(crate) file: PathBuf,
    /// The digest that the file must have: sha256: and 64 hexadecimal digits.
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    pub(crate) digest: Option<String>,
    /// The file's signature by minisign; FILE.minisig unless given.
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
    /// Accept that it wants more than the installed one, or is older.
    #[arg(long)]
    pub(crate) accept: bool,
    /// Show what would change, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Reads a digest.
fn digest(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    let digits = text.strip_prefix("sha256:").unwrap_or(&text);
    if digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(format!("sha256:{digits}"));
    }
    Err("expected sha256: and 64 hexadecimal digits, as `kinds verify FILE` shows them".to_owned())
}

/// `config`.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read the configuration, and look whether the folders and secrets that it names are there.
    Check,
    /// Show what holds, defaults included. Secrets are named and never shown.
    Show,
}

/// `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The component of a kind of your own; can be repeated. Those in DIR/kinds are served anyway.
    #[arg(long = "kind", value_name = "FILE")]
    pub(crate) kind_files: Vec<PathBuf>,
    /// A folder that a kind may read: for one kind as KIND:NAME=DIR, for all that want it as NAME=DIR.
    #[arg(long = "grant", value_name = "[KIND:]NAME=DIR")]
    pub(crate) grants: Vec<Grant>,
    /// How many tasks are at work at one time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) slots: Option<u32>,
    /// How long this process may be silent before others take its tasks over, from 1s to 10m [default: 10s].
    #[arg(long, value_name = "TIME", value_parser = lease)]
    pub(crate) lease: Option<LeaseLength>,
    /// How long tasks are kept after their end: a span such as 30d, or `forever` [default: 30d].
    #[arg(long, value_name = "TIME", value_parser = keep)]
    pub(crate) keep: Option<Keep>,
    /// How long tasks may go on when this process is told to stop [default: 10s].
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) drain_grace: Option<Duration>,
    /// How many lost processes one task may have before it is not started again [default: 20].
    #[arg(long, value_name = "N")]
    pub(crate) max_crashes: Option<u32>,
    /// Show metrics at this address, in the text format of Prometheus: an address of this machine's own such as
    /// 127.0.0.1:9464; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Show metrics at an address that others can reach. Nobody is asked who they are.
    #[arg(long, requires = "metrics")]
    pub(crate) metrics_exposed: bool,
}

/// `prune`.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// How long ago a task must have ended.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = span)]
    pub(crate) older_than: Duration,
    /// Say how many it would be, and forget nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
