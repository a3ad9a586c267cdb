//! What an attempt may use: the operator's default, how limits meet, and what is left after some of it was used.
//! Does not count or enforce anything: the sandbox does.

use chrono::TimeDelta;

use crate::{Budget, Counted, Dimension, Usage, limit};

/// Within what time a flow that was used up is regained, evenly. A day: an attempt that never ends may use its budget once
/// and then as much again in each day of its life, hibernating or not. So lying down buys a guest nothing, and a monitor
/// that lives for months does not starve.
pub const REGAIN: TimeDelta = TimeDelta::days(1);

/// Enough for a Python runtime with some data; a Rust guest needs two megabytes.
const MEMORY_BYTES: u64 = 256 << 20;
/// Ten times what a large language runtime's function table holds.
const TABLE_ELEMENTS: u64 = 100_000;
/// A Python component has about thirty.
const INSTANCES: u64 = 64;
/// Every open file, stream and pending call is one.
const HANDLES: u64 = 4_096;
/// Four times the largest result.
const CALL_BYTES: u64 = 4 << 20;
/// A report every millisecond for almost three hours.
const HOST_CALLS: u64 = 10_000_000;
/// More than a guest has reason to report, and far less than a core of the host can answer.
const HOST_CALLS_PER_SECOND: u64 = 20_000;
/// Ten minutes of a core: a search through a very large tree.
const CPU_MS: u64 = 600_000;
/// Thirty days: monitors are meant to stay, and a deadline is the creator's to set.
const WALL_MS: u64 = 30 * 24 * 3_600_000;
/// What a person can still scroll through, several times over.
const OUTPUT_BYTES: u64 = 64 << 20;
/// A full list of matches over a very large tree.
const ARTIFACT_BYTES: u64 = 256 << 20;
/// One every second for almost three hours; each may wake the session.
const MESSAGES: u64 = 10_000;
/// A checkout of a middling repository, and no more than a quarter of what artifacts may take.
const FILE_BYTES: u64 = 64 << 20;
/// A walk that holds each folder of a path sixty levels deep open and lists it, and as much again. Each is a descriptor of the
/// host.
const OPEN_FILES: u64 = 256;
/// Five small changes of the record each second all day, or a full checkpoint every half minute.
const RECORD_BYTES: u64 = 1 << 30;
/// A poll every nine seconds all day.
const HTTP_REQUESTS: u64 = 10_000;
/// A large download, or a day of polling pages of 25 KiB.
const HTTP_BYTES: u64 = 256 << 20;
/// More than a person could follow; a bomb of children stops here, and its depth is limited as well.
const CHILDREN: u64 = 100;

impl Default for Budget {
    /// For a well-behaved background tool on a laptop; each figure has its reason beside its constant.
    fn default() -> Self {
        Self {
            memory_bytes: MEMORY_BYTES,
            table_elements: TABLE_ELEMENTS,
            instances: INSTANCES,
            handles: HANDLES,
            call_bytes: CALL_BYTES,
            host_calls: HOST_CALLS,
            host_calls_per_second: HOST_CALLS_PER_SECOND,
            cpu_ms: CPU_MS,
            wall_ms: WALL_MS,
            output_bytes: OUTPUT_BYTES,
            artifact_bytes: ARTIFACT_BYTES,
            messages: MESSAGES,
            checkpoint_bytes: limit::CHECKPOINT_BYTES as u64,
            file_bytes: FILE_BYTES,
            open_files: OPEN_FILES,
            record_bytes: RECORD_BYTES,
            http_requests: HTTP_REQUESTS,
            http_bytes: HTTP_BYTES,
            children: CHILDREN,
        }
    }
}

impl Budget {
    /// `UNLIMITED`, for serde.
    pub(crate) fn unlimited() -> Self {
        Self::UNLIMITED
    }

    /// Whether nothing is limited.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        *self == Self::UNLIMITED
    }

    /// The smaller of both in every dimension.
    #[must_use]
    pub fn narrowed_by(&self, other: &Budget) -> Budget {
        let mut narrowed = *self;
        for &dimension in Dimension::ALL {
            narrowed.set(dimension, self.get(dimension).min(other.get(dimension)));
        }
        narrowed
    }

    /// The other's limit wherever it has one, this one's elsewhere: how an operator's word about one kind replaces the
    /// default, to either side.
    #[must_use]
    pub fn replaced_by(&self, other: &Budget) -> Budget {
        let mut replaced = *self;
        for &dimension in Dimension::ALL {
            if other.get(dimension) != u64::MAX {
                replaced.set(dimension, other.get(dimension));
            }
        }
        replaced
    }

    /// What is left for a further instance of the same attempt after earlier ones have used this much. Levels and rates are
    /// as they were: they belong to one instance at a time.
    #[must_use]
    pub fn remaining(&self, used: &Usage) -> Budget {
        let mut left = *self;
        for &dimension in Dimension::ALL {
            let limit = self.get(dimension);
            if matches!(dimension.counted(), Counted::Flow | Counted::Sum) && limit != u64::MAX {
                left.set(dimension, limit.saturating_sub(used.get(dimension).unwrap_or(0)));
            }
        }
        left
    }

    /// What counts of an attempt's consumption after a time in which nothing was used: flows are regained evenly within
    /// `REGAIN`, sums stay. A dimension without a limit has nothing to regain.
    #[must_use]
    pub fn regained(&self, used: &Usage, idle: TimeDelta) -> Usage {
        let idle_ms = u128::try_from(idle.num_milliseconds()).unwrap_or(0);
        let whole_ms = REGAIN.num_milliseconds().unsigned_abs().into();
        let mut counts = *used;
        for &dimension in Dimension::ALL {
            let limit = self.get(dimension);
            if dimension.counted() != Counted::Flow || limit == u64::MAX {
                continue;
            }
            if let Some(used) = used.get(dimension) {
                let back = u128::from(limit) * idle_ms.min(whole_ms) / whole_ms;
                counts.set(dimension, used.saturating_sub(u64::try_from(back).unwrap_or(u64::MAX)));
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_comes_back_with_time_and_a_sum_does_not() {
        let budget = Budget { cpu_ms: 1_000, artifact_bytes: 100, ..Budget::default() };
        let used = Usage { cpu_ms: 900, artifact_bytes: 60, memory_peak_bytes: 7, ..Usage::default() };
        assert_eq!(budget.remaining(&used).cpu_ms, 100);
        assert_eq!(budget.remaining(&used).artifact_bytes, 40);
        assert_eq!(budget.remaining(&used).memory_bytes, budget.memory_bytes);
        let later = budget.regained(&used, TimeDelta::hours(12));
        assert_eq!((later.cpu_ms, later.artifact_bytes, later.memory_peak_bytes), (400, 60, 7));
        assert_eq!(budget.regained(&used, TimeDelta::days(400)).cpu_ms, 0);
        assert_eq!(budget.regained(&used, TimeDelta::hours(-5)).cpu_ms, 900);
    }

    #[test]
    fn no_limit_stays_none_and_the_smaller_limit_wins() {
        let used = Usage { cpu_ms: 900, ..Usage::default() };
        assert_eq!(Budget::UNLIMITED.remaining(&used), Budget::UNLIMITED);
        assert_eq!(Budget::UNLIMITED.regained(&used, TimeDelta::days(2)), used);
        let asked = Budget { cpu_ms: 5, messages: u64::MAX - 1, ..Budget::UNLIMITED };
        let both = Budget::default().narrowed_by(&asked);
        assert_eq!((both.cpu_ms, both.messages), (5, Budget::default().messages));
    }

    #[test]
    fn as_text_a_budget_names_its_limits_alone_and_no_dimension_is_misspelt() {
        let text = serde_json::to_string(&Budget { cpu_ms: 5, ..Budget::UNLIMITED }).unwrap();
        assert_eq!(text, r#"{"cpu_ms":5}"#);
        let back: Budget = serde_json::from_str(&text).unwrap();
        assert_eq!(back.messages, u64::MAX);
        let wrong = serde_json::from_str::<Budget>(r#"{"cpu":5}"#).unwrap_err().to_string();
        assert!(wrong.contains("unknown field `cpu`"), "{wrong}");
        assert_eq!("http_bytes".parse(), Ok(Dimension::HttpBytes));
        assert!("http".parse::<Dimension>().unwrap_err().to_string().contains("http_requests"));
    }
}
