//! What attempts have consumed.
//! Does not limit anything: limits are the budget's.

use serde::{Deserialize, Serialize};

use crate::Dimension;
use crate::fence::is_zero;

/// Consumption of one instance, or of several together. What is zero is not written down: most of it is, of most tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Time on a CPU, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub cpu_ms: u64,
    /// Time for which an instance existed, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub wall_ms: u64,
    /// The largest sum of linear memories of one instance, in bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub memory_peak_bytes: u64,
    /// The largest sum of table elements of one instance.
    #[serde(skip_serializing_if = "is_zero")]
    pub table_peak_elements: u64,
    /// The most bytes that calls under way have carried at one time.
    #[serde(skip_serializing_if = "is_zero")]
    pub call_peak_bytes: u64,
    /// The largest checkpoint, in bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub checkpoint_peak_bytes: u64,
    /// The most that lay in the task's own folder at one time, in bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub file_peak_bytes: u64,
    /// Calls from the guest into the host.
    #[serde(skip_serializing_if = "is_zero")]
    pub host_calls: u64,
    /// Bytes of output.
    #[serde(skip_serializing_if = "is_zero")]
    pub output_bytes: u64,
    /// Bytes of artifacts and drafts.
    #[serde(skip_serializing_if = "is_zero")]
    pub artifact_bytes: u64,
    /// Messages and questions sent.
    #[serde(skip_serializing_if = "is_zero")]
    pub messages: u64,
    /// The most files, folders and listings that were open at one time.
    #[serde(skip_serializing_if = "is_zero")]
    pub open_files_peak: u64,
    /// What reports made the store write.
    #[serde(skip_serializing_if = "is_zero")]
    pub record_bytes: u64,
    /// Requests over HTTP.
    #[serde(skip_serializing_if = "is_zero")]
    pub http_requests: u64,
    /// Bytes of requests over HTTP and of their responses.
    #[serde(skip_serializing_if = "is_zero")]
    pub http_bytes: u64,
    /// Child tasks created.
    #[serde(skip_serializing_if = "is_zero")]
    pub children: u64,
    /// Instances made.
    #[serde(skip_serializing_if = "is_zero")]
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
            table_peak_elements: self.table_peak_elements.max(other.table_peak_elements),
            call_peak_bytes: self.call_peak_bytes.max(other.call_peak_bytes),
            checkpoint_peak_bytes: self.checkpoint_peak_bytes.max(other.checkpoint_peak_bytes),
            file_peak_bytes: self.file_peak_bytes.max(other.file_peak_bytes),
            open_files_peak: self.open_files_peak.max(other.open_files_peak),
            record_bytes: self.record_bytes.saturating_add(other.record_bytes),
            host_calls: self.host_calls.saturating_add(other.host_calls),
            output_bytes: self.output_bytes.saturating_add(other.output_bytes),
            artifact_bytes: self.artifact_bytes.saturating_add(other.artifact_bytes),
            messages: self.messages.saturating_add(other.messages),
            http_requests: self.http_requests.saturating_add(other.http_requests),
            http_bytes: self.http_bytes.saturating_add(other.http_bytes),
            children: self.children.saturating_add(other.children),
            instances: self.instances.saturating_add(other.instances),
        }
    }

    /// What was used of a dimension: its sum, or its peak. `None` where it is not measured: rates, and what the engine
    /// alone counts.
    #[must_use]
    pub const fn get(&self, dimension: Dimension) -> Option<u64> {
        Some(match dimension {
            Dimension::Memory => self.memory_peak_bytes,
            Dimension::TableElements => self.table_peak_elements,
            Dimension::CallBytes => self.call_peak_bytes,
            Dimension::HostCalls => self.host_calls,
            Dimension::Cpu => self.cpu_ms,
            Dimension::Wall => self.wall_ms,
            Dimension::OutputBytes => self.output_bytes,
            Dimension::ArtifactBytes => self.artifact_bytes,
            Dimension::Messages => self.messages,
            Dimension::CheckpointBytes => self.checkpoint_peak_bytes,
            Dimension::FileBytes => self.file_peak_bytes,
            Dimension::OpenFiles => self.open_files_peak,
            Dimension::RecordBytes => self.record_bytes,
            Dimension::HttpRequests => self.http_requests,
            Dimension::HttpBytes => self.http_bytes,
            Dimension::Children => self.children,
            Dimension::Instances | Dimension::Handles | Dimension::HostCallRate => return None,
        })
    }

    /// Sets what was used of a dimension; of one that is not measured nothing is kept.
    pub(crate) const fn set(&mut self, dimension: Dimension, used: u64) {
        match dimension {
            Dimension::Memory => self.memory_peak_bytes = used,
            Dimension::TableElements => self.table_peak_elements = used,
            Dimension::CallBytes => self.call_peak_bytes = used,
            Dimension::HostCalls => self.host_calls = used,
            Dimension::Cpu => self.cpu_ms = used,
            Dimension::Wall => self.wall_ms = used,
            Dimension::OutputBytes => self.output_bytes = used,
            Dimension::ArtifactBytes => self.artifact_bytes = used,
            Dimension::Messages => self.messages = used,
            Dimension::CheckpointBytes => self.checkpoint_peak_bytes = used,
            Dimension::FileBytes => self.file_peak_bytes = used,
            Dimension::OpenFiles => self.open_files_peak = used,
            Dimension::RecordBytes => self.record_bytes = used,
            Dimension::HttpRequests => self.http_requests = used,
            Dimension::HttpBytes => self.http_bytes = used,
            Dimension::Children => self.children = used,
            Dimension::Instances | Dimension::Handles | Dimension::HostCallRate => {}
        }
    }
}
