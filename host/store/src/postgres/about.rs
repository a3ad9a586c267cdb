//! What a verb says of itself before it runs, so that it is locked and read in one go.
//! Does not lock or read: `transaction` does.

use taskwright_registry::{MessageId, SessionId, TaskId};

/// What a verb is about: the sessions that are locked for it, and what it will look up, so that it is read along with the locks.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    pub(super) sessions: Vec<SessionId>,
    /// Those of them that the verb may begin, so that their names have to be locked if they are not there yet.
    pub(super) begun: Vec<SessionId>,
    pub(super) tasks: Vec<TaskId>,
    pub(super) keys: Vec<(SessionId, String)>,
    pub(super) messages: Vec<MessageId>,
    /// Tasks that it asks for children of.
    pub(super) parents: Vec<(SessionId, TaskId)>,
    /// Whether it makes a task.
    pub(super) births: bool,
}

impl About {
    /// No session: the verb locks what it looks at.
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// Sessions that may be there.
    pub(super) fn of(ids: impl IntoIterator<Item = SessionId>) -> Self {
        Self { sessions: ids.into_iter().collect(), ..Self::default() }
    }

    /// Sessions that the verb may begin.
    pub(super) fn begun(ids: impl IntoIterator<Item = SessionId>) -> Self {
        let begun: Vec<SessionId> = ids.into_iter().collect();
        Self { sessions: begun.clone(), begun, ..Self::default() }
    }

    /// And these.
    pub(super) fn and(mut self, ids: impl IntoIterator<Item = SessionId>) -> Self {
        self.sessions.extend(ids);
        self
    }

    /// It looks at these tasks.
    pub(super) fn tasks<'i>(mut self, ids: impl IntoIterator<Item = &'i TaskId>) -> Self {
        self.tasks.extend(ids.into_iter().cloned());
        self
    }

    /// It looks for a message.
    pub(super) fn message(mut self, id: &MessageId) -> Self {
        self.messages.push(id.clone());
        self
    }

    /// It asks whether a task has children.
    pub(super) fn parent(mut self, session: &SessionId, id: &TaskId) -> Self {
        self.parents.push((session.clone(), id.clone()));
        self
    }

    /// It makes a task, with a key perhaps.
    pub(super) fn makes(mut self, session: &SessionId, key: Option<&String>) -> Self {
        self.births = true;
        self.keys.extend(key.map(|key| (session.clone(), key.clone())));
        self
    }

    /// The sessions that are locked for it.
    pub(super) fn sessions(&self) -> &[SessionId] {
        &self.sessions
    }

    /// Takes over what another verb is about.
    pub(super) fn join(&mut self, other: &Self) {
        self.sessions.extend_from_slice(&other.sessions);
        self.begun.extend_from_slice(&other.begun);
        self.tasks.extend_from_slice(&other.tasks);
        self.keys.extend_from_slice(&other.keys);
        self.messages.extend_from_slice(&other.messages);
        self.parents.extend_from_slice(&other.parents);
        self.births |= other.births;
    }
}
