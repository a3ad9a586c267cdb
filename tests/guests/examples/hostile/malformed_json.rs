//! Gives the host a text that is no JSON, or far too deep or large for it, where its specification says, and then tells what
//! it was answered.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

/// What the specification asks for.
fn text(spec: &str) -> String {
    let has = |word: &str| spec.contains(word);
    if has("deep") {
        let depth = 100_000;
        return "[".repeat(depth) + &"]".repeat(depth);
    }
    if has("deep objects") {
        return "{\"a\":".repeat(100_000);
    }
    if has("numbers") {
        return format!("[{}1]", "1e15,".repeat(200_000));
    }
    if has("large") {
        return format!("\"{}\"", "x".repeat(2 << 20));
    }
    if has("huge number") {
        return "1e999999999".to_owned();
    }
    if has("half a surrogate") {
        return "\"\\ud800\"".to_owned();
    }
    "{\"a\":".to_owned()
}

impl Behaviour for Guest {
    async fn start(task: Task) -> Result<Step, Failure> {
        let text = text(&task.spec);
        if task.spec.contains("result") {
            return Ok(Step::Succeeded(Completion { summary: None, result: Some(text) }));
        }
        let refusal = if task.spec.contains("expected") {
            sink::request_input("?".to_owned(), Some(text)).await.err()
        } else {
            sink::post(vec![Part::Data(text)], None).await.err()
        };
        match refusal {
            Some(Refusal::Invalid(_)) => succeeded("invalid"),
            Some(Refusal::LimitExceeded(limit)) => succeeded(&limit.dimension),
            other => succeeded(&format!("{other:?}")),
        }
    }
}

taskwright_test_guests::guest!(Guest);
