//! Opens one of everything there is to open, finishes none of it, and ends.
#![cfg(target_arch = "wasm32")]

use std::future::{Future, poll_fn};
use std::task::Poll;

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::contract::taskwright::task::types::ProgressReport as Progress;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        wanting("files", "task")
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        for number in 0..15 {
            sink::draft(format!("draft-{number}"), vec![7; 10_000]).await.map_err(refused)?;
        }
        sink::request_input("and then?".to_owned(), None).await.map_err(refused)?;
        sink::output("no end of line".to_owned()).await.map_err(refused)?;
        let report = Progress { current: u64::MAX, total: Some(0), unit: None, label: None };
        sink::progress(report).await.map_err(refused)?;
        let file = std::fs::File::create("/task/open").map_err(|error| failure("io", &error.to_string()))?;
        std::mem::forget((file, std::fs::read_dir("/task")));
        let mut sleep = Box::pin(clock::sleep(3_600_000));
        poll_fn(|context| Poll::Ready(sleep.as_mut().poll(context).is_ready())).await;
        std::mem::forget(sleep);
        std::fs::remove_file("/task/open").map_err(|error| failure("io", &error.to_string()))?;
        succeeded("all of it is open")
    }
}

taskwright_test_guests::guest!(Guest);
