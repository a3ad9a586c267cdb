//! What attempts have consumed.
//! Does not limit anything: limits are the sandbox's budget.

use serde::{Deserialize, Serialize};

/// Consumption of one instance, or of all instances of a task together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Time on a CPU, in milliseconds.
    pub cpu_ms: u64,
    /// Time for which an instance existed, in milliseconds.
    pub wall_ms: u64,
    /// The largest sum of linear memories of one instance, in bytes.
    pub memory_peak_bytes: u64,
    /// Calls from the guest into the host.
    pub host_calls: u64,
    /// Bytes of output.
    pub output_bytes: u64,
    /// Bytes of artifacts and drafts.
    pub artifact_bytes: u64,
    /// Messages and questions sent.
    pub messages: u64,
    /// Instances made.
    pub instances: u64,
}

impl Usage {
    /// Both together: sums, and the larger of the peaks.
    #[must_use]
    pub fn plus(self, other: Usage) -> Usage {
        Usage {
            cpu_ms: self.cpu_ms.saturating_add(other.cpu_ms),
            wall_ms: self.wall_ms.saturating_add(other.wall_ms),
            memory_peak_bytes: self.memory_peak_bytes.max(other.memory_peak_bytes),
            host_calls: self.host_calls.saturating_add(other.host_calls),
            output_bytes: self.output_bytes.saturating_add(other.output_bytes),
            artifact_bytes: self.artifact_bytes.saturating_add(other.artifact_bytes),
            messages: self.messages.saturating_add(other.messages),
            instances: self.instances.saturating_add(other.instances),
        }
    }
}
