//! `external ask`: a question to the session.
//! Does not wait for the answer: `external messages` does.

use anyhow::{Context as _, Result};
use serde_json::json;
use taskwright_registry::Schema;

use super::{Context, hold};
use crate::cli::AskArgs;
use crate::exit_code::{Exit, refused};
use crate::json_argument::json_argument;

/// `external ask`.
pub(super) async fn ask(context: &Context, args: AskArgs) -> Result<Exit> {
    let expected = match &args.expected {
        Some(given) => {
            let schema = Schema::new(json_argument("--expected", given)?);
            Some(schema.map_err(|error| refused(format!("--expected: {error}")))?)
        }
        None => None,
    };
    let task = hold(context, context.home.open().await?, &args.token).await?;
    let question = task.sink().request_input(args.prompt, expected).await.context("the question")?;
    if context.out.is_json() {
        context.out.json(&json!({"question": question}))?;
    } else {
        context.out.line(&question)?;
        context.out.notice("the answer comes as a message: `taskwright external messages TOKEN --take --timeout 60s`");
    }
    Ok(Exit::Succeeded)
}
