//! The dimensions in which an attempt is limited: their names, and how each is counted.
//! Holds no figures: those are `Budget`'s and `Usage`'s.

use std::fmt;
use std::str::FromStr;

/// How what an attempt uses of a dimension is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// The most at one time. It comes back as soon as it is given back.
    Level,
    /// Summed over the attempt, and regained with time: a task that lives for months uses a share of it each day.
    Flow,
    /// Summed over the attempt for good.
    Sum,
    /// A rate. Going over it makes the guest wait and is no error.
    Rate,
}

/// What a figure of a dimension counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
    /// Things.
    Count,
}

macro_rules! dimensions {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:ident $counted:ident $unit:ident;)+) => {
        /// One dimension of a budget.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Dimension {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Dimension {
            /// All of them, in the order in which they are shown.
            pub const ALL: &[Dimension] = &[$(Dimension::$variant),+];

            /// The name that it has in budgets, errors and metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Dimension::$variant => stringify!($name),)+
                }
            }

            /// How its use is counted.
            #[must_use]
            pub const fn counted(self) -> Counted {
                match self {
                    $(Dimension::$variant => Counted::$counted,)+
                }
            }

            /// What its figures count.
            #[must_use]
            pub const fn unit(self) -> Unit {
                match self {
                    $(Dimension::$variant => Unit::$unit,)+
                }
            }
        }

        /// What one attempt may use. Every dimension is a `u64`; `u64::MAX` means no limit, and is left out where a budget
        /// is written as text.
        ///
        /// Memory, tables, instances, handles, bytes per call, host calls, CPU and wall time end the attempt when they are
        /// exceeded: a guest that goes over them is broken or hostile. The others refuse the call that would go over them,
        /// and the guest may go on. Flows are regained within a day ([`REGAIN`](crate::REGAIN)).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default = "Budget::unlimited", deny_unknown_fields)]
        pub struct Budget {
            $(
                $(#[doc = $doc])+
                #[serde(skip_serializing_if = "is_unlimited")]
                pub $name: u64,
            )+
        }

        impl Budget {
            /// No limit in any dimension; to be narrowed.
            pub const UNLIMITED: Budget = Budget { $($name: u64::MAX,)+ };

            /// The limit of one dimension.
            #[must_use]
            pub const fn get(&self, dimension: Dimension) -> u64 {
                match dimension {
                    $(Dimension::$variant => self.$name,)+
                }
            }

            /// Sets the limit of one dimension.
            pub const fn set(&mut self, dimension: Dimension, limit: u64) {
                match dimension {
                    $(Dimension::$variant => self.$name = limit,)+
                }
            }
        }
    };
}

dimensions! {
    /// Linear memory, summed over all memories of the instance.
    Memory memory_bytes Level Bytes;
    /// Elements, summed over all tables.
    TableElements table_elements Level Count;
    /// Core instances. A component of one language runtime has three to twenty.
    Instances instances Level Count;
    /// Component handles alive at one time.
    Handles handles Level Count;
    /// Bytes that one call from the guest into the host may carry.
    CallBytes call_bytes Level Bytes;
    /// Calls of the contract's functions and of WASI's that read or write.
    HostCalls host_calls Flow Count;
    /// How many of them per second; faster guests are made to wait.
    HostCallRate host_calls_per_second Rate Count;
    /// Time on a CPU in milliseconds, host calls that block included.
    Cpu cpu_ms Flow Milliseconds;
    /// Time for which instances exist, in milliseconds.
    Wall wall_ms Sum Milliseconds;
    /// Output, stdout and stderr together.
    OutputBytes output_bytes Flow Bytes;
    /// Artifacts and drafts.
    ArtifactBytes artifact_bytes Sum Bytes;
    /// Messages and questions to the session.
    Messages messages Flow Count;
    /// One checkpoint.
    CheckpointBytes checkpoint_bytes Level Bytes;
    /// What lies in the task's own folder.
    FileBytes file_bytes Level Bytes;
    /// Files, folders and listings of folders that are open at one time.
    OpenFiles open_files Level Count;
    /// What reports make the store write: the record as it is in each event, and what is reported.
    RecordBytes record_bytes Flow Bytes;
    /// Requests over HTTP, each redirect included.
    HttpRequests http_requests Flow Count;
    /// Bytes of requests over HTTP and of their responses, heads included.
    HttpBytes http_bytes Flow Bytes;
    /// Child tasks created.
    Children children Flow Count;
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_unlimited(limit: &u64) -> bool {
    *limit == u64::MAX
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no dimension.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no dimension `{actual}` of a budget; expected one of: {}", names())]
pub struct UnknownDimension {
    /// What was given.
    pub actual: String,
}

fn names() -> String {
    Dimension::ALL.iter().map(|dimension| dimension.as_str()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Dimension {
    type Err = UnknownDimension;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Dimension::ALL.iter().find(|dimension| dimension.as_str() == text);
        found.copied().ok_or_else(|| UnknownDimension { actual: crate::clean_line(text, 80) })
    }
}
