//! The arguments of every command.
//! Does not act on them.

mod cancel;
mod external;
mod heeded;
mod kinds;
mod new_task;
mod sessions;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use taskwright_registry::{LeaseLength, SessionId, State, TaskId};

pub(crate) use self::cancel::CancelArgs;
pub(crate) use self::external::{
    AskArgs, CancelsArgs, CheckpointArgs, ExternalCommand, FailArgs, OneToken, RegisterArgs, ReportArgs, SucceedArgs,
    SummaryArgs, TakeOnArgs, UnreadArgs,
};
pub(crate) use self::heeded::read;
pub(crate) use self::kinds::{InstallArgs, KindsCommand, UpgradeArgs};
pub(crate) use self::new_task::{CreateArgs, RunArgs, Terms};
pub(crate) use self::sessions::{
    CloseArgs, HiddenArgs, OneSession, OpenArgs, SessionsCommand, SessionsListArgs, TransferArgs,
};
use crate::duration::{Keep, keep, lease, span};
use crate::exit_code;
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
    /// The folder of the store, its files and its kinds.
    #[arg(long, global = true, env = "TASKWRIGHT_DIR", default_value = ".taskwright", value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// A PostgreSQL that holds the records in place of the folder, postgres://USER@HOST:PORT/DATABASE, for several hosts.
    #[arg(long, global = true, env = "TASKWRIGHT_STORE", value_name = "ADDRESS", hide_env_values = true)]
    pub(crate) store: Option<String>,
    /// Where results, output and artifacts are: another folder, or a bucket for several hosts, s3://BUCKET/PREFIX. Its server and the
    /// credentials are read from AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and the like.
    // Some commands have an argument `files` of their own.
    #[arg(long = "files", id = "files_place", global = true, env = "TASKWRIGHT_FILES", value_name = "PLACE")]
    pub(crate) files: Option<String>,
    /// Where compiled code is kept, and the key that seals it; the user's state folder unless given. No guest gets there.
    #[arg(long, global = true, env = "TASKWRIGHT_STATE_DIR", value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// The operator's configuration; taskwright.toml in that folder unless given.
    #[arg(long, global = true, env = "TASKWRIGHT_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The session that the tasks belong to.
    #[arg(long, global = true, default_value = "default", value_name = "ID")]
    pub(crate) session: SessionId,
    /// Whether --session was given.
    #[arg(skip)]
    pub(crate) session_named: bool,
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
    /// Ask for the end of a task, or of many at once.
    Cancel(CancelArgs),
    /// Move tasks to another session with all that they have begun, all of them or none.
    Transfer(TransferArgs),
    /// Wait until a task, any of several, or all of them are over or ask something.
    Wait(WaitArgs),
    /// Wait until no hidden task is live, and show those that failed and that nobody has taken note of.
    Hidden(HiddenArgs),
    /// Show what sessions are to be woken for, and acknowledge it.
    Wakes(WakesArgs),
    /// Show a task's result, or write out an artifact.
    Result(ResultArgs),
    /// Show the tools that an agent's model is given, or call one.
    Tools(ToolsArgs),
    /// Look at sessions, open, suspend and close them.
    #[command(subcommand)]
    Sessions(SessionsCommand),
    /// Do the work of a task elsewhere: take it on, report, hear what it is told, end it.
    #[command(subcommand)]
    External(ExternalCommand),
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
    /// Forget tasks of a session, or of all, that have been over for long enough, with their files.
    Prune(PruneArgs),
    /// Show what in the store cannot be read, and end or delete the task that it belongs to.
    Repair(RepairArgs),
    /// Copy records, files, kinds and configuration to a folder, while others go on working.
    Backup(BackupArgs),
    /// Make the folder of --dir from a backup. It must be empty, or not there.
    Restore(RestoreArgs),
    /// Carry the registry of a file over to a PostgreSQL. It can be broken off anywhere, and goes on when it is run again.
    Migrate(MigrateArgs),
    /// Compile one component from standard input, for a process of this program that has started this one.
    #[command(hide = true)]
    CompileComponent,
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
    /// Forget tasks of all sessions, and the beginning of the log; only tasks of --session unless given. Code of kinds that no task needs
    /// any more goes with them, unless --session is given.
    #[arg(long)]
    pub(crate) all_sessions: bool,
    /// How long ago a task must have ended.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = span)]
    pub(crate) older_than: Duration,
    /// Say how many it would be, and forget nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `repair`.
#[derive(Debug, Args)]
pub(crate) struct RepairArgs {
    /// End this task, which cannot be run as it is: it has failed then, with the error `unreadable`, and can be read.
    #[arg(long, value_name = "TASK", conflicts_with = "delete")]
    pub(crate) end: Option<TaskId>,
    /// Delete this task with all that belongs to it.
    #[arg(long, value_name = "TASK")]
    pub(crate) delete: Option<TaskId>,
    /// Give this session a record again: it is suspended then, unless its state could be read.
    #[arg(long, value_name = "SESSION", conflicts_with_all = ["end", "delete"])]
    pub(crate) mend: Option<SessionId>,
}

/// `backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The folder to make. It must be empty, or not there.
    #[arg(value_name = "DEST")]
    pub(crate) to: PathBuf,
}

/// `restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The folder that `backup` has made.
    #[arg(value_name = "SRC")]
    pub(crate) from: PathBuf,
}

/// `migrate`.
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// The file, sqlite://PATH. Nobody can write to it meanwhile, and it is not changed.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: String,
    /// The PostgreSQL, postgres://USER@HOST:PORT/DATABASE, with nothing in it yet.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: String,
    /// Throw away what an unfinished migration has left there, and begin anew.
    #[arg(long)]
    pub(crate) restart: bool,
    /// The most rows of one transaction.
    #[arg(long, value_name = "N", hide = true)]
    pub(crate) batch: Option<usize>,
}
