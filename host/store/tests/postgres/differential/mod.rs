//! One random sequence of commands over every store: whatever one of them shows, the others show too.
//! Does not know what is right: the conformance suite and the core's properties do.

mod command;
mod draw;
mod scans;
mod stores;

use futures::StreamExt;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::place::{database, server};
use command::Command;
use draw::Draw;
use stores::Stores;

/// Sequences in one run of the tests; `TASKWRIGHT_DIFFERENTIAL` sets another number.
const SEQUENCES: u64 = 40;
/// Commands of one sequence.
const COMMANDS: usize = 60;
/// Sequences at one time: most of them wait for a disk or a server.
const AT_ONCE: usize = 4;
/// How often everything is compared, and not only what a command was about.
const ALL_EVERY: usize = 15;

/// Runs the sequence of a seed. Says what was different, with the commands up to there.
async fn sequence(address: &str, seed: u64) -> Result<(), String> {
    let stores = Stores::open(address, seed).await;
    let mut draw = Draw::new(StdRng::seed_from_u64(seed));
    let mut commands: Vec<Command> = Vec::new();
    for number in 1..=COMMANDS {
        let command = draw.command(&stores).await;
        let outcome = stores.run(&command).await;
        commands.push(command);
        let outcome = match outcome {
            Ok(()) => stores.observe(&draw, number % ALL_EVERY == 0 || number == COMMANDS).await,
            different => different,
        };
        if let Err(different) = outcome {
            let commands: Vec<String> = commands.iter().map(|command| format!("  {command:?}")).collect();
            return Err(format!("TASKWRIGHT_SEED={seed}, command {number}\n{}\n{different}", commands.join("\n")));
        }
    }
    stores.close(address).await;
    Ok(())
}

// L4, L21, L23, L25, L29, L48
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_done_memory_sqlite_and_postgresql_show_the_same() {
    let Some(server) = server() else { return };
    let address = database(server).await;
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    if let Some(seed) = number("TASKWRIGHT_SEED") {
        return sequence(&address, seed).await.unwrap_or_else(|different| panic!("{different}"));
    }
    let sequences = (0..number("TASKWRIGHT_DIFFERENTIAL").unwrap_or(SEQUENCES))
        .map(|_| sequence(&address, u64::from(rand::random::<u32>())));
    let mut ended = futures::stream::iter(sequences).buffer_unordered(AT_ONCE);
    while let Some(ended) = ended.next().await {
        ended.unwrap_or_else(|different| panic!("{different}"));
    }
}
