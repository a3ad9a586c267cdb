//! The arguments of `external`.
//! Does not act on them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use taskwright_registry::{AttemptToken, InvalidId, Progress};

use super::Terms;
use crate::duration::span;

/// `external`.
#[derive(Debug, Subcommand)]
pub(crate) enum ExternalCommand {
    /// Create a task whose work is done elsewhere, take it on, and write out its id and its token.
    Register(RegisterArgs),
    /// Take on a task whose work is done elsewhere, and write out its id and its token; whoever had it is superseded.
    TakeOn(TakeOnArgs),
    /// Say that the work goes on, and hear whether its end is wanted.
    Heartbeat(OneToken),
    /// Report state, progress, output, a message, artifacts, a checkpoint; that the work goes on, too.
    Report(ReportArgs),
    /// Ask the session something; the answer comes as a message.
    Ask(AskArgs),
    /// Show the messages to the task that were not taken.
    Messages(UnreadArgs),
    /// Write out the checkpoint that the task had when it was taken on, or has had since.
    Checkpoint(CheckpointArgs),
    /// End the task with success.
    Succeed(SucceedArgs),
    /// End the task as failed.
    Fail(FailArgs),
    /// End the task as canceled.
    Canceled(SummaryArgs),
    /// Give the task back without ending it: nobody does its work until somebody takes it on.
    GiveBack(OneToken),
    /// Show, for all sessions, which tasks are to end and whose workers have not heard of it.
    Cancels(CancelsArgs),
    /// Say that whoever does the work has heard that its end is wanted: `cancels` does not show it any more.
    Heard(OneToken),
}

/// `external register`.
#[derive(Debug, Args)]
pub(crate) struct RegisterArgs {
    /// What kind of work it is. No kind of this name has to be known here.
    pub(crate) kind: String,
    /// What the task is to do: JSON, or @FILE with JSON in it.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) spec: String,
    /// Names the work where it is done.
    #[arg(long, value_name = "ID")]
    pub(crate) remote: Option<String>,
    /// The same key and the same content is the same task: taken on again, and whoever had it is superseded.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// What holds for it whoever does its work.
    #[command(flatten)]
    pub(crate) terms: Terms,
}

/// `external take-on`.
#[derive(Debug, Args)]
pub(crate) struct TakeOnArgs {
    /// The task: its id, the beginning of its id, or its name.
    pub(crate) task: String,
    /// Names the work where it is done.
    #[arg(long, value_name = "ID")]
    pub(crate) remote: Option<String>,
}

/// A command of whoever has a task.
#[derive(Debug, Args)]
pub(crate) struct OneToken {
    /// What `register` or `take-on` wrote out, or @FILE with it: what stands here others can read in the list of processes.
    #[arg(value_name = "TOKEN|@FILE", value_parser = token)]
    pub(crate) token: AttemptToken,
}

/// `external report`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true)
    .args(["state", "progress", "output", "post", "artifact", "checkpoint"]))]
pub(crate) struct ReportArgs {
    /// What `register` or `take-on` wrote out, or @FILE with it: what stands here others can read in the list of processes.
    #[arg(value_name = "TOKEN|@FILE", value_parser = token)]
    pub(crate) token: AttemptToken,
    /// What the work is at.
    #[arg(long, value_name = "TEXT")]
    pub(crate) state: Option<String>,
    /// How far it is.
    #[arg(long, value_name = "CURRENT[/TOTAL]", value_parser = progress)]
    pub(crate) progress: Option<Progress>,
    /// Output, a line of it, or `-` for what comes from standard input, as it comes.
    #[arg(long, value_name = "TEXT|-", allow_hyphen_values = true)]
    pub(crate) output: Option<String>,
    /// A message to the session.
    #[arg(long, value_name = "TEXT")]
    pub(crate) post: Option<String>,
    /// A file to leave behind under this name; can be repeated.
    #[arg(long, value_name = "NAME=FILE", value_parser = artifact)]
    pub(crate) artifact: Vec<(String, PathBuf)>,
    /// A file with what somebody would need to go on with the work, at most 256 KiB.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
}

/// `external ask`.
#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// What `register` or `take-on` wrote out, or @FILE with it: what stands here others can read in the list of processes.
    #[arg(value_name = "TOKEN|@FILE", value_parser = token)]
    pub(crate) token: AttemptToken,
    /// The question.
    pub(crate) prompt: String,
    /// A JSON Schema of the answer, or @FILE with one in it.
    #[arg(long, value_name = "JSON")]
    pub(crate) expected: Option<String>,
}

/// `external messages`.
#[derive(Debug, Args)]
pub(crate) struct UnreadArgs {
    /// What `register` or `take-on` wrote out, or @FILE with it: what stands here others can read in the list of processes.
    #[arg(value_name = "TOKEN|@FILE", value_parser = token)]
    pub(crate) token: AttemptToken,
    /// Note that those which are shown were taken.
    #[arg(long)]
    pub(crate) take: bool,
    /// If there is none, wait so long for one, such as 30s.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) timeout: Option<Duration>,
}

/// `external checkpoint`.
#[derive(Debug, Args)]
pub(crate) struct CheckpointArgs {
    /// What `register` or `take-on` wrote out, or @FILE with it: what stands here others can read in the list of processes.
    #[arg(value_name = "TOKEN|@FILE", value_parser = token)]
    pub(crate) token: AttemptToken,
    /// Where to; standard output unless given.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// `external succeed`.
#[derive(Debug, Args)]
pub(crate) struct SucceedArgs {
    /// What `register` or `take-on` wrote out, or @FILE with it: what stands here others can read in the list of processes.
    #[arg(value_name = "TOKEN|@FILE", value_parser = token)]
    pub(crate) token: AttemptToken,
    /// What came of it: JSON, or @FILE with JSON in it.
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) result: Option<String>,
    /// What came of it, in a few words.
    #[arg(long, value_name = "TEXT")]
    pub(crate) summary: Option<String>,
}

/// `external fail`.
#[derive(Debug, Args)]
pub(crate) struct FailArgs {
    /// What `register` or `take-on` wrote out, or @FILE with it: what stands here others can read in the list of processes.
    #[arg(value_name = "TOKEN|@FILE", value_parser = token)]
    pub(crate) token: AttemptToken,
    /// What sort of failure it is, as a word for programs.
    #[arg(long, value_name = "WORD")]
    pub(crate) kind: String,
    /// What went wrong, for people.
    #[arg(long, value_name = "TEXT")]
    pub(crate) message: String,
}

/// `external canceled`.
#[derive(Debug, Args)]
pub(crate) struct SummaryArgs {
    /// What `register` or `take-on` wrote out, or @FILE with it: what stands here others can read in the list of processes.
    #[arg(value_name = "TOKEN|@FILE", value_parser = token)]
    pub(crate) token: AttemptToken,
    /// How far it came, in a few words.
    #[arg(long, value_name = "TEXT")]
    pub(crate) summary: Option<String>,
}

/// `external cancels`.
#[derive(Debug, Args)]
pub(crate) struct CancelsArgs {
    /// Go on, and show each as it comes.
    #[arg(long)]
    pub(crate) follow: bool,
}

/// Reads how far something is.
fn progress(text: &str) -> Result<Progress, String> {
    let wrong = || format!("`{text}` is no progress: expected how much is done, and perhaps of how much, such as 3/7");
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    let (current, total) = match text.split_once('/') {
        Some((current, total)) => (number(current)?, Some(number(total)?)),
        None => (number(text)?, None),
    };
    Ok(Progress { current, total, unit: None, label: None })
}

/// The longest file that a token is read from.
const MAX_TOKEN_FILE: u64 = 1 << 20;

/// Reads a token, or a file that ends in one: what `register` and `take-on` write out, or the token by itself.
fn token(given: &str) -> Result<AttemptToken, String> {
    let Some(path) = given.strip_prefix('@') else {
        return given.parse().map_err(|error: InvalidId| error.to_string());
    };
    let read = crate::plain_file::read_text(std::path::Path::new(path), MAX_TOKEN_FILE);
    let text = read.map_err(|error| format!("{path}: {error}"))?;
    let last = text.split_whitespace().next_back().ok_or_else(|| format!("{path} is empty: expected a token"))?;
    // The error of a token repeats the token, which this one keeps to itself.
    last.parse().map_err(|_: InvalidId| {
        format!("{path} does not end in a token: expected what `register` or `take-on` wrote out")
    })
}

/// Reads the name of an artifact and its file.
fn artifact(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.to_owned(), file.into())),
        _ => Err("expected a name and a file, such as patch.diff=out/patch.diff".to_owned()),
    }
}
