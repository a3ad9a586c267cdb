//! Has a byte brought to the disk over and over.
#![cfg(target_arch = "wasm32")]

use std::io::Write;

use taskwright_test_guests::behaviour::*;

struct Guest;

fn sync(times: u32) -> std::io::Result<()> {
    let mut file = std::fs::File::create("/task/a")?;
    for _ in 0..times {
        file.write_all(b"x")?;
        file.sync_all()?;
    }
    std::fs::remove_file("/task/a")
}

impl Behaviour for Guest {
    fn describe() -> Description {
        wanting("files", "task")
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        sync(60).map_err(|error| failure("io", &error.to_string()))?;
        succeeded("synced")
    }
}

taskwright_test_guests::guest!(Guest);
