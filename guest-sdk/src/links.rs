//! What the task has to do with elsewhere.
//! It does not merge: the host adds links to those already there, without duplicates, in order.

/// Links to add.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links {
    /// The session that the task started.
    pub child_session_id: Option<String>,
    /// The task's id at a remote agent.
    pub remote_task_id: Option<String>,
    /// Anything else; at most 1,000 in all, 512 bytes each.
    pub resource_ids: Vec<String>,
}

impl Links {
    /// A link to a resource.
    pub fn resource(id: impl Into<String>) -> Self {
        Self::resources([id.into()])
    }

    /// Links to resources.
    pub fn resources(ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { resource_ids: ids.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// And the session that the task started.
    pub fn child_session(mut self, id: impl Into<String>) -> Self {
        self.child_session_id = Some(id.into());
        self
    }

    /// And the task's id at a remote agent.
    pub fn remote_task(mut self, id: impl Into<String>) -> Self {
        self.remote_task_id = Some(id.into());
        self
    }
}
