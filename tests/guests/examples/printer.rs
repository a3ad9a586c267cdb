//! Prints to both of its streams, without an end of line at the end.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        println!("one");
        eprintln!("two");
        print!("three");
        use std::io::Write;
        let _ = std::io::stdout().flush();
        succeeded("printed")
    }
}

taskwright_test_guests::guest!(Guest);
