//! Calls every function of the contract once, hibernates, and is done when it is called again. It is what is recorded of each
//! released version of the contract: see `recorded/README.md`.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::contract::taskwright::task::types::ProgressReport as Progress;
use taskwright_test_guests::request::{request, text};

struct Guest;

/// Sends a request and reads what comes back.
async fn fetch(url: &str) -> Result<String, http::Error> {
    let response = http::send(request("GET", url)).await?;
    let mut came = Vec::new();
    while let Some(piece) = response.body.read(16).await? {
        came.extend(piece);
    }
    Ok(format!("{} {}", response.status, String::from_utf8_lossy(&came)))
}

/// Calls every function for children, and says what each answered.
async fn ask_for_children() -> Vec<String> {
    fn told<T>(answer: Result<T, Refusal>) -> String {
        match answer {
            Ok(_) => "ok".to_owned(),
            Err(Refusal::Denied(_)) => "denied".to_owned(),
            Err(other) => format!("{other:?}"),
        }
    }
    let child = spawner::NewChild {
        call: "call".to_owned(),
        kind: "whole-contract".to_owned(),
        spec: "{}".to_owned(),
        display_name: None,
        name: Some("child".to_owned()),
        max_attempts: 1,
        budget: Budget { children: Some(0), ..no_wishes() },
        deadline: Some(60_000),
        attempt_timeout: None,
    };
    let id = || "task_0".to_owned();
    vec![
        told(spawner::spawn(child).await),
        told(spawner::children(None).await),
        told(spawner::child(id()).await),
        told(spawner::child_result(id()).await),
        told(spawner::wait(vec![id()], Some(1)).await),
        told(spawner::cancel_child(id(), None).await),
        told(spawner::message_child(id(), vec![Part::Text("hi".to_owned())], None).await),
    ]
}

impl Behaviour for Guest {
    fn describe() -> Description {
        let want = |capability: &str| Want {
            capability: capability.to_owned(),
            name: capability.to_owned(),
            reason: "to be asked for".to_owned(),
            required: false,
        };
        let wants = vec![want("files"), want("http"), want("spawner")];
        let budget = Budget { memory_bytes: Some(32 << 20), ..no_wishes() };
        let can_reattach = Reattach::AsSpec("/again".to_owned());
        Description { kind: "whole-contract".to_owned(), wants, budget, can_reattach, ..plain() }
    }
    async fn start(task: Task) -> Result<Step, Failure> {
        if control::cancel_requested().is_some() {
            return Err(failure("canceled", "nobody has asked for that"));
        }
        let began = clock::now();
        clock::sleep(1).await;
        sink::state(Some("working".to_owned())).await.map_err(refused)?;
        let report = Progress { current: 1, total: Some(2), unit: Some("steps".to_owned()), label: None };
        sink::progress(report).await.map_err(refused)?;
        sink::output(control::idempotency_key("call")).await.map_err(refused)?;
        let fetched = fetch(&text(&task.spec)).await.map_err(|error| failure("http", &format!("{error:?}")))?;
        sink::output(fetched).await.map_err(refused)?;
        sink::output(ask_for_children().await.join(" ")).await.map_err(refused)?;
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
