//! Sizes and times as a person writes them in the configuration, or as plain numbers.
//! Does not know what they limit.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use taskwright_registry::{Dimension, LeaseLength, Unit};

use crate::duration;

/// Reads a span of time such as `10 s`, with or without the space.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let whole = text.trim();
    let digits = whole.find(|c: char| !c.is_ascii_digit()).unwrap_or(whole.len());
    let (number, unit) = whole.split_at(digits);
    duration::span(&format!("{number}{}", unit.trim_start())).map_err(|problem| {
        if problem.contains("at most") {
            return problem;
        }
        let text = taskwright_registry::clean_line(text, 40);
        format!("`{text}` is no span of time: expected a number with ms, s, m, h or d, such as \"10 s\"")
    })
}

/// Reads a size such as `256 MiB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    text.parse::<bytesize::ByteSize>().map(|size| size.as_u64()).map_err(|_| {
        let text = taskwright_registry::clean_line(text, 40);
        format!("`{text}` is no size: expected a number with B, KiB, MiB, GiB or TiB, such as \"256 MiB\"")
    })
}

/// Reads the limit of a dimension: a plain number counts in the dimension's own unit.
pub(crate) fn limit(dimension: Dimension, text: &str) -> Result<u64, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    match dimension.unit() {
        Unit::Bytes => size(text),
        Unit::Milliseconds => span(text).and_then(|span| {
            u64::try_from(span.as_millis()).map_err(|_| format!("`{text}` is longer than time can be counted"))
        }),
        Unit::Count => {
            let text = taskwright_registry::clean_line(text, 40);
            Err(format!("`{text}` is no number: `{dimension}` counts things"))
        }
    }
}

/// A number as it stands, or a text that is read.
struct Figure<T> {
    expected: &'static str,
    number: fn(u64) -> Result<T, String>,
    text: fn(&str) -> Result<T, String>,
}

impl<T> Visitor<'_> for Figure<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        (self.number)(number).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let number = u64::try_from(number).map_err(|_| E::custom(format!("{number} is negative")))?;
        (self.number)(number).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.text)(text).map_err(E::custom)
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Figure {
            expected: "a number of bytes or a size such as \"256 MiB\"",
            number: |bytes| Ok(Self(bytes)),
            text: |text| size(text).map(Self),
        })
    }
}

/// A span of time; a plain number counts seconds, as on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Figure {
            expected: "a number of seconds or a span of time such as \"10 s\"",
            number: |seconds| span(&format!("{seconds} s")).map(Self),
            text: |text| span(text).map(Self),
        })
    }
}

/// How long a lease lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease(pub(crate) LeaseLength);

impl<'de> Deserialize<'de> for Lease {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Span(span) = Span::deserialize(deserializer)?;
        LeaseLength::new(span).map(Self).map_err(D::Error::custom)
    }
}

/// How long tasks are kept after their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keep(pub(crate) duration::Keep);

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Figure {
            expected: "a number of seconds, a span of time such as \"30 d\", or \"forever\"",
            number: |seconds| Ok(Self(duration::Keep::For(Duration::from_secs(seconds)))),
            text: |text| match text {
                "forever" => Ok(Self(duration::Keep::Forever)),
                text => span(text).map(|span| Self(duration::Keep::For(span))),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_with_and_without_a_space() {
        assert_eq!((size("256 MiB"), size("1.5GiB"), size("10 kB")), (Ok(256 << 20), Ok(3 << 29), Ok(10_000)));
        assert_eq!(
            (span("10 s"), span("10s"), span("500 ms")),
            (Ok(Duration::from_secs(10)), Ok(Duration::from_secs(10)), Ok(Duration::from_millis(500)))
        );
        assert!(span("10").is_err(), "of what?");
        for wrong in ["", "many", "-1 B", "1 parsec"] {
            assert!(size(wrong).is_err_and(|error| error.contains("256 MiB")), "{wrong}");
            assert!(span(wrong).is_err_and(|error| error.contains("10 s")), "{wrong}");
        }
    }

    #[test]
    fn a_limit_is_read_in_the_unit_of_its_dimension() {
        assert_eq!(limit(Dimension::Memory, "1 MiB"), Ok(1 << 20));
        assert_eq!((limit(Dimension::Cpu, "2 s"), limit(Dimension::Cpu, "2")), (Ok(2_000), Ok(2)));
        assert_eq!(limit(Dimension::Messages, "12"), Ok(12));
        assert!(limit(Dimension::Messages, "12 s").is_err_and(|error| error.contains("messages")));
    }
}
