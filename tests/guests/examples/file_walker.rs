//! Reads every file of a folder many times over, with a report now and then.
#![cfg(target_arch = "wasm32")]

use std::cell::Cell;
use taskwright_test_guests::behaviour::*;

thread_local! {
    static STOP: Cell<bool> = const { Cell::new(false) };
}

struct Guest;

impl Behaviour for Guest {
    async fn start(task: Task) -> Result<Step, Failure> {
        let rounds: u32 = task.spec.trim().parse().map_err(|_| failure("bad_spec", "a number of rounds, please"))?;
        let (mut files, mut bytes) = (0_u64, 0_u64);
        for _ in 0..rounds {
            for entry in std::fs::read_dir("/files").map_err(|error| failure("io", &error.to_string()))? {
                let path = entry.map_err(|error| failure("io", &error.to_string()))?.path();
                bytes += std::fs::read(path).map_err(|error| failure("io", &error.to_string()))?.len() as u64;
                files += 1;
                if files % 50 == 0 {
                    sink::state(Some(format!("{files} files"))).await.map_err(refused)?;
                }
                if STOP.get() {
                    return Ok(Step::Canceled(Some("heard".to_owned())));
                }
            }
        }
        succeeded(&format!("{files} files, {bytes} bytes"))
    }
    async fn cancel(_task: Task) -> Result<(), Failure> {
        STOP.set(true);
        Ok(())
    }
}

taskwright_test_guests::guest!(Guest);
