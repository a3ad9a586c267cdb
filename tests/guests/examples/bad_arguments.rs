//! Makes one call of each sort that must be refused, and writes down the refusals.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        let entry = |name: &str| sink::ArtifactEntry {
            name: name.to_owned(),
            media_type: "text/plain".to_owned(),
            content: sink::ArtifactContent::Draft,
        };
        let refusals = [
            sink::state(Some("x".repeat(257))).await,
            sink::post(vec![Part::Data("{".to_owned())], None).await.map(|_| ()),
            sink::post(Vec::new(), None).await.map(|_| ()),
            sink::request_input("?".to_owned(), Some("{\"type\":\"nonsense\"}".to_owned())).await.map(|_| ()),
            sink::draft("../up".to_owned(), vec![1]).await,
            sink::artifact(entry(".hidden")).await,
            sink::checkpoint(vec![0; 1 << 20]).await,
        ];
        let mut text = String::new();
        for refusal in refusals {
            text.push_str(&format!("{:?}\n", refusal.map_err(|refusal| refusal)));
        }
        sink::output(text).await.map_err(refused)?;
        succeeded("refused")
    }
}

taskwright_test_guests::guest!(Guest);
