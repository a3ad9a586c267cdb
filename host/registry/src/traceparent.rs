//! The place in a trace that a task's creator is at, as W3C Trace Context writes it: `traceparent`.
//! Does not make spans or sample: a runner gives it to the spans of the task.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a `traceparent` of version 00 looks like, for messages.
const EXPECTED: &str = "00-<32 hexadecimal digits>-<16 hexadecimal digits>-<2 hexadecimal digits>, all lower-case, \
     the first two not all zeros";

/// A text that is no `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no traceparent: {problem}; expected {EXPECTED}. Leave it out where there is no trace")]
pub struct InvalidTraceParent {
    /// What is wrong.
    pub problem: &'static str,
    /// What was given, cut to 80 characters.
    pub given: String,
}

/// A valid `traceparent` in the form of version 00: 55 bytes.
///
/// Of a later version the fields that version 00 knows are kept, as the standard says; what follows them is dropped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceParent(String);

impl TraceParent {
    /// The text, as it is put into a header or an environment.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 32 digits that all spans of the trace share.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.0[3..35]
    }

    /// The 16 digits of the creator's own span.
    #[must_use]
    pub fn parent_id(&self) -> &str {
        &self.0[36..52]
    }

    /// Whether the creator says that the trace is recorded.
    #[must_use]
    pub fn sampled(&self) -> bool {
        u8::from_str_radix(&self.0[53..], 16).is_ok_and(|flags| flags & 1 == 1)
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let refuse = |problem| Err(InvalidTraceParent { problem, given: crate::clean_line(text, 80) });
        let hex = |field: &str, len: usize| {
            field.len() == len && field.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let mut fields = text.split('-');
        let mut next = || fields.next().unwrap_or_default();
        let (version, trace, parent, flags) = (next(), next(), next(), next());
        if !hex(version, 2) || !hex(trace, 32) || !hex(parent, 16) || !hex(flags, 2) {
            return refuse("a field is missing, has another length, or another character");
        }
        if version == "ff" {
            return refuse("there is no version ff");
        }
        if version == "00" && fields.next().is_some() {
            return refuse("version 00 has four fields");
        }
        let zero = |field: &str| field.bytes().all(|b| b == b'0');
        if zero(trace) || zero(parent) {
            return refuse("an id is all zeros");
        }
        Ok(Self(format!("00-{trace}-{parent}-{flags}")))
    }
}

impl TryFrom<String> for TraceParent {
    type Error = InvalidTraceParent;

    fn try_from(text: String) -> Result<Self, InvalidTraceParent> {
        text.parse()
    }
}

impl From<TraceParent> for String {
    fn from(traceparent: TraceParent) -> String {
        traceparent.0
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_of_the_standard_is_read_and_written_as_it_is() {
        let read: TraceParent = GIVEN.parse().unwrap();
        assert_eq!(read.to_string(), GIVEN);
        let parts = (read.trace_id(), read.parent_id(), read.sampled());
        assert_eq!(parts, ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", true));
        assert_eq!(serde_json::from_value::<TraceParent>(serde_json::json!(GIVEN)).unwrap(), read);
    }

    #[test]
    fn of_a_later_version_what_is_known_is_kept() {
        for later in [GIVEN.replacen("00", "01", 1), format!("{}-more-of-it", GIVEN.replacen("00", "cc", 1))] {
            assert_eq!(later.parse::<TraceParent>().unwrap().as_str(), GIVEN, "{later}");
        }
    }

    #[test]
    fn what_is_malformed_is_refused_with_what_is_expected() {
        let zero_trace = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let zero_parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01";
        let upper = GIVEN.to_uppercase();
        let (longer, unknown) = (format!("{GIVEN}-00"), GIVEN.replacen("00", "ff", 1));
        let spaced = format!(" {GIVEN}");
        let wrong = ["", "00", &GIVEN[..54], &upper, &longer, &unknown, zero_trace, zero_parent, &spaced, "é-é-é-é"];
        for given in wrong {
            let error = given.parse::<TraceParent>().unwrap_err();
            assert!(error.to_string().contains("expected 00-"), "{given}: {error}");
        }
        assert!(serde_json::from_str::<TraceParent>("\"no\"").is_err());
    }
}
