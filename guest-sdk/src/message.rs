//! What goes between a session and a task: messages, their parts, and questions.
//! It does not queue anything: the inbox does.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// One part of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Plain text.
    Text(String),
    /// Anything else, as JSON.
    Data(Value),
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Value> for Part {
    fn from(data: Value) -> Self {
        Self::Data(data)
    }
}

/// A message from the session to the task.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// `tmsg_` and 32 hexadecimal digits.
    pub id: String,
    /// What it says.
    pub parts: Vec<Part>,
    /// The id of the input request or message that it answers.
    pub in_reply_to: Option<String>,
    /// Milliseconds since 1970, by the host's clock.
    pub created_at: u64,
}

impl Message {
    /// Its texts, one a line. A message that has no text but one piece of data gives that: a string as it is, anything
    /// else as JSON.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.parts.iter().filter_map(Part::as_text).collect();
        match (texts.as_slice(), self.data()) {
            ([], Some(Value::String(text))) => text.clone(),
            ([], Some(data)) => data.to_string(),
            (texts, _) => texts.join("\n"),
        }
    }

    /// Its first piece of data.
    pub fn data(&self) -> Option<&Value> {
        self.parts.iter().find_map(Part::as_data)
    }

    /// It as a value: its data, else its text read as JSON, else its text as a string.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        if let Some(data) = self.data() {
            return serde_json::from_value(data.clone());
        }
        let text = self.text();
        serde_json::from_str(&text).or_else(|_| serde_json::from_value(Value::String(text)))
    }
}

impl Part {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Data(_) => None,
        }
    }

    /// The data, if it is some.
    pub fn as_data(&self) -> Option<&Value> {
        match self {
            Self::Text(_) => None,
            Self::Data(data) => Some(data),
        }
    }
}

/// A question to the session.
#[derive(Debug, Clone, PartialEq)]
pub struct InputRequest {
    /// `inreq_` and 32 hexadecimal digits; never used twice in a task's life.
    pub id: String,
    /// The question.
    pub prompt: String,
    /// JSON Schema that an answer must satisfy.
    pub expected: Option<Value>,
}

impl InputRequest {
    /// Whether an id is that of an input request rather than that of a message.
    pub(crate) fn owns(id: &str) -> bool {
        id.starts_with("inreq_")
    }
}
