//! Calls every function of the contract once, hibernates, and is done when it is called again. It is what is recorded of each
//! released version of the contract: see `recorded/README.md`.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::contract::taskwright::task::types::ProgressReport as Progress;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        let wants = vec![Want {
            capability: "files".to_owned(),
            name: "files".to_owned(),
            reason: "to be asked for".to_owned(),
            required: false,
        }];
        let budget = Budget { memory_bytes: Some(32 << 20), ..no_wishes() };
        let can_reattach = Reattach::AsSpec("/again".to_owned());
        Description { kind: "whole-contract".to_owned(), wants, budget, can_reattach, ..plain() }
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        if control::cancel_requested().is_some() {
            return Err(failure("canceled", "nobody has asked for that"));
        }
        let began = clock::now();
        clock::sleep(1).await;
        sink::state(Some("working".to_owned())).await.map_err(refused)?;
        let report = Progress { current: 1, total: Some(2), unit: Some("steps".to_owned()), label: None };
        sink::progress(report).await.map_err(refused)?;
        sink::output(control::idempotency_key("call")).await.map_err(refused)?;
        sink::post(vec![Part::Text("hi".to_owned()), Part::Data("{\"n\":1}".to_owned())], None)
            .await
            .map_err(refused)?;
        sink::draft("log.txt".to_owned(), b"one".to_vec()).await.map_err(refused)?;
        let entry = sink::ArtifactEntry {
            name: "log.txt".to_owned(),
            media_type: "text/plain".to_owned(),
            content: sink::ArtifactContent::Draft,
        };
        sink::artifact(entry).await.map_err(refused)?;
        let links = sink::LinkSet {
            child_session_id: Some("child".to_owned()),
            remote_task_id: Some("remote".to_owned()),
            resource_ids: vec!["a".to_owned()],
        };
        sink::link(links).await.map_err(refused)?;
        let expected = "{\"type\":\"boolean\"}".to_owned();
        sink::request_input("Go on?".to_owned(), Some(expected)).await.map_err(refused)?;
        let checkpoint = format!("{began:?}").into_bytes();
        sink::checkpoint(checkpoint).await.map_err(refused)?;
        Ok(Step::Wait)
    }
    async fn deliver(_task: Task, message: Message) -> Result<(), Failure> {
        sink::output(format!("{} parts", message.parts.len())).await.map_err(refused)
    }
    async fn cancel(_task: Task) -> Result<(), Failure> {
        sink::output("cancel".to_owned()).await.map_err(refused)
    }
    async fn reconcile(_task: Task) -> Result<Step, Failure> {
        Ok(Step::Succeeded(Completion { summary: Some("done".to_owned()), result: Some("{\"ok\":true}".to_owned()) }))
    }
}

taskwright_test_guests::guest!(Guest);
