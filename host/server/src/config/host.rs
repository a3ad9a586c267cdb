//! `[host]`: what holds for the process as a whole.
//! Does not hold anything about kinds.

use std::num::{NonZeroU32, NonZeroUsize};

use serde::Deserialize;
use taskwright_runner::RunnerConfig;

use super::figure::{Keep, Lease, Size, Span};
use crate::duration;

/// The table `[host]`. What is absent has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HostConfig {
    /// Tasks at work at one time.
    pub(crate) slots: Option<NonZeroUsize>,
    /// How many of them one session may have.
    pub(crate) session_slots: Option<NonZeroUsize>,
    /// How many tasks of one session may be at work on all hosts together.
    pub(crate) session_limit: Option<NonZeroUsize>,
    /// How long a silent process keeps its tasks.
    pub(crate) lease: Option<Lease>,
    /// How long tasks are kept after their end.
    pub(crate) keep: Option<Keep>,
    /// How long a drain lets tasks go on.
    pub(crate) drain_grace: Option<Span>,
    /// How many lost hosts a task may have.
    pub(crate) max_crashes: Option<u32>,
    /// How often progress is stored at most.
    pub(crate) progress_interval: Option<Span>,
    /// What a task's log of output keeps.
    pub(crate) output_log: Option<Size>,
    /// What is kept free on the disks of records and files.
    pub(crate) keep_free: Option<Size>,
    /// Instances at one time.
    pub(crate) max_instances: Option<NonZeroU32>,
    /// Memory of all guests together.
    pub(crate) max_guest_memory: Option<Size>,
}

impl HostConfig {
    /// Puts what is said here in the place of the defaults.
    pub(crate) fn apply(&self, config: &mut RunnerConfig) {
        if let Some(slots) = self.slots {
            config.slots = slots.get();
        }
        if let Some(Lease(lease)) = self.lease {
            config.lease = lease;
        }
        match self.keep {
            Some(Keep(duration::Keep::For(time))) => config.retention = Some(time),
            Some(Keep(duration::Keep::Forever)) => config.retention = None,
            None => {}
        }
        if let Some(Span(time)) = self.drain_grace {
            config.drain_grace = time;
        }
        if let Some(crashes) = self.max_crashes {
            config.crash_limit = crashes;
        }
        if let Some(Span(time)) = self.progress_interval {
            config.progress_interval = time;
        }
        if let Some(Size(bytes)) = self.output_log {
            config.output_log_bytes = bytes;
        }
        if let Some(Size(bytes)) = self.keep_free {
            config.keep_free_bytes = Some(bytes);
        }
        if let Some(instances) = self.max_instances {
            config.sandbox.max_instances = instances.get();
        }
        if let Some(Size(bytes)) = self.max_guest_memory {
            config.sandbox.guest_memory_bytes = bytes;
        }
        if self.session_slots.is_some() {
            config.session_slots = self.session_slots.map(NonZeroUsize::get);
        }
        if self.session_limit.is_some() {
            config.shared_limits.session = self.session_limit.map(NonZeroUsize::get);
        }
    }
}
