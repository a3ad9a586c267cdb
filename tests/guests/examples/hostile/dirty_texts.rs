//! Puts everything that could speak to a terminal, or hide from a person, into every text that a kind can write.
#![cfg(target_arch = "wasm32")]

use std::sync::atomic::{AtomicBool, Ordering};

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::contract::taskwright::task::types::ProgressReport as Progress;

/// Clears the screen, sets the title, turns the line round, hides, joins invisibly, and speaks in tags that nobody sees.
const DIRT: &str = "a\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}31m\0\u{8}\r\u{7f}\u{85}\u{202e}\u{2066}\u{200e}\u{61c}\u{200b}\u{2060}\u{feff}\u{2028}\u{2029}\u{ad}\u{180e}\u{fff9}\u{e0041}\u{e0100}z";

static ANSWERED: AtomicBool = AtomicBool::new(false);

fn dirty() -> String {
    DIRT.to_owned()
}

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        let want = Want { capability: "files".to_owned(), name: dirty(), reason: dirty(), required: false };
        Description { summary: dirty(), wants: vec![want], ..plain() }
    }
    async fn start(task: Task) -> Result<Step, Failure> {
        sink::state(Some(dirty())).await.map_err(refused)?;
        let report =
            Progress { current: 1, total: None, unit: Some("\u{1b}[1m\u{202e}u".to_owned()), label: Some(dirty()) };
        sink::progress(report).await.map_err(refused)?;
        sink::output(dirty() + "\n").await.map_err(refused)?;
        println!("{DIRT}");
        eprintln!("{DIRT}");
        let data = serde_like(DIRT);
        sink::post(vec![Part::Text(dirty()), Part::Data(data.clone())], Some(dirty())).await.map_err(refused)?;
        let links = sink::LinkSet {
            child_session_id: Some(dirty()),
            remote_task_id: Some(dirty()),
            resource_ids: vec![dirty()],
        };
        sink::link(links).await.map_err(refused)?;
        for (name, media_type) in [(dirty(), "text/plain".to_owned()), ("fine".to_owned(), dirty())] {
            let content = sink::ArtifactContent::Bytes(DIRT.as_bytes().to_vec());
            let refused = sink::artifact(sink::ArtifactEntry { name, media_type, content }).await;
            if refused.is_ok() {
                return Err(failure("accepted", "a name or a type that nobody can read"));
            }
        }
        let content = sink::ArtifactContent::Url(format!("https://example.org/{DIRT}"));
        let entry = sink::ArtifactEntry { name: "elsewhere".to_owned(), media_type: "text/plain".to_owned(), content };
        sink::artifact(entry).await.map_err(refused)?;
        let schema = format!("{{\"type\":\"string\",\"title\":{data}}}");
        match task.spec.trim_matches('"') {
            "asks" => {
                sink::request_input(dirty(), Some(schema)).await.map_err(refused)?;
                // A quick session has answered by now, and nothing else would wake the task.
                if ANSWERED.load(Ordering::Relaxed) { succeeded(DIRT) } else { Ok(Step::Wait) }
            }
            "fails" => Err(failure(DIRT, DIRT)),
            "panics" => panic!("{DIRT}"),
            "gives up" => Ok(Step::Canceled(Some(dirty()))),
            _ => Ok(Step::Succeeded(Completion { summary: Some(dirty()), result: Some(data) })),
        }
    }
    async fn deliver(_task: Task, _message: Message) -> Result<(), Failure> {
        ANSWERED.store(true, Ordering::Relaxed);
        Err(failure(DIRT, DIRT))
    }
    async fn reconcile(_task: Task) -> Result<Step, Failure> {
        succeeded(DIRT)
    }
}

/// A text as JSON, with the least that has to be escaped.
fn serde_like(text: &str) -> String {
    let mut json = "\"".to_owned();
    for c in text.chars() {
        if c < ' ' {
            json.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            json.push(c);
        }
    }
    json + "\""
}

taskwright_test_guests::guest!(Guest);
