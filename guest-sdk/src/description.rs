//! What a kind says of itself.
//! It does not hold the schema of the specification: that is made from the type.

/// Something that a kind would like to be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// `files`, `http` or `spawner`.
    pub capability: String,
    /// The name that the grant goes by; a folder granted as `files` appears at `/files`.
    pub name: String,
    /// Why, for the person who decides. At most 256 bytes.
    pub reason: String,
    /// Whether the kind can work without it.
    pub required: bool,
}

impl Want {
    /// A folder under this name, without which the kind cannot work. It is found with
    /// [`files::folder`](crate::files::folder).
    pub fn folder(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { capability: "files".to_owned(), name: name.into(), reason: reason.into(), required: true }
    }

    /// Requests over HTTP under this name, without which the kind cannot work. They are sent with
    /// [`http::Request`](crate::http::Request).
    pub fn http(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { capability: "http".to_owned(), name: name.into(), reason: reason.into(), required: true }
    }

    /// A folder of the task's own, to write to, without which the kind cannot work. It is found with
    /// [`files::task_folder`](crate::files::task_folder).
    pub fn task_folder(reason: impl Into<String>) -> Self {
        Self::folder("task", reason)
    }

    /// Child tasks, without which the kind cannot work. `name` is what the operator reads, such as `children`.
    pub fn spawner(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { capability: "spawner".to_owned(), name: name.into(), reason: reason.into(), required: true }
    }

    /// The same, but the kind can work without it.
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }
}

/// What one attempt may use, all its instances together. An absent dimension leaves the operator's default; the operator's
/// limit always wins. Calls, CPU time, output, messages, requests and children are regained within a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Linear memory, summed over all memories of the instance.
    pub memory_bytes: Option<u64>,
    /// Elements, summed over all tables.
    pub table_elements: Option<u64>,
    /// Core instances.
    pub instances: Option<u64>,
    /// Component handles alive at one time.
    pub handles: Option<u64>,
    /// Bytes that one host call may carry in either direction.
    pub call_bytes: Option<u64>,
    /// Calls of host functions.
    pub host_calls: Option<u64>,
    /// The same in a second.
    pub host_calls_per_second: Option<u64>,
    /// Milliseconds of computing.
    pub cpu_time: Option<u64>,
    /// Milliseconds from the attempt's start to its end, hibernation excluded.
    pub wall_time: Option<u64>,
    /// Bytes of output.
    pub output_bytes: Option<u64>,
    /// Bytes of artifacts.
    pub artifact_bytes: Option<u64>,
    /// Messages posted.
    pub messages: Option<u64>,
    /// Bytes of one checkpoint.
    pub checkpoint_bytes: Option<u64>,
    /// Bytes in the task's own folder.
    pub file_bytes: Option<u64>,
    /// HTTP requests.
    pub http_requests: Option<u64>,
    /// Bytes of HTTP bodies in both directions.
    pub http_bytes: Option<u64>,
    /// Child tasks.
    pub children: Option<u64>,
}

/// Which tasks of a kind get a further attempt after the host of an earlier one was lost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Reattach {
    /// None.
    #[default]
    Never,
    /// All.
    Always,
    /// Those with `true` in their specification where this JSON pointer leads; anything else or nothing there is a no.
    AsSpec(String),
}

/// A kind, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// `a-z`, `0-9` and `-`, beginning with a letter, at most 64 bytes.
    pub kind: String,
    /// Semantic version of the kind.
    pub version: String,
    /// One line for a person, at most 256 bytes.
    pub summary: String,
    /// Which of its tasks can be taken up again after their host was lost.
    pub reattach: Reattach,
    /// Whether messages that answer no question are put into the inbox rather than refused.
    pub takes_messages: bool,
    /// What it would like to be allowed.
    pub wants: Vec<Want>,
    /// What it would like to use.
    pub budget: Budget,
}

impl Description {
    /// A kind that is not re-attached, takes no messages and wants nothing. `env!("CARGO_PKG_NAME")` and
    /// `env!("CARGO_PKG_VERSION")` are good values for the first two.
    pub fn new(kind: impl Into<String>, version: impl Into<String>, summary: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            version: version.into(),
            summary: summary.into(),
            reattach: Reattach::Never,
            takes_messages: false,
            wants: Vec::new(),
            budget: Budget::default(),
        }
    }

    /// Every task may be started once more from its checkpoint after its host was lost.
    pub fn can_reattach(mut self) -> Self {
        self.reattach = Reattach::Always;
        self
    }

    /// The same, but only a task with `true` in its specification where this JSON pointer leads, such as `/resume`. The
    /// host refuses a kind whose pointer is none: it is empty or begins with `/`, and has at most 256 bytes.
    pub fn can_reattach_if(mut self, pointer: impl Into<String>) -> Self {
        self.reattach = Reattach::AsSpec(pointer.into());
        self
    }

    /// The kind reads [`Task::messages`](crate::Task::messages).
    pub fn takes_messages(mut self) -> Self {
        self.takes_messages = true;
        self
    }

    /// The kind would like to be allowed something.
    pub fn wants(mut self, want: Want) -> Self {
        self.wants.push(want);
        self
    }

    /// The kind needs another budget than the operator's default.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_taken_up_again_only_if_it_says_so() {
        let plain = || Description::new("k", "0.1.0", "Does something.");
        assert_eq!(plain().reattach, Reattach::Never);
        assert_eq!(plain().can_reattach().reattach, Reattach::Always);
        assert_eq!(plain().can_reattach_if("/resume").reattach, Reattach::AsSpec("/resume".to_owned()));
    }
}
