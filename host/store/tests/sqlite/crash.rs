//! A process that is killed while it writes.
//! Does not cut the power: what the operating system was given is kept.

use std::io::{BufRead, BufReader};

use taskwright_registry::TaskId;
use taskwright_store::{SqliteOptions, SqliteStore, Store};

use crate::processes::{child, role};
use crate::room::{Room, append, check, session};

/// Not a test by itself: writes for ever and says what was reported as done, until it is killed.
#[tokio::test]
async fn the_process_that_dies() {
    let Some(role) = role() else { return };
    let mut words = role.split(' ');
    let path = words.next().expect("a path");
    let store = SqliteStore::open(path, SqliteOptions::default()).expect("a store");
    let mut writers = Vec::new();
    for id in words {
        let (store, id) = (store.clone(), id.parse::<TaskId>().expect("a task id"));
        writers.push(tokio::spawn(async move {
            let task = store.get(&session(), &id).await.expect("the task");
            for number in 0..1_000_usize {
                let after = store.update(&session(), &id, append(&task, &number.to_string())).await.expect("an append");
                let mut line = format!("done {} {}\n", id, after.artifacts.len()).into_bytes();
                // One write for a line: it is either said or not.
                std::io::Write::write_all(&mut std::io::stdout().lock(), &line).expect("a listener");
                line.clear();
            }
        }));
    }
    for writer in writers {
        writer.await.expect("no panic");
    }
}

// L25, L32
#[tokio::test]
async fn what_a_killed_process_had_reported_is_there_and_nothing_is_there_by_half() {
    for said in [1, 40, 200] {
        let room = Room::new();
        let store = room.open();
        let mut tasks = Vec::new();
        for _ in 0..6 {
            tasks.push(room.running(&store).await);
        }
        drop(store);
        let ids: Vec<String> = tasks.iter().map(|task| task.id.to_string()).collect();
        let role = format!("{} {}", room.path().display(), ids.join(" "));
        let mut dying = child("crash::the_process_that_dies", &role).spawn().expect("a child");
        let mut lines = BufReader::new(dying.stdout.take().expect("its output")).lines();
        let mut reported = vec![0_usize; tasks.len()];
        let mut heard = 0;
        let mut note = |line: String| {
            // The test harness has said something of its own before.
            if let Some(done) = line.split_once("done ").map(|(_, done)| done)
                && let Some((id, count)) = done.split_once(' ')
            {
                let task = ids.iter().position(|known| known == id).expect("a known task");
                reported[task] = reported[task].max(count.parse().expect("a count"));
                return 1;
            }
            0
        };
        while heard < said {
            heard += note(lines.next().expect("more to hear").expect("a line"));
        }
        dying.kill().expect("a kill");
        dying.wait().expect("an end");
        // What it had said before it died counts too.
        lines.map_while(Result::ok).for_each(|line| {
            note(line);
        });
        let store = room.open();
        for (task, reported) in tasks.iter().zip(&reported) {
            let kept = store.get(&session(), &task.id).await.expect("the task").artifacts.len();
            assert!(kept >= *reported, "{reported} were reported, {kept} were kept");
        }
        check(&room, &store, &tasks).await;
        assert!(store.update(&session(), &tasks[0].id, append(&tasks[0], "after")).await.is_ok());
    }
}
