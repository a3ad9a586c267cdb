//! Ends in the way that its specification names, whether that is fitting or not.
#![cfg(target_arch = "wasm32")]

use std::rc::Rc;
use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::signal::Signal;

thread_local! {
    static ASKED: Rc<Signal<()>> = Rc::default();
}

struct Guest;

fn end(task: &Task) -> Result<Step, Failure> {
    match task.spec.trim_matches('"') {
        "canceled" => Ok(Step::Canceled(Some("so it was".to_owned()))),
        "sleeping for ever" => Ok(Step::Sleep(u64::MAX)),
        "tried again at once" => Err(Failure { retry: Retry::After(0), ..failure("again", "and again") }),
        "tried again never" => Err(Failure { retry: Retry::After(u64::MAX), ..failure("again", "in a long while") }),
        "with a giant word" => Err(failure(&"word ".repeat(20_000), &"text ".repeat(200_000))),
        "with a giant summary" => succeeded(&"\u{1f980}".repeat(200_000)),
        "exit 0" => std::process::exit(0),
        "exit 7" => std::process::exit(7),
        "abort" => std::process::abort(),
        _ => succeeded("as asked"),
    }
}

impl Behaviour for Guest {
    async fn start(task: Task) -> Result<Step, Failure> {
        sink::state(Some("begun".to_owned())).await.map_err(refused)?;
        if task.spec.trim_matches('"') == "success after a cancel" {
            ASKED.with(|asked| asked.clone()).wait().await;
        }
        end(&task)
    }
    async fn cancel(_task: Task) -> Result<(), Failure> {
        ASKED.with(|asked| asked.set(()));
        Ok(())
    }
}

taskwright_test_guests::guest!(Guest);
