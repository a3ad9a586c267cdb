//! What a task leaves behind beside its result.
//! It does not hold drafts: those are with the host until they become an artifact.

/// What an artifact consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// What [`Sink::draft`](crate::Sink::draft) has collected under the artifact's name.
    Draft,
    /// These bytes.
    Bytes(Vec<u8>),
    /// Something elsewhere.
    Url(String),
}

/// An artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// A file name of at most 128 bytes without `/`, `\` or control characters, not beginning with a dot.
    pub name: String,
    /// Such as `text/plain`. At most 128 bytes.
    pub media_type: String,
    /// What it consists of.
    pub content: Content,
}

impl Artifact {
    /// A file of plain text.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::bytes(name, "text/plain; charset=utf-8", text.into())
    }

    /// A file.
    pub fn bytes(name: impl Into<String>, media_type: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), media_type: media_type.into(), content: Content::Bytes(bytes.into()) }
    }

    /// The file that was drafted under this name.
    pub fn drafted(name: impl Into<String>, media_type: impl Into<String>) -> Self {
        Self { name: name.into(), media_type: media_type.into(), content: Content::Draft }
    }

    /// Something elsewhere.
    pub fn url(name: impl Into<String>, media_type: impl Into<String>, url: impl Into<String>) -> Self {
        Self { name: name.into(), media_type: media_type.into(), content: Content::Url(url.into()) }
    }
}
