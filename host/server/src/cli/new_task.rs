//! The arguments that say what a new task is.
//! Does not act on them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use taskwright_registry::{CancelMode, ClosePolicy, Priority, TraceParent, WakePolicy};

use crate::config::budget::OneLimit;
use crate::duration::{When, span, when};
use crate::grant::Grant;

/// What a new task is that a host runs.
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
    /// What holds for it whoever does its work.
    #[command(flatten)]
    pub(crate) terms: Terms,
    /// Attempts that failures may use up.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_attempts: Option<u32>,
    /// How long one attempt may take, such as 10m, hibernation included; one that takes longer has failed.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) attempt_timeout: Option<Duration>,
    /// What one attempt may use at most, such as cpu_ms=10s or memory_bytes=64MiB; can be repeated. It narrows what the
    /// operator allows and never widens it.
    #[arg(long = "budget", value_name = "NAME=LIMIT")]
    pub(crate) budget: Vec<OneLimit>,
    /// Which of its session's due tasks are started first.
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) priority: Option<Rank>,
    /// When the task may start at the earliest: a span such as 10m, or a time such as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) not_before: Option<When>,
    /// Never start the task again after the loss of its process, even if its kind allows that.
    #[arg(long)]
    pub(crate) host_bound: bool,
}

/// What holds for a new task whoever does its work.
#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// A name that is unique among the session's live tasks.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What a person reads.
    #[arg(long, value_name = "TEXT")]
    pub(crate) display_name: Option<String>,
    /// When the session is woken.
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) wake: Option<Wake>,
    /// When the task must be over: a span such as 10m, or a time such as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) deadline: Option<When>,
    /// How the task is ended before its time.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) cancel_policy: Option<CancelHow>,
    /// How long a cooperative cancel may take before it is forced, such as 30s; 10s unless said.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) grace: Option<Duration>,
    /// What becomes of the task when its session is closed.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) close_policy: Option<OnClose>,
    /// Keep the task out of lists; `taskwright hidden` waits for it.
    #[arg(long)]
    pub(crate) hidden: bool,
    /// The task on whose behalf: a cancel of its tree reaches this one too.
    #[arg(long, value_name = "TASK")]
    pub(crate) parent: Option<String>,
    /// The run in which it is created: a cancel of that run reaches this task too.
    #[arg(long, value_name = "ID")]
    pub(crate) run_id: Option<String>,
    /// Where in a trace this is, as a traceparent of W3C Trace Context; what TRACEPARENT says unless given.
    #[arg(long, value_name = "TRACEPARENT")]
    pub(crate) traceparent: Option<TraceParent>,
}

/// The words of `--priority`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Rank {
    /// Before all others.
    High,
    /// As it is unless said.
    Normal,
    /// When nothing else of the session is due.
    Low,
}

impl From<Rank> for Priority {
    fn from(rank: Rank) -> Self {
        match rank {
            Rank::High => Priority::High,
            Rank::Normal => Priority::Normal,
            Rank::Low => Priority::Low,
        }
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

/// The words of `--cancel-policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CancelHow {
    /// It is asked, and stopped when its grace is over.
    Cooperative,
    /// It is stopped at once.
    Abort,
    /// It is asked, and only whoever does its work ends it.
    External,
}

impl From<CancelHow> for CancelMode {
    fn from(how: CancelHow) -> Self {
        match how {
            CancelHow::Cooperative => CancelMode::Cooperative,
            CancelHow::Abort => CancelMode::Abort,
            CancelHow::External => CancelMode::External,
        }
    }
}

/// The words of `--close-policy`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OnClose {
    /// It goes on where it is.
    Keep,
    /// It is canceled.
    Cancel,
    /// It moves to the session's successor.
    Transfer,
}

impl From<OnClose> for ClosePolicy {
    fn from(what: OnClose) -> Self {
        match what {
            OnClose::Keep => ClosePolicy::Keep,
            OnClose::Cancel => ClosePolicy::Cancel,
            OnClose::Transfer => ClosePolicy::Transfer,
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
