//! Makes four reports and succeeds.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::contract::taskwright::task::types::ProgressReport as Progress;

struct Guest;

impl Behaviour for Guest {
    async fn start(task: Task) -> Result<Step, Failure> {
        sink::state(Some("working".to_owned())).await.map_err(refused)?;
        let report = Progress { current: 1, total: Some(2), unit: Some("steps".to_owned()), label: None };
        sink::progress(report).await.map_err(refused)?;
        sink::output(format!("hello {}\n", task.display_name)).await.map_err(refused)?;
        sink::post(vec![Part::Text("hi".to_owned()), Part::Data("{\"n\":1}".to_owned())], None)
            .await
            .map_err(refused)?;
        Ok(Step::Succeeded(Completion { summary: Some("done".to_owned()), result: Some(task.spec) }))
    }
}

taskwright_test_guests::guest!(Guest);
