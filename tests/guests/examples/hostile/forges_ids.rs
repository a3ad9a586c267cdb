//! Names tasks, messages, sessions and files that are not its own, wherever it can name anything.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

const FOREIGN: [&str; 6] = [
    "task_00000000000000000000000000000000",
    "tmsg_00000000000000000000000000000000",
    "inreq_00000000000000000000000000000000",
    "neighbour",
    "../neighbour",
    "' OR 1=1; DROP TABLE tasks; --",
];

/// Names that must stay within the task's own folder, whatever they look like.
const NAMES: [&str; 16] = [
    "..",
    ".",
    "",
    "/etc/passwd",
    "a/../../b",
    "a\\b",
    "..%2f..%2fb",
    "%2e%2e",
    "a%2fb",
    "a#1",
    "a?b",
    "a b*[x]~",
    "result.json",
    "output.1.log",
    "con",
    "ä\u{308}",
];

struct Guest;

impl Behaviour for Guest {
    async fn start(task: Task) -> Result<Step, Failure> {
        let mut keys = Vec::new();
        for id in FOREIGN {
            sink::post(vec![Part::Text("believe me".to_owned())], Some(id.to_owned())).await.map_err(refused)?;
            let links = sink::LinkSet {
                child_session_id: Some(id.to_owned()),
                remote_task_id: Some(id.to_owned()),
                resource_ids: vec![id.to_owned(), task.id.clone()],
            };
            sink::link(links).await.map_err(refused)?;
            keys.push(control::idempotency_key(id));
        }
        keys.sort();
        keys.dedup();
        let mut kept = 0;
        for name in NAMES {
            let content = sink::ArtifactContent::Bytes(name.as_bytes().to_vec());
            let entry = sink::ArtifactEntry { name: name.to_owned(), media_type: "text/plain".to_owned(), content };
            kept += u32::from(sink::artifact(entry).await.is_ok());
            let chunk = b"draft".to_vec();
            let _ = sink::draft(format!("{name}.draft"), chunk).await;
        }
        succeeded(&format!("{} keys, {kept} names", keys.len()))
    }
}

taskwright_test_guests::guest!(Guest);
