//! Drafts an artifact in two chunks, publishes it, and leaves two more, links and a checkpoint.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        let entry = |name: &str, content| sink::ArtifactEntry {
            name: name.to_owned(),
            media_type: "text/plain".to_owned(),
            content,
        };
        sink::draft("log.txt".to_owned(), b"one".to_vec()).await.map_err(refused)?;
        sink::draft("log.txt".to_owned(), b"two".to_vec()).await.map_err(refused)?;
        sink::artifact(entry("log.txt", sink::ArtifactContent::Draft)).await.map_err(refused)?;
        sink::artifact(entry("raw.bin", sink::ArtifactContent::Bytes(vec![1, 2, 3]))).await.map_err(refused)?;
        let url = sink::ArtifactContent::Url("https://example.org/x".to_owned());
        sink::artifact(entry("elsewhere", url)).await.map_err(refused)?;
        let links = sink::LinkSet {
            child_session_id: Some("child".to_owned()),
            remote_task_id: None,
            resource_ids: vec!["a".to_owned(), "b".to_owned()],
        };
        sink::link(links).await.map_err(refused)?;
        sink::checkpoint(b"here".to_vec()).await.map_err(refused)?;
        let id = sink::request_input("Go on?".to_owned(), Some("{\"type\":\"boolean\"}".to_owned()))
            .await
            .map_err(refused)?;
        succeeded(&id)
    }
}

taskwright_test_guests::guest!(Guest);
