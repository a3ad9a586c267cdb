//! Identifiers: sessions, tasks, messages, input requests and hosts.
//! Does not draw random bits: whoever makes an id passes them in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A text that is not an identifier of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no {what}: expected {expected}")]
pub struct InvalidId {
    /// Which sort of id was expected.
    pub what: &'static str,
    /// What such an id looks like.
    pub expected: &'static str,
    /// What was given, cut to 80 characters.
    pub given: String,
}

impl InvalidId {
    pub(crate) fn new(what: &'static str, expected: &'static str, given: &str) -> Self {
        Self { what, expected, given: crate::clean_line(given, 80) }
    }
}

fn time_ordered(now: Timestamp, random: [u8; 10]) -> uuid::Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// A new id that sorts after those made earlier. `random` must come from a good source.
            #[must_use]
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                Self(format!(concat!($prefix, "{}"), time_ordered(now, random).simple()))
            }

            /// As `new`, but certain to sort after `last`, whatever the clock and the random bits say.
            #[must_use]
            pub fn after(last: Option<&Self>, now: Timestamp, random: [u8; 10]) -> Self {
                let fresh = Self::new(now, random);
                match last {
                    Some(last) if fresh <= *last => {
                        let number = u128::from_str_radix(&last.0[$prefix.len()..], 16).unwrap_or(u128::MAX);
                        Self(format!(concat!($prefix, "{:032x}"), number.saturating_add(1)))
                    }
                    _ => fresh,
                }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let is_hex = |rest: &str| {
                    rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                };
                match text.strip_prefix($prefix) {
                    Some(rest) if is_hex(rest) => Ok(Self(text.to_owned())),
                    _ => Err(InvalidId::new(
                        $what,
                        concat!("`", $prefix, "` and 32 lower-case hexadecimal digits"),
                        text,
                    )),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

prefixed_id!(
    /// A task: `task_` and 32 hexadecimal digits of a UUIDv7, so that ids sort by creation.
    TaskId, "task_", "task id"
);

impl TaskId {
    /// What the ids begin with that a text may be the beginning of: hexadecimal digits, with or without `task_`. None for any other
    /// text.
    #[must_use]
    pub fn prefix(text: &str) -> Option<String> {
        let hex = text.strip_prefix("task_").unwrap_or(text);
        let digits = (1..=32).contains(&hex.len()) && hex.bytes().all(|b| b.is_ascii_hexdigit());
        digits.then(|| format!("task_{}", hex.to_ascii_lowercase()))
    }

    /// Whether a word reads like the beginning of a task's id: `task_` and hexadecimal digits, or eight and more of those, which
    /// are those of a time. No task has such a name.
    #[must_use]
    pub fn begins_like_one(word: &str) -> bool {
        let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
        let word = word.to_ascii_lowercase();
        word.strip_prefix("task_").is_some_and(hex) || word.len() >= 8 && hex(&word)
    }
}
prefixed_id!(
    /// A message: `tmsg_` and 32 hexadecimal digits of a UUIDv7.
    MessageId, "tmsg_", "message id"
);
prefixed_id!(
    /// A question to the session: `inreq_` and 32 hexadecimal digits of a UUIDv7.
    InputRequestId, "inreq_", "input request id"
);
prefixed_id!(
    /// One boot of one host process: `host_` and 32 hexadecimal digits of a UUIDv7.
    HostId, "host_", "host id"
);

/// The owner of tasks: 1 to 128 bytes of letters, digits and `_ - . : @ /`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(String);

impl SessionId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-.:@/".contains(&b);
        if (1..=crate::limit::SESSION_ID_BYTES).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::new("session id", "1 to 128 bytes of letters, digits and `_-.:@/`", text))
        }
    }
}

impl TryFrom<String> for SessionId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> String {
        id.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
