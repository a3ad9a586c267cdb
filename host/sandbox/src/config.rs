//! What an embedder can set about a sandbox as a whole.
//! Holds nothing about single kinds or attempts.

use std::path::PathBuf;

use crate::{Budget, CompileLimits, Compiler, ComponentLimits, HttpConfig, ProtectedPaths};

/// Where instances get their memory and stacks from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allocation {
    /// From a pool that is reserved at the start, or on demand where the address space for the pool cannot be had.
    #[default]
    PoolingOrOnDemand,
    /// From the pool alone.
    Pooling,
    /// Each instance maps its own. Slower to start, and without a cap on their number in the engine itself.
    OnDemand,
}

/// Room for some thousand small kinds, or a dozen and more in Python.
const CACHE_BYTES: u64 = 2 << 30;

/// Settings of a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where compiled code is kept; `None` compiles anew in each process.
    pub cache_dir: Option<PathBuf>,
    /// Bytes that compiled code may take there; the oldest goes first. What was compiled last is kept in any case.
    pub cache_bytes: u64,
    /// What no grant leads to, beside `cache_dir`, which is added when the sandbox is set up.
    pub protected: ProtectedPaths,
    /// How many instances there may be at one time.
    pub max_instances: u32,
    /// How much memory they may have together, in bytes: their linear memories, their stacks, and what the host keeps for each.
    /// Who wants more waits; guests of one owner get three quarters of it at most.
    pub guest_memory_bytes: u64,
    /// How many descriptors they may have open together; as many as the process may open less what the host needs itself, if
    /// `None`. Guests of one owner get three quarters of them at most, and an open beyond that is refused.
    pub open_files: Option<u64>,
    /// How many instances with folders there may be at one time: each has a thread. Who wants one more waits; those of one
    /// owner get three quarters at most.
    pub file_threads: u32,
    /// Where their memory comes from.
    pub allocation: Allocation,
    /// What an attempt may use at most, whatever its kind wishes.
    pub budget: Budget,
    /// How large a component may be.
    pub component_limits: ComponentLimits,
    /// Where components are compiled.
    pub compiler: Compiler,
    /// What compiling one of them may cost.
    pub compile_limits: CompileLimits,
    /// Requests over HTTP, of those kinds that are granted any.
    pub http: HttpConfig,
}

/// A quarter of a laptop with 16 GiB; two thousand small guests need less than half of it, most of it for stacks.
const GUEST_MEMORY_BYTES: u64 = 4 << 30;

/// Eight for each task at work of a host with the usual slots, and a small part of what a system lets one user have.
const FILE_THREADS: u32 = 512;

impl Default for SandboxConfig {
    /// No cache, and 2,000 instances: that many reserve eight terabytes of the address space, and memory only as they
    /// use it. Compiles in this process; see `Compiler` for why a program that loads kinds of others should change that.
    fn default() -> Self {
        Self {
            cache_dir: None,
            cache_bytes: CACHE_BYTES,
            protected: ProtectedPaths::default(),
            max_instances: 2_000,
            guest_memory_bytes: GUEST_MEMORY_BYTES,
            open_files: None,
            file_threads: FILE_THREADS,
            allocation: Allocation::default(),
            budget: Budget::default(),
            component_limits: ComponentLimits::default(),
            compiler: Compiler::default(),
            compile_limits: CompileLimits::default(),
            http: HttpConfig::default(),
        }
    }
}
