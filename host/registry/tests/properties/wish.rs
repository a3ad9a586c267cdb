//! What writers may want, in terms that make sense at any point of a life: "the current fence", "the question before".
//! Does not know a task: `life` makes a command of a wish.

use proptest::prelude::*;
use taskwright_registry::{CancelMode, Recovery, State, WakePolicy};

/// How the task begins.
#[derive(Debug, Clone)]
pub(crate) struct Birth {
    pub(crate) wake_policy: WakePolicy,
    pub(crate) cancel_mode: CancelMode,
    pub(crate) max_attempts: u32,
    pub(crate) deadline_ms: Option<i64>,
    pub(crate) attempt_timeout_ms: Option<u64>,
    pub(crate) recovery: Recovery,
    pub(crate) hidden: bool,
    pub(crate) takes_messages: bool,
}

/// Whose fence a write carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    Current,
    Host,
    /// The holder of an earlier claim or attempt.
    Straggler,
    /// Numbers that have not been given yet.
    Impostor,
    /// The holder of another task that had the id.
    Namesake,
}

/// What a message claims to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Nothing,
    Open,
    Older,
}

/// What happens to the instance.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Leave {
    /// Until when, and how many unread messages the instance was offered and left alone.
    Hibernate(Option<i64>, u32),
    Release,
}

/// What an update asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) state: Option<State>,
    pub(crate) detail: Option<Option<u8>>,
    pub(crate) progress: Option<u8>,
    pub(crate) question: Option<bool>,
    pub(crate) summary: Option<u8>,
    pub(crate) result: Option<u8>,
    pub(crate) artifacts: u8,
    pub(crate) links: Vec<u8>,
    pub(crate) error: bool,
    pub(crate) checkpoint: Option<u8>,
    pub(crate) retry_in: Option<i64>,
    pub(crate) reattach: bool,
    pub(crate) leave: Option<Leave>,
    pub(crate) cancel_delivered: bool,
    pub(crate) heartbeat: bool,
    /// What the instance has used, of a flow and of a sum.
    pub(crate) used: u16,
    pub(crate) reported: bool,
    pub(crate) too_large: bool,
}

/// One thing that somebody wants.
#[derive(Debug, Clone)]
pub(crate) enum Wish {
    Update(Writer, Box<Ask>),
    /// With this code.
    Claim(Option<u8>),
    Cancel(u8),
    Inbound(Reply, bool),
    Outbound(Writer, Reply),
    Take(Writer),
    FailAttempt(Writer),
    /// Somebody takes on work that is done elsewhere.
    TakeOn,
    /// The host is gone; so many crashes are too many.
    LoseHost(u32),
    /// The clock goes on, or back.
    Pass(i64),
}

pub(crate) fn birth() -> impl Strategy<Value = Birth> {
    let wake = prop_oneof![Just(WakePolicy::Silent), Just(WakePolicy::OnTerminal), Just(WakePolicy::OnActivity)];
    let mode = prop_oneof![Just(CancelMode::Cooperative), Just(CancelMode::External)];
    let deadline_ms = prop::option::weighted(0.2, 0..10_000_i64);
    let attempt_timeout_ms = prop::option::weighted(0.3, 1..5_000_u64);
    let recovery =
        prop_oneof![1 => Just(Recovery::HostBound), 2 => Just(Recovery::Reattach), 1 => Just(Recovery::External)];
    (wake, mode, 1..4_u32, deadline_ms, attempt_timeout_ms, recovery, any::<bool>(), prop::bool::weighted(0.8))
        .prop_map(
            |(
                wake_policy,
                cancel_mode,
                max_attempts,
                deadline_ms,
                attempt_timeout_ms,
                recovery,
                hidden,
                takes_messages,
            )| {
                let birth = Birth {
                    wake_policy,
                    cancel_mode,
                    max_attempts,
                    deadline_ms,
                    attempt_timeout_ms,
                    recovery,
                    hidden,
                    takes_messages,
                };
                if recovery != Recovery::External {
                    return birth;
                }
                // What no host could keep is refused.
                let deadline_ms = deadline_ms.filter(|_| cancel_mode != CancelMode::External);
                Birth { max_attempts: 1, attempt_timeout_ms: None, deadline_ms, ..birth }
            },
        )
}

fn writer() -> impl Strategy<Value = Writer> {
    prop_oneof![
        6 => Just(Writer::Current),
        3 => Just(Writer::Host),
        2 => Just(Writer::Straggler),
        1 => Just(Writer::Impostor),
        1 => Just(Writer::Namesake),
    ]
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        6 => Just(State::Running),
        1 => Just(State::Queued),
        1 => Just(State::AwaitingInput),
        1 => Just(State::Succeeded),
        1 => Just(State::Failed),
        1 => Just(State::Canceled),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let rarely = || prop::bool::weighted(0.06);
    let leave = prop_oneof![
        (prop::option::of(-500..2_000_i64), 0..2_u32).prop_map(|(until, ignored)| Leave::Hibernate(until, ignored)),
        Just(Leave::Release),
    ];
    let report = (
        prop::option::weighted(0.2, state()),
        prop::option::weighted(0.2, prop::option::of(0..4_u8)),
        prop::option::weighted(0.2, 0..4_u8),
        prop::option::weighted(0.15, any::<bool>()),
        prop::option::weighted(0.1, 0..3_u8),
        prop::option::weighted(0.1, 0..3_u8),
        0..3_u8,
        prop::collection::vec(0..5_u8, 0..3),
    );
    let rest = (
        rarely(),
        prop::option::weighted(0.1, 0..3_u8),
        prop::option::weighted(0.06, 0..2_000_i64),
        rarely(),
        prop::option::weighted(0.15, leave),
        rarely(),
        prop::bool::weighted(0.2),
        prop_oneof![2 => Just(0_u16), 1 => 0..500_u16],
        prop::bool::weighted(0.03),
        prop::bool::weighted(0.05),
    );
    (report, rest).prop_map(|(report, rest)| {
        let (state, detail, progress, question, summary, result, artifacts, links) = report;
        let (error, checkpoint, retry_in, reattach, leave, cancel_delivered, heartbeat, used, too_large, reported) =
            rest;
        Ask {
            state,
            detail,
            progress,
            question,
            summary,
            result,
            artifacts,
            links,
            error,
            checkpoint,
            retry_in,
            reattach,
            leave,
            cancel_delivered,
            heartbeat,
            used,
            reported,
            too_large,
        }
    })
}

/// Nearly always the same code, so that most claims are accepted.
fn code() -> impl Strategy<Value = Option<u8>> {
    prop_oneof![8 => Just(Some(1)), 1 => Just(Some(2)), 1 => Just(None)]
}

pub(crate) fn wish() -> impl Strategy<Value = Wish> {
    let reply = || prop_oneof![1 => Just(Reply::Nothing), 3 => Just(Reply::Open), 1 => Just(Reply::Older)];
    prop_oneof![
        10 => (writer(), ask()).prop_map(|(writer, ask)| Wish::Update(writer, Box::new(ask))),
        5 => code().prop_map(Wish::Claim),
        1 => (0..3_u8).prop_map(Wish::Cancel),
        3 => (reply(), any::<bool>()).prop_map(|(reply, fits)| Wish::Inbound(reply, fits)),
        2 => (writer(), reply()).prop_map(|(writer, reply)| Wish::Outbound(writer, reply)),
        2 => writer().prop_map(Wish::Take),
        1 => writer().prop_map(Wish::FailAttempt),
        1 => Just(Wish::TakeOn),
        1 => (0..4_u32).prop_map(Wish::LoseHost),
        2 => (-300..1_500_i64).prop_map(Wish::Pass),
    ]
}
