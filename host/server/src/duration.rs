//! Reads spans and points of time from the command line.
//! Does not know the time: spans stay spans.

use std::time::Duration;

use taskwright_registry::{LeaseLength, Timestamp, clean_line, limit};

/// Reads `500ms`, `30s`, `5m`, `2h` or `7d`; at most `limit::SPAN_DAYS`. A number without a unit is refused: what it means depends on
/// who reads it.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no span of time: expected a number with ms, s, m, h or d, such as 30s");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let milliseconds = match unit {
        "ms" => 1,
        "" => {
            return Err(format!(
                "`{text}` has no unit: expected one of ms, s, m, h or d behind the number, such as {number}s"
            ));
        }
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    // A span that is too long would have to stand for another one, or for none.
    let within = number.checked_mul(milliseconds).filter(|span| *span <= limit::SPAN_MS);
    within.map(Duration::from_millis).ok_or_else(|| {
        format!("`{}` is too long a span of time: at most {}d are allowed", clean_line(text, 40), limit::SPAN_DAYS)
    })
}

/// A time that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// So long after the task is created.
    In(Duration),
    /// At this time.
    At(Timestamp),
}

/// Reads a span, or a time as in RFC 3339.
pub(crate) fn when(text: &str) -> Result<When, String> {
    match chrono::DateTime::parse_from_rfc3339(text) {
        Ok(at) => Ok(When::At(at.to_utc())),
        Err(_) => span(text).map(When::In).map_err(|problem| match problem.contains("at most") {
            true => problem,
            false => {
                format!("`{text}` is no time: expected a span with its unit, such as 10m, or 2026-01-31T12:00:00Z")
            }
        }),
    }
}

/// Reads how long a lease lasts.
pub(crate) fn lease(text: &str) -> Result<LeaseLength, String> {
    LeaseLength::new(span(text)?).map_err(|error| error.to_string())
}

/// How long tasks are kept after their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// So long.
    For(Duration),
    /// Nothing is forgotten.
    Forever,
}

/// Reads a span, or `forever`.
pub(crate) fn keep(text: &str) -> Result<Keep, String> {
    if text == "forever" { Ok(Keep::Forever) } else { span(text).map(Keep::For) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units_and_overflow_is_no_span() {
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        for without in ["90", "0"] {
            assert!(span(without).is_err_and(|error| error.contains("has no unit")), "{without}");
            assert!(keep(without).is_err() && lease(without).is_err() && when(without).is_err(), "{without}");
        }
        assert_eq!(span("2h"), Ok(Duration::from_secs(7_200)));
        for wrong in ["", "s", "-1s", "1.5s", "3 s", "1w", "99999999999999999999s"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
        assert_eq!(span("365000d"), Ok(Duration::from_millis(limit::SPAN_MS)));
        for long in ["365001d", "100000000d", "18446744073709551615d"] {
            assert!(span(long).is_err_and(|error| error.contains("at most 365000d")), "{long}");
            assert!(when(long).is_err_and(|error| error.contains("at most 365000d")), "{long}");
        }
    }

    #[test]
    fn a_lease_has_bounds_and_keeping_may_have_none() {
        assert!(lease("500ms").is_err_and(|error| error.contains("1s")));
        assert!(lease("2s").is_ok());
        assert_eq!((keep("forever"), keep("1d")), (Ok(Keep::Forever), Ok(Keep::For(Duration::from_secs(86_400)))));
        assert!(keep("never").is_err());
    }

    #[test]
    fn a_deadline_is_a_span_or_a_time() {
        assert_eq!(when("10m"), Ok(When::In(Duration::from_secs(600))));
        assert!(matches!(when("2030-01-31T12:00:00+01:00"), Ok(When::At(_))));
        assert!(when("tomorrow").is_err());
    }
}
