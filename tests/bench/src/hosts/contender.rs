//! Who does jobs on a PostgreSQL: this project, in two ways, and its peers.
//! Does not run anything: it says with which command each of their verbs is run, and how to see in SQL that all is done.
//!
//! Each is a program of four verbs: `setup ADDRESS`, `fill ADDRESS JOBS`, `trickle ADDRESS RATE SECONDS` and `work ADDRESS`, which
//! is a [`Worker`](super::worker::Worker).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// A runner with a kind of the process's own.
    Native,
    /// A runner with a component in its sandbox.
    Component,
    /// `apalis-postgres`.
    Apalis,
    /// `graphile-worker` with a local queue and jobs completed in batches.
    Graphile,
    /// `graphile-worker` that takes and completes one job at a time.
    GraphileSingly,
}

/// All, in the order in which they are shown.
pub(crate) const ALL: [Contender; 5] =
    [Contender::Native, Contender::Component, Contender::Apalis, Contender::Graphile, Contender::GraphileSingly];

/// Where the peers are: beside this crate.
fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("peers")
}

impl Contender {
    /// A word, for the command line and names of databases.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Component => "component",
            Self::Apalis => "apalis",
            Self::Graphile => "graphile",
            Self::GraphileSingly => "graphile_singly",
        }
    }

    /// What its rows are called.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Native => "taskwright, native kind",
            Self::Component => "taskwright, component",
            Self::Apalis => "apalis-postgres 1.0.0",
            Self::Graphile => "graphile-worker 0.18.0, batched",
            Self::GraphileSingly => "graphile-worker 0.18.0, one by one",
        }
    }

    /// Whether it is this project.
    pub(crate) fn is_own(self) -> bool {
        matches!(self, Self::Native | Self::Component)
    }

    /// Whether a job of it says when it has begun. A component has no clock that it was not granted, and nobody to tell.
    pub(crate) fn tells(self) -> bool {
        self != Self::Component
    }

    /// How many jobs are not done, as a number that need not be right before the last is.
    pub(crate) fn left(self) -> &'static str {
        match self {
            Self::Native | Self::Component => {
                "SELECT count(*) FROM (SELECT FROM taskwright.tasks WHERE phase <> 'over' LIMIT 1) left_over"
            }
            Self::Apalis => "SELECT count(*) FROM (SELECT FROM apalis.jobs WHERE done_at IS NULL LIMIT 1) left_over",
            Self::Graphile | Self::GraphileSingly => {
                "SELECT count(*) FROM (SELECT FROM graphile_worker._private_jobs LIMIT 1) left_over"
            }
        }
    }

    /// The command that runs one of its verbs.
    pub(crate) fn command(self, verb: &str, given: &[&str]) -> Result<Command> {
        let mut command = match self {
            Self::Native | Self::Component => {
                let mut command = Command::new(std::env::current_exe()?);
                // The last of the options: what follows belongs to it.
                command.args(["hosts", "--host", self.word()]);
                command
            }
            Self::Apalis => Command::new(peers().join("apalis/target/release/taskwright-peer-apalis")),
            Self::Graphile | Self::GraphileSingly => {
                let folder = peers().join("graphile");
                // That of its own packages: it wants a newer one than distributions have.
                let mut command = Command::new(folder.join("node_modules/.bin/node"));
                command.arg(folder.join("peer.js"));
                command.env("SINGLY", if self == Self::GraphileSingly { "1" } else { "" });
                command
            }
        };
        command.arg(verb).args(given);
        Ok(command)
    }

    /// Runs one of its verbs to its end.
    pub(crate) async fn run(self, verb: &str, given: &[&str]) -> Result<()> {
        let status = self.command(verb, given)?.status().await.with_context(|| format!("{} {verb}", self.word()))?;
        if !status.success() {
            bail!("{} {verb} ended with {status}", self.word());
        }
        Ok(())
    }

    /// Builds what it needs, from what its lock file names.
    pub(crate) async fn prepare(self) -> Result<()> {
        let (program, given, folder) = match self {
            Self::Native | Self::Component => return Ok(()),
            Self::Apalis => ("cargo", ["build", "--release", "--locked", "--quiet"].as_slice(), "apalis"),
            Self::Graphile | Self::GraphileSingly => {
                let packages = peers().join("graphile/node_modules/graphile-worker/package.json");
                if packages.exists() {
                    return Ok(());
                }
                ("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"].as_slice(), "graphile")
            }
        };
        let folder = peers().join(folder);
        // Cargo tells programs that it runs where to build.
        let mut command = Command::new(program);
        command.args(given).current_dir(&folder).env_remove("CARGO_TARGET_DIR").stdout(std::process::Stdio::null());
        let status = command.status().await.with_context(|| format!("{program} in {}", folder.display()))?;
        if !status.success() {
            bail!("{program} in {} ended with {status}", folder.display());
        }
        Ok(())
    }
}
