//! Work that is done elsewhere: what a task of it may ask for, who has it, and when a host ends it all the same.
//! Does not run or call anything: whoever does the work reports it, with its token.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    Applied, CancelMode, DispatchChange, Fence, HostId, HostRef, InvalidId, Links, NewTask, Recovery, Rejection,
    SessionId, Supersede, Task, TaskId, TaskUpdate, Timestamp, apply,
};

/// Names one taking-on of a task whose work is done elsewhere: everything that is reported under it carries its fence.
///
/// Its text is for other processes, and for files: whoever does the work may die and go on with it, as long as nobody else has
/// taken the task on. It is no secret and gives nobody rights: whoever can open the store has them without.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AttemptToken {
    /// Where the task was when it was taken on. It may have been moved since (L48).
    pub session_id: SessionId,
    /// Which task.
    pub task_id: TaskId,
    /// What it may write.
    pub fence: Fence,
    /// Who it is, drawn anew for each taking-on.
    pub holder: HostRef,
}

impl AttemptToken {
    /// The token of whoever has the task; `None` if nobody has, or a host runs it.
    #[must_use]
    pub fn of(task: &Task) -> Option<Self> {
        let holder = task.dispatch.host.clone().filter(|_| task.recovery == Recovery::External)?;
        Some(Self { session_id: task.session_id.clone(), task_id: task.id.clone(), fence: task.fence(), holder })
    }
}

impl fmt::Display for AttemptToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session_id, task_id, fence, holder } = self;
        let Fence { attempt, claim, birth } = fence;
        write!(f, "ext1.{task_id}.{birth}.{attempt}.{claim}.{}.{}.{session_id}", holder.id, holder.epoch)
    }
}

impl FromStr for AttemptToken {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        const EXPECTED: &str =
            "`ext1.`, a task, its birth, attempt and claim, who has it and its session, with dots between them";
        let invalid = || InvalidId::new("attempt token", EXPECTED, text);
        let parts: Vec<&str> = text.splitn(8, '.').collect();
        let ["ext1", task, birth, attempt, claim, holder, epoch, session] = parts[..] else { return Err(invalid()) };
        let number = |text: &str| text.parse::<u32>().map_err(|_| invalid());
        Ok(Self {
            session_id: session.parse().map_err(|_| invalid())?,
            task_id: task.parse().map_err(|_| invalid())?,
            fence: Fence {
                attempt: number(attempt)?,
                claim: number(claim)?,
                birth: birth.parse().map_err(|_| invalid())?,
            },
            holder: HostRef {
                id: holder.parse::<HostId>().map_err(|_| invalid())?,
                epoch: epoch.parse().map_err(|_| invalid())?,
            },
        })
    }
}

impl TryFrom<String> for AttemptToken {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<AttemptToken> for String {
    fn from(token: AttemptToken) -> Self {
        token.to_string()
    }
}

/// Refuses what no host could keep for work that is done elsewhere.
pub(crate) fn check_external(new: &NewTask) -> Result<(), Rejection> {
    let invalid =
        |field: &str, problem: &str| Err(Rejection::Invalid { field: field.to_owned(), problem: problem.to_owned() });
    if new.max_attempts != 1 {
        return invalid("max_attempts", "the work is done elsewhere, and so is trying again: leave it at 1");
    }
    if new.not_before.is_some() {
        return invalid("not_before", "the work is done elsewhere, and begins when somebody takes it on");
    }
    if new.attempt_timeout_ms.is_some() {
        return invalid("attempt_timeout_ms", "the work is done elsewhere: set a deadline instead");
    }
    if new.deadline.is_some() && new.cancel_policy.mode == CancelMode::External {
        return invalid(
            "deadline",
            "only the owner of the work may end it, as the cancel policy says: choose `cooperative` or `abort`, or no deadline",
        );
    }
    Ok(())
}

/// Gives a task whose work is done elsewhere to whoever asks (L52). Whoever had it is superseded: the attempt grows unless nobody
/// has had it yet.
///
/// # Errors
/// `Invalid` if hosts run the task; `Terminal`; `TooLarge` for the link.
pub fn take_on(task: &Task, holder: HostRef, remote: Option<String>, now: Timestamp) -> Result<Applied, Rejection> {
    if task.recovery != Recovery::External {
        return Err(Rejection::Invalid {
            field: "recovery".to_owned(),
            problem: "hosts run this task; only one that was registered as external can be taken on".to_owned(),
        });
    }
    let fresh = task.dispatch.claim == 0;
    let update = TaskUpdate {
        supersede: (!fresh).then_some(Supersede::Reattach),
        dispatch: Some(DispatchChange::Claim { host: holder, code: task.dispatch.code.clone() }),
        links: Links { remote_task_id: remote, ..Links::default() },
        ..TaskUpdate::default()
    };
    apply(task, update, now)
}

impl Task {
    /// When a host ends it although its work is done elsewhere: at its deadline, or when a cancel is forced. `None` where hosts
    /// run it, and where only its owner may end it (L51).
    #[must_use]
    pub fn external_ends_at(&self) -> Option<Timestamp> {
        if self.recovery != Recovery::External || self.state.is_terminal() {
            return None;
        }
        [self.deadline, self.cancel_forced_at()].into_iter().flatten().min()
    }

    /// Whether its end is wanted and whoever does its work elsewhere has not said that it heard (L53).
    #[must_use]
    pub fn external_cancel_waits(&self) -> bool {
        self.recovery == Recovery::External
            && self.state.is_live()
            && self.cancel.is_some()
            && !self.dispatch.cancel_delivered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_as_it_was_written_whatever_its_session_is_called() {
        let text = format!("ext1.task_{}.12.3.7.host_{}.1.chat.a:b@c/d", "0".repeat(32), "a".repeat(32));
        let token: AttemptToken = text.parse().expect("a token");
        assert_eq!(
            (token.fence, token.session_id.as_str()),
            (Fence { attempt: 3, claim: 7, birth: 12 }, "chat.a:b@c/d")
        );
        assert_eq!(token.to_string(), text);
    }

    #[test]
    fn what_is_no_token_is_refused_with_what_was_expected() {
        for text in ["", "ext1", "ext2.task.1.1.host.1.s", &format!("ext1.task_{}.0.-1.7.host.1.s", "0".repeat(32))] {
            let refused = text.parse::<AttemptToken>().expect_err("a refusal").to_string();
            assert!(refused.contains("attempt token") && refused.contains("ext1."), "{refused}");
        }
    }
}
