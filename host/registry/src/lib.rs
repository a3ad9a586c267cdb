//! The pure core: what a session task is, and the one function that decides every change to it.
//! It knows no clock, no randomness, no store, no runtime and no WebAssembly: the caller passes `now` and random bits in.
//!
//! The rules are numbered in `docs/lifecycle.md`; comments cite them as `L7`.

mod budget;
mod cancel;
mod child;
mod create;
mod description;
mod dimension;
mod event;
mod external;
mod fence;
mod id;
mod idempotency_key;
mod invisible;
mod json;
mod key;
mod lease;
pub mod limit;
mod message;
mod plain_text;
mod policy;
mod provenance;
mod reattach;
mod recovery;
mod retry;
mod schema;
mod schema_weight;
mod session;
mod size;
mod state;
mod task;
mod traceparent;
mod transition;
mod update;
mod usage;
mod wake;
mod whole_characters;

pub use budget::REGAIN;
pub use cancel::{CancelEffect, request_cancel};
pub use child::{
    ChildLimits, GrantedWithin, NewChild, admit_child, check_numbers, child_ended, child_key, create_child, same_child,
};
pub use create::{NewTask, create, same_content};
pub use description::{Description, Want};
pub use dimension::{Budget, Counted, Dimension, Unit, UnknownDimension};
pub use event::{Event, EventBody};
pub use external::{AttemptToken, take_on};
pub use fence::{Fence, check_fence};
pub use id::{HostId, InputRequestId, InvalidId, MessageId, SessionId, TaskId};
pub use idempotency_key::idempotency_key;
pub use json::{InvalidJson, check_json, json_depth, parse_json};
pub use key::check_run;
pub use lease::{InvalidLeaseLength, Lease, LeaseLength};
pub use message::{Direction, Message, NewMessage, Part, Recorded, acknowledge, record_message, same_message};
pub use plain_text::{clean_json, clean_line, clean_text, quoted};
pub use policy::{CancelMode, CancelPolicy, ClosePolicy, Priority, Visibility, WakePolicy};
pub use provenance::{NotAuthentic, Provenance, WakeKey, WakeOrigin};
pub use reattach::Reattach;
pub use recovery::{ORPHANED, Recovery, settle_loss};
pub use retry::{Backoff, Failure, Retry, settle_failure};
pub use schema::{Schema, SchemaError, SchemaViolation};
pub use session::{
    CloseFate, CloseOrder, SessionOwner, SessionRecord, SessionRejection, SessionState, check_reason, close_fate,
    moved, open_session,
};
pub use size::check_progress;
pub use state::{State, UnknownState};
pub use task::{
    Artifact, Cancel, CheckpointInfo, Dispatch, HostRef, InputRequest, Lineage, Links, Phase, Progress, Task, TaskError,
};
pub use traceparent::{InvalidTraceParent, TraceParent};
pub use transition::{Applied, Held, Payloads, Rejection, apply};
pub use update::{DispatchChange, NewInputRequest, Supersede, TaskUpdate};
pub use usage::Usage;
pub use wake::{Wake, WakeCause, wake_text};
pub use whole_characters::whole_characters;

/// A point in time as the store's clock gave it, with a resolution of one millisecond.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
