//! Which code of which kinds a host can run.
//! Does not load any: digests are names here.

/// A kind that a host can run. Tasks that have not begun get the newest code; one that has gets its own or is not handed out
/// (L43).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindOffer {
    /// The kind's name.
    pub kind: String,
    /// The digest of the code for tasks that begin. `None` for code without one, such as a native kind's; or if there is
    /// only older code, for tasks that have begun with it.
    pub newest: Option<String>,
    /// Whether tasks that have not begun are wanted.
    pub begins: bool,
    /// Digests of other code that the host has, for tasks that began with it.
    pub older: Vec<String>,
}

impl KindOffer {
    /// What tasks that this host may be handed have as their code.
    pub(crate) fn codes(&self) -> impl Iterator<Item = Option<&str>> {
        let begins = self.begins.then_some(None);
        let begun = self.newest.iter().chain(&self.older).map(|code| Some(code.as_str()));
        begins.into_iter().chain(begun)
    }

    /// The code for a task of this kind: `None` if the host has not got it, else what the claim names.
    pub(crate) fn code_for(&self, begun: Option<&str>) -> Option<Option<&str>> {
        match begun {
            None => self.begins.then_some(self.newest.as_deref()),
            Some(_) => self.codes().find(|code| *code == begun),
        }
    }
}

/// Each kind with each code that its tasks may be handed out with.
pub(crate) fn offered(kinds: &[KindOffer]) -> impl Iterator<Item = (&str, Option<&str>)> {
    kinds.iter().flat_map(|offer| offer.codes().map(|code| (offer.kind.as_str(), code)))
}

impl From<&str> for KindOffer {
    /// A kind whose code has no digest.
    fn from(kind: &str) -> Self {
        Self { kind: kind.to_owned(), newest: None, begins: true, older: Vec::new() }
    }
}

/// How many live tasks go on with one code of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeInUse {
    /// The kind's name.
    pub kind: String,
    /// The digest; `None` for tasks that have not begun, and for code without one.
    pub code: Option<String>,
    /// How many.
    pub tasks: u64,
}
