//! Many hosts, one virtual clock, and everything going wrong that can: hosts die, are cut off and come back, are told to
//! stop; calls to the store are slow, fail, or lose their reply.
//! Does not need real time: a run of many minutes takes a fraction of a second, and the same seed is the same run.

mod fence;
mod loss;
mod removal;
mod run;
mod stage;
mod time;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use run::simulate;

/// How many seeds are drawn unless `TASKWRIGHT_SIMULATIONS` says otherwise: a nightly run says 10,000.
const SEEDS: u64 = 25;

/// Seeds that have found something. None is ever taken out.
/// 11 and 3399627019: an execution that waited for a store that did not reply did not hear of the loss of its lease, and its
/// instance went on beside its successor; an answer that came while its task lay down was taken and forgotten.
const FOUND: &[u64] = &[11, 3_399_627_019];

/// A run in a runtime of its own: one that has run before schedules from another state.
fn run_seed(seed: u64) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    match catch_unwind(AssertUnwindSafe(|| runtime.block_on(simulate(seed)))) {
        Ok(log) => log,
        Err(panic) => {
            eprintln!(
                "seed {seed} failed: TASKWRIGHT_SEED={seed} runs it alone; add it to FOUND once it is understood"
            );
            resume_unwind(panic)
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

// L1, L5, L19, L25, L32, L35 to L37, L39
#[test]
fn whatever_becomes_of_the_hosts_every_task_comes_to_the_end_that_it_should() {
    if let Some(seed) = number("TASKWRIGHT_SEED") {
        eprint!("{}", run_seed(seed));
        return;
    }
    let first = rand::random::<u32>().into();
    let seeds = number("TASKWRIGHT_SIMULATIONS").unwrap_or(SEEDS);
    eprintln!("seeds {first} to {}", first + seeds - 1);
    for seed in FOUND.iter().copied().chain(first..first + seeds) {
        run_seed(seed);
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let (first, second) = (run_seed(11), run_seed(11));
    for (line, again) in first.lines().zip(second.lines()) {
        assert_eq!(line, again);
    }
    assert_eq!(first.lines().count(), second.lines().count());
}
