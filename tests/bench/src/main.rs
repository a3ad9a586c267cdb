//! The project's measurements, each against its raw limit or its peer in the same run. One command:
//! `cargo run --release -p taskwright-bench -- all`.
//! Does not assert anything: it prints, and `docs/performance.md` says what was aimed at.

mod figures;
mod hostile;
mod hosts;
mod instance;
mod memory;
mod nowhere;
mod pieces;
mod reliability;
mod scale;
mod search;
mod soak;
mod subscribers;
mod table;
mod tasks;
mod turn;
mod write;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use tokio::runtime::Runtime;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// All of them, one after the other.
    All,
    /// A fenced update with its event in SQLite, against bare rusqlite.
    Write,
    /// An instance from its making to its end, against bare wasmtime; and how fast it is stopped.
    Turn,
    /// Short tasks from their creation to their end, and where the time goes.
    E2e,
    /// `search-files` over a large tree, against ripgrep.
    Search,
    /// What resident and hibernating tasks take of the memory.
    Memory,
    /// From a kill to the work going on elsewhere, from a signal to the exit, and the cost of being alive.
    Reliability,
    /// An event on its way to 10, to 1,000 and to 10,000 subscribers of one session.
    Subscribers,
    /// What is asked often, in stores of 1,000 to 1,000,000 tasks and with 10 to 10,000 live ones. Not part of `all`: it takes
    /// ten to twenty minutes and 8 GB of the disk.
    Scale,
    /// Several hosts on one PostgreSQL, against two peers and the server alone. Not part of `all`: it needs PostgreSQL, npm and what
    /// it gets from their registries, and takes half an hour.
    Hosts,
    /// Full load on one PostgreSQL for ten minutes, and what becomes of its tables. Not part of `all`.
    Soak,
    /// Every guest of the hostile suite, a mix of them at random, stops and crowds. Not part of `all`: it takes a while.
    Hostile,
}

/// Measures what Taskwright costs. Takes a few minutes; the machine should have nothing else to do.
#[derive(Parser)]
struct Options {
    #[arg(value_enum, default_value = "all")]
    what: What,
    /// Where databases are written: on the disk that is to be measured. The program's own folder unless said.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// write: seconds of each round.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// turn: how many turns.
    #[arg(long, default_value_t = 4_000)]
    turns: u32,
    /// e2e: how many tasks, 2,000 unless said. scale: how many at most, 1,000,000 unless said. hosts: how many jobs, 20,000 unless
    /// said.
    #[arg(long)]
    tasks: Option<usize>,
    /// search: the tree. The sources in cargo's registry unless said.
    #[arg(long)]
    tree: Option<PathBuf>,
    /// search: the regular expression.
    #[arg(long, default_value = "async fn")]
    pattern: String,
    /// memory: how many tasks are resident.
    #[arg(long, default_value_t = 1_000)]
    resident: u32,
    /// memory: how many tasks hibernate.
    #[arg(long, default_value_t = 100_000)]
    hibernating: u32,
    /// subscribers: how many events each of them reads.
    #[arg(long, default_value_t = 100)]
    events: usize,
    /// hostile: how many runs are mixed at random.
    #[arg(long, default_value_t = 10_000)]
    runs: u64,
    /// hostile: says what is left to chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// hostile: of the guests only those whose names begin so. hosts: of `native`, `component`, `apalis`, `graphile` and `raw` only
    /// those that begin so.
    #[arg(long)]
    only: Option<String>,
    /// hosts: with how many processes.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4")]
    processes: Vec<usize>,
    /// hosts: how often each rate is taken; the one in the middle is shown.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// hosts: seconds in which idle hosts are looked at.
    #[arg(long, default_value_t = 20)]
    idle_seconds: u32,
    /// hosts: jobs in each second while it is measured how soon they begin.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// hosts: for how many seconds; 0 leaves that out, and the idle hosts with it.
    #[arg(long, default_value_t = 10)]
    trickle_seconds: u32,
    /// soak: for how many minutes.
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// hosts: be one of the processes that are measured.
    #[arg(long, hide = true, num_args = 2..)]
    host: Vec<String>,
    /// memory: one part alone, in this process.
    #[arg(long, value_enum, hide = true)]
    part: Option<memory::Part>,
    /// reliability: serve this folder until told to stop, in this process.
    #[arg(long, hide = true)]
    serve: Option<PathBuf>,
    /// reliability: with a lease of so many milliseconds.
    #[arg(long, hide = true, default_value_t = 10_000)]
    lease_ms: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(dir) = &options.serve {
        let lease = std::time::Duration::from_millis(options.lease_ms);
        return Runtime::new()?.block_on(reliability::serve(dir, lease));
    }
    if !options.host.is_empty() {
        return Runtime::new()?.block_on(hosts::run_host(&options.host));
    }
    let here = std::env::current_exe()?.parent().map(PathBuf::from).context("the program lies in no folder")?;
    let dir = options.dir.clone().unwrap_or(here);
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&dir)?;
    let runtime = Runtime::new()?;
    if let Some(part) = options.part {
        return runtime.block_on(memory::measure(part, &options, folder.path()));
    }
    let wanted = |what| options.what == What::All || options.what == what;
    if wanted(What::Write) {
        write::measure(&runtime, options.seconds, folder.path())?;
    }
    if wanted(What::Turn) {
        turn::measure(options.turns)?;
        runtime.block_on(instance::measure_stops())?;
    }
    if wanted(What::E2e) {
        runtime.block_on(tasks::measure(options.tasks.unwrap_or(2_000), folder.path()))?;
    }
    if wanted(What::Search) {
        runtime.block_on(search::measure(&options, folder.path()))?;
    }
    if wanted(What::Memory) {
        memory::measure_apart(&options, &dir)?;
    }
    if wanted(What::Reliability) {
        runtime.block_on(reliability::measure(folder.path()))?;
    }
    if wanted(What::Subscribers) {
        runtime.block_on(subscribers::measure(options.events, folder.path()))?;
    }
    if options.what == What::Scale {
        runtime.block_on(scale::measure(options.tasks.unwrap_or(1_000_000), folder.path()))?;
    }
    if options.what == What::Hosts {
        runtime.block_on(hosts::measure(&options, folder.path()))?;
    }
    if options.what == What::Soak {
        runtime.block_on(soak::measure(options.minutes, folder.path()))?;
    }
    if options.what == What::Hostile {
        turn::measure(options.turns)?;
        runtime.block_on(hostile::measure(&options, folder.path()))?;
    }
    Ok(())
}
