//! Questions to the session, and the wait for their answers.
//! It does not check answers against a schema: the host does that before it delivers one.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cancel::{Canceled, unless_canceled};
use crate::host;
use crate::instance::Instance;
use crate::message::Message;
use crate::refusal::Refusal;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The host refused the question.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The session canceled the task rather than answer.
    #[error(transparent)]
    Canceled(#[from] Canceled),
    /// The answer is not of the type that the kind asked for.
    #[error("the answer to `{prompt}` does not fit: {why}")]
    Unfit {
        /// The question.
        prompt: String,
        /// What is wrong with the answer.
        why: String,
    },
}

/// Closes a question when its wait ends, whichever way.
struct Open<'a> {
    instance: &'a Instance,
    id: &'a str,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.instance.close(self.id);
    }
}

/// Ends the time in which answers are kept because an id is not known yet, also if the question is given up.
struct Asking<'a>(&'a Instance);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.end_asking();
    }
}

/// Asks unless the question has been asked already, and waits for the answer.
pub(crate) async fn ask(instance: &Instance, prompt: &str, expected: Option<&Value>) -> Result<Message, AskError> {
    let pending = instance.take_pending(prompt);
    if pending.is_none()
        && let Some(answer) = instance.earlier_answer()
    {
        return Ok(answer);
    }
    let id = match pending {
        Some(pending) => pending.id,
        None => {
            instance.begin_asking();
            let _asking = Asking(instance);
            host::request_input(prompt.to_owned(), expected.map(Value::to_string)).await?
        }
    };
    instance.open(&id);
    let _open = Open { instance, id: &id };
    Ok(unless_canceled(instance, instance.wait_for(|instance| instance.answer_to(&id))).await?)
}

/// The same, with the schema of a type as what is expected.
pub(crate) async fn ask_for<T>(instance: &Instance, prompt: &str) -> Result<T, AskError>
where
    T: DeserializeOwned + JsonSchema,
{
    let expected = schemars::schema_for!(T).to_value();
    let answer = ask(instance, prompt, Some(&expected)).await?;
    answer.parse().map_err(|error| AskError::Unfit { prompt: prompt.to_owned(), why: error.to_string() })
}
