//! In its first attempt: reports for ever, whatever the host answers. Later ones succeed at once.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(task: Task) -> Result<Step, Failure> {
        if task.attempt > 1 {
            return succeeded(&format!("attempt {}", task.attempt));
        }
        for number in 0_u64.. {
            let _ = sink::state(Some(format!("straggler {number}"))).await;
            let _ = sink::post(vec![Part::Text("from a straggler".to_owned())], None).await;
            let _ = sink::checkpoint(b"a straggler's".to_vec()).await;
        }
        unreachable!()
    }
}

taskwright_test_guests::guest!(Guest);
