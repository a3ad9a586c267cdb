//! `search-files` through the runner, durable, over a large tree, against ripgrep on one thread; warm cache. Searches that
//! leave every file out and searches that find nothing show where the time goes.
//! Does not install ripgrep: without it there is nothing to compare with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskwright_registry::{State, Usage};
use taskwright_runner::{KindSettings, Runner, RunnerConfig, Session};
use taskwright_sandbox::Budget;
use taskwright_store::{SqliteOptions, SqliteStore};

use crate::figures::median;
use crate::{Options, table};

/// Measured rounds, interleaved; one before them fills the cache.
const ROUNDS: usize = 5;
/// In no file's name.
const NO_FILE: &str = "*.no-such-ending";
/// In no file.
const NO_MATCH: &str = "there is no line with thi[s] in it";

/// A search, as both sides are told of it.
struct Case {
    name: &'static str,
    pattern: String,
    globs: Vec<&'static str>,
}

/// Ours, in seconds, and what it found.
struct Ours {
    seconds: f64,
    found: Value,
    usage: Usage,
}

/// Compares.
pub(crate) async fn measure(options: &Options, folder: &Path) -> Result<()> {
    let tree = match &options.tree {
        Some(tree) => tree.clone(),
        None => registry_sources()?,
    };
    table::heading(&format!(
        "search: search-files against rg -j1, pattern `{}`, warm, median of {ROUNDS}",
        options.pattern
    ));
    let store = SqliteStore::open(folder.join("search.db"), SqliteOptions::default())?;
    let runner = Runner::open(store, folder.join("search-files"), RunnerConfig::default())?;
    runner.add_kind(taskwright_components::SEARCH_FILES, KindSettings::default().folder("files", &tree)).await?;
    runner.serve();
    let session = runner.session("bench".parse()?);
    let has_rg = Command::new("rg").arg("--version").output().is_ok();
    for case in [
        Case { name: "the search", pattern: options.pattern.clone(), globs: vec![] },
        Case { name: "nothing matches: walk and read", pattern: NO_MATCH.to_owned(), globs: vec![] },
        Case { name: "no file fits: walk alone", pattern: NO_MATCH.to_owned(), globs: vec![NO_FILE] },
    ] {
        compare(&case, &session, has_rg.then_some(tree.as_path())).await?;
    }
    let unpaced = Budget { host_calls_per_second: u64::MAX, ..Budget::default() };
    let settings = KindSettings::default().folder("files", &tree).budget(unpaced);
    runner.add_kind(taskwright_components::SEARCH_FILES, settings).await?;
    let case = Case { name: "the search, calls without a pace", pattern: options.pattern.clone(), globs: vec![] };
    compare(&case, &session, has_rg.then_some(tree.as_path())).await?;
    if !has_rg {
        table::row("ripgrep", "skipped", "there is no `rg`: `cargo install ripgrep`");
    }
    runner.drain().await;
    Ok(())
}

fn registry_sources() -> Result<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let tree = home.context("no home folder; say --tree")?.join("registry/src");
    ensure!(tree.is_dir(), "there is no {}; say --tree", tree.display());
    Ok(tree)
}

async fn compare(case: &Case, session: &Session, tree: Option<&Path>) -> Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut lines = 0;
    for round in 0..=ROUNDS {
        let one = search(case, session).await?;
        let other = tree.map(|tree| ripgrep(case, tree)).transpose()?;
        if round > 0 {
            ours.push(one);
            if let Some((seconds, matches)) = other {
                theirs.push(seconds);
                lines = matches;
            }
        }
    }
    let seconds = median(&ours.iter().map(|run| run.seconds).collect::<Vec<_>>());
    let last = ours.last().context("no round")?;
    let found = |field: &str| last.found[field].as_u64().unwrap_or_default();
    let ratio = if theirs.is_empty() { String::new() } else { format!("{:.2} x rg  ", seconds / median(&theirs)) };
    let remark = format!(
        "{ratio}{} files, {:.1} MB, {} lines; CPU {} ms, {} host calls, {:.1} MiB",
        found("files_searched"),
        found("bytes_searched") as f64 / 1e6,
        found("matches"),
        last.usage.cpu_ms,
        last.usage.host_calls,
        last.usage.memory_peak_bytes as f64 / f64::from(1 << 20),
    );
    table::row(case.name, &format!("{seconds:.3} s"), &remark);
    if !theirs.is_empty() {
        table::row("  rg -j1", &format!("{:.3} s", median(&theirs)), &format!("{lines} lines"));
    }
    Ok(())
}

async fn search(case: &Case, session: &Session) -> Result<Ours> {
    let began = Instant::now();
    let spec = json!({"pattern": case.pattern, "path": ".", "globs": case.globs});
    let task = session.task("search-files", spec).create().await?;
    let task = session.outcome(&task.id).await?;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(task.state == State::Succeeded, "the search is {}: {:?}", task.state, task.error);
    let found = session.result(&task.id).await?.context("no result")?;
    Ok(Ours { seconds, found, usage: task.usage })
}

fn ripgrep(case: &Case, tree: &Path) -> Result<(f64, usize)> {
    let began = Instant::now();
    let mut command = Command::new("rg");
    command.args(["-j1", "-n", "--no-require-git"]);
    for glob in &case.globs {
        command.args(["--glob", glob]);
    }
    let output = command.arg("-e").arg(&case.pattern).arg(".").current_dir(tree).output()?;
    let seconds = began.elapsed().as_secs_f64();
    Ok((seconds, output.stdout.iter().filter(|&&byte| byte == b'\n').count()))
}
