//! What one attempt may use: every dimension in one struct.
//! Does not count anything: that is `meter` and `memory_limit`.

use taskwright_registry::{Usage, limit};

/// The limits of one attempt. Every dimension is a `u64`; `u64::MAX` means no limit.
///
/// Memory, tables, instances, handles, bytes per call, host calls, CPU and wall time end the attempt when they are
/// exceeded: a guest that goes over them is broken or hostile. The others refuse the call that would go over them, and
/// the guest may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Linear memory, summed over all memories of the instance.
    pub memory_bytes: u64,
    /// Elements, summed over all tables.
    pub table_elements: u64,
    /// Core instances. A component of one language runtime has three to twenty.
    pub instances: u64,
    /// Component handles alive at one time.
    pub handles: u64,
    /// Bytes that one call from the guest into the host may carry.
    pub call_bytes: u64,
    /// Calls of the contract's functions, and writes to stdout and stderr.
    pub host_calls: u64,
    /// How many of them per second; faster guests are made to wait.
    pub host_calls_per_second: u64,
    /// Time on a CPU in milliseconds, host calls that block included.
    pub cpu_ms: u64,
    /// Time for which the instance exists, in milliseconds.
    pub wall_ms: u64,
    /// Output, stdout and stderr together.
    pub output_bytes: u64,
    /// Artifacts and drafts.
    pub artifact_bytes: u64,
    /// Messages and questions to the session.
    pub messages: u64,
    /// One checkpoint.
    pub checkpoint_bytes: u64,
}

/// Enough for a Python runtime with some data; a Rust guest needs two.
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

impl Default for Budget {
    /// For a well-behaved background tool on a shared machine; each figure has its reason beside its constant.
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
        }
    }
}

impl Budget {
    /// No limit in any dimension; to be narrowed.
    pub const UNLIMITED: Budget = Budget {
        memory_bytes: u64::MAX,
        table_elements: u64::MAX,
        instances: u64::MAX,
        handles: u64::MAX,
        call_bytes: u64::MAX,
        host_calls: u64::MAX,
        host_calls_per_second: u64::MAX,
        cpu_ms: u64::MAX,
        wall_ms: u64::MAX,
        output_bytes: u64::MAX,
        artifact_bytes: u64::MAX,
        messages: u64::MAX,
        checkpoint_bytes: u64::MAX,
    };

    /// The smaller of both in every dimension.
    #[must_use]
    pub fn narrowed_by(&self, other: &Budget) -> Budget {
        Budget {
            memory_bytes: self.memory_bytes.min(other.memory_bytes),
            table_elements: self.table_elements.min(other.table_elements),
            instances: self.instances.min(other.instances),
            handles: self.handles.min(other.handles),
            call_bytes: self.call_bytes.min(other.call_bytes),
            host_calls: self.host_calls.min(other.host_calls),
            host_calls_per_second: self.host_calls_per_second.min(other.host_calls_per_second),
            cpu_ms: self.cpu_ms.min(other.cpu_ms),
            wall_ms: self.wall_ms.min(other.wall_ms),
            output_bytes: self.output_bytes.min(other.output_bytes),
            artifact_bytes: self.artifact_bytes.min(other.artifact_bytes),
            messages: self.messages.min(other.messages),
            checkpoint_bytes: self.checkpoint_bytes.min(other.checkpoint_bytes),
        }
    }

    /// What is left for a further instance of the same attempt after earlier ones have used this much.
    #[must_use]
    pub fn remaining(&self, used: &Usage) -> Budget {
        Budget {
            host_calls: self.host_calls.saturating_sub(used.host_calls),
            cpu_ms: self.cpu_ms.saturating_sub(used.cpu_ms),
            wall_ms: self.wall_ms.saturating_sub(used.wall_ms),
            output_bytes: self.output_bytes.saturating_sub(used.output_bytes),
            artifact_bytes: self.artifact_bytes.saturating_sub(used.artifact_bytes),
            messages: self.messages.saturating_sub(used.messages),
            ..*self
        }
    }
}
