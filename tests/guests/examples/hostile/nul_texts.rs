//! Puts U+0000, for which some databases have no room, into all JSON and all bytes that it hands over.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

const DATA: &str = r#"{"a\u0000b":"c\u0000d","\u0000":["\u0000"]}"#;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        sink::post(vec![Part::Data(DATA.to_owned()), Part::Text("a\0b".to_owned())], None).await.map_err(refused)?;
        let expected = r#"{"const":"\u0000","title":"\u0000"}"#.to_owned();
        sink::request_input("a\0b".to_owned(), Some(expected)).await.map_err(refused)?;
        sink::checkpoint(vec![0; 1_000]).await.map_err(refused)?;
        let content = sink::ArtifactContent::Bytes(vec![0; 1_000]);
        let entry = sink::ArtifactEntry { name: "zeros".to_owned(), media_type: "text/plain".to_owned(), content };
        sink::artifact(entry).await.map_err(refused)?;
        sink::output("a\0b\n".to_owned()).await.map_err(refused)?;
        Ok(Step::Succeeded(Completion { summary: Some("a\0b".to_owned()), result: Some(DATA.to_owned()) }))
    }
}

taskwright_test_guests::guest!(Guest);
