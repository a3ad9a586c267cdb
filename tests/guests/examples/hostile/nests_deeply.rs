//! Gives the host JSON of every depth up to a hundred and thirty wherever it takes some, and tells how deep was accepted.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

/// Lists in lists.
fn deep(levels: usize) -> String {
    format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
}

/// A schema that nests as deep.
fn schema(levels: usize) -> String {
    format!("{}{{}}{}", "{\"not\":".repeat(levels - 1), "}".repeat(levels - 1))
}

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        let (mut posted, mut asked) = (0, 0);
        for levels in 1..=130 {
            if sink::post(vec![Part::Data(deep(levels))], None).await.is_ok() {
                posted = levels;
            }
            if sink::request_input("?".to_owned(), Some(schema(levels))).await.is_ok() {
                asked = levels;
            }
        }
        let summary = Some(format!("posted {posted}, asked {asked}"));
        Ok(Step::Succeeded(Completion { summary, result: Some(deep(64)) }))
    }
}

taskwright_test_guests::guest!(Guest);
