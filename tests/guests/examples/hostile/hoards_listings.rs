//! Opens its folder again and again, and what is in it as files and as listings, and keeps all of it open.
#![cfg(target_arch = "wasm32")]

use std::fs::{File, ReadDir};

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        wanting("files", "task")
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        let (mut listings, mut folders): (Vec<ReadDir>, Vec<File>) = (Vec::new(), Vec::new());
        let mut refused = 0;
        for _ in 0..2_000 {
            match std::fs::read_dir("/task") {
                Ok(listing) => listings.push(listing),
                Err(_) => refused += 1,
            }
            match File::open("/task") {
                Ok(folder) => folders.push(folder),
                Err(_) => refused += 1,
            }
        }
        let held = listings.len() + folders.len();
        drop((listings, folders));
        let after = std::fs::read_dir("/task").is_ok();
        succeeded(&format!("{} refused, at most fifty: {}, again: {after}", refused > 3_900, held <= 50))
    }
}

taskwright_test_guests::guest!(Guest);
