//! The hostile suite: every row of the table over each store, and a mix of all at random.
//! Does not say what a guest must come to: `taskwright_system_tests::hostile` does, for this and for the benchmark.

mod scarce;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::RngExt;
use taskwright_system_tests::hostile::{Data, Mix, Stage, run_mixed, sandbox, table};

/// Rows that are played at one time: most of them wait for something.
const AT_ONCE: usize = 4;

/// Plays the whole table and says what is wrong, row by row.
async fn play(data: Data) {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox = sandbox(&folder.path().join("cache"));
    let (rows, next) = (Arc::new(table()), Arc::new(AtomicUsize::new(0)));
    let lanes: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (rows, next, sandbox, folder) = (rows.clone(), next.clone(), sandbox.clone(), folder.path().to_owned());
            tokio::spawn(async move {
                let mut wrong = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(row) = rows.get(number) else { return wrong };
                    let folder = folder.join(number.to_string());
                    std::fs::create_dir_all(&folder).expect("a folder for the row");
                    let ended = Stage::set_up(data, &folder, &sandbox).await.play(row).await;
                    wrong.extend(ended.wrong.into_iter().map(|problem| format!("{}: {problem}", row.name)));
                }
            })
        })
        .collect();
    let mut wrong = Vec::new();
    for lane in lanes {
        wrong.extend(lane.await.expect("a lane"));
    }
    if sandbox.memory_in_use() != 0 {
        wrong.push(format!("{} bytes of guests' memory are left", sandbox.memory_in_use()));
    }
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_guest_comes_to_its_end_and_leaves_nothing_behind_in_memory() {
    play(Data::Memory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_guest_comes_to_its_end_and_leaves_nothing_behind_in_sqlite() {
    play(Data::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_guest_comes_to_its_end_and_leaves_nothing_behind_in_postgresql() {
    if Data::Postgres.is_there() {
        play(Data::Postgres).await;
    }
}

/// Mixes at random, with a seed that is told when something is wrong.
async fn mix(data: Data, runs: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox = sandbox(&folder.path().join("cache"));
    let mix = Mix { runs, at_once: 16, seed: rand::rng().random() };
    let mixed = run_mixed(data, folder.path(), &sandbox, mix).await.expect("a mix");
    assert!(mixed.wrong.is_empty(), "{mix:?}: {} things are wrong:\n{}", mixed.wrong.len(), mixed.wrong.join("\n"));
    assert_eq!(mixed.succeeded + mixed.failed + mixed.canceled, runs);
    assert_eq!(sandbox.memory_in_use(), 0, "{mix:?}: guests' memory is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mix_at_random_leaves_nothing_behind_in_memory() {
    mix(Data::Memory, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mix_at_random_leaves_nothing_behind_in_sqlite() {
    mix(Data::Sqlite, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mix_at_random_leaves_nothing_behind_in_postgresql() {
    if Data::Postgres.is_there() {
        mix(Data::Postgres, 200).await;
    }
}
