//! A guest that notes each of its attempts in its checkpoint and stays resident until it is told to finish.
//! Does not say whether it can be taken up again: that is what the guests with this behaviour differ in.

use std::cell::Cell;

use crate::behaviour::{Completion, Failure, Message, Part, Step, Task, clock, control, failure, refused, sink};

/// How long it waits before it looks again, in milliseconds.
const STEP: u64 = 20;

thread_local! {
    static FINISH: Cell<bool> = const { Cell::new(false) };
}

/// Adds its attempt to the checkpoint, a list such as `1,2`, and says so in a line of output. Succeeds with the list as
/// JSON when it is told to finish.
pub async fn start(task: Task) -> Result<Step, Failure> {
    let list = match task.checkpoint {
        None => task.attempt.to_string(),
        Some(earlier) => format!("{},{}", String::from_utf8_lossy(&earlier), task.attempt),
    };
    sink::checkpoint(list.clone().into_bytes()).await.map_err(refused)?;
    sink::output(format!("attempt {}\n", task.attempt)).await.map_err(refused)?;
    while !FINISH.get() {
        if let Some(cancel) = control::cancel_requested() {
            return Ok(Step::Canceled(cancel.reason));
        }
        clock::sleep(STEP).await;
    }
    Ok(Step::Succeeded(Completion { summary: None, result: Some(format!("[{list}]")) }))
}

/// Takes the message `finish` and no other.
pub fn deliver(message: &Message) -> Result<(), Failure> {
    match message.parts.as_slice() {
        [Part::Text(text)] if text == "finish" => {
            FINISH.set(true);
            Ok(())
        }
        _ => Err(failure("unsupported", "this guest takes the message `finish` and no other")),
    }
}
