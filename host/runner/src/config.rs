//! What an embedder can set about a runner as a whole.
//! Holds nothing about single kinds: that is `KindSettings`.

use std::time::Duration;

use taskwright_registry::LeaseLength;
use taskwright_sandbox::SandboxConfig;
use taskwright_store::SharedLimits;

/// Settings of a runner.
#[derive(Debug, Clone)]
pub struct RunnerConfig {
    /// How many tasks may be at work at one time. A task that hibernates or awaits input does not count.
    pub slots: usize,
    /// How many of them one session may have; three quarters, and all where there are fewer than four, if `None`. Whatever
    /// sessions have at work, another one's task is not kept waiting by one of them alone.
    pub session_slots: Option<usize>,
    /// How many tasks may be at work on all hosts together. All hosts of a store must be told the same.
    pub shared_limits: SharedLimits,
    /// How often progress is stored at most. It is always stored before the end.
    pub progress_interval: Duration,
    /// How many bytes of output a task's log keeps.
    pub output_log_bytes: u64,
    /// How many bytes of the disks of the store's file and of the session's files are kept free: below that, what guests report
    /// is refused as `unavailable`, and only the host's own writes go on. 256 MiB, or a hundredth of a smaller disk, if `None`.
    pub keep_free_bytes: Option<u64>,
    /// How long this host's lease lasts after each renewal. If it dies, its tasks go on within this and one second.
    pub lease: LeaseLength,
    /// How many attempts of one task the losses of hosts may use up. A task beyond it may be what takes its hosts down.
    pub crash_limit: u32,
    /// How long what is over is kept; for ever if `None`. Only a runner that serves forgets.
    pub retention: Option<Duration>,
    /// How long a drain lets tasks go on: those that can be started elsewhere until their next checkpoint at most, others
    /// until their end.
    pub drain_grace: Duration,
    /// The sandbox. It is set up when the first component is added; where one was given to the runner, these settings are
    /// not used.
    pub sandbox: SandboxConfig,
    /// Makes ids and the jitter of retries repeatable: the same seed gives the same ones in the same order, with the same
    /// version of this crate. For simulations and tests alone: whoever knows the seed knows the ids. `None` draws them from
    /// the operating system's randomness.
    pub seed: Option<u64>,
}

impl Default for RunnerConfig {
    /// 64 slots: guests wait far more than they compute. Progress every 100 ms, as fast as a person can see. Logs of 4 MiB,
    /// which a terminal can still show. Ten seconds to drain, as a cancel gets. A lease of ten seconds. Twenty crashes: more
    /// than a bad day of updates gives, fewer than a task that kills its host is worth. Thirty days to look back.
    /// Ids from the operating system.
    fn default() -> Self {
        Self {
            slots: 64,
            session_slots: None,
            shared_limits: SharedLimits::default(),
            progress_interval: Duration::from_millis(100),
            output_log_bytes: 4 * 1024 * 1024,
            keep_free_bytes: None,
            lease: LeaseLength::default(),
            crash_limit: 20,
            retention: Some(Duration::from_secs(30 * 86_400)),
            drain_grace: Duration::from_secs(10),
            sandbox: SandboxConfig::default(),
            seed: None,
        }
    }
}
