//! The index of the installed kinds: what was accepted, from where, and as which bytes.
//! Does not hold components: they lie beside it.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use taskwright_registry::Want;
use taskwright_sandbox::SelfDescription;

use crate::exit_code::refused;

/// The version of the file's form. The first has no `said`; it is read, and written in this one.
const FORMAT: u32 = 2;

/// Everything that is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Index {
    /// The version of this form.
    format: u32,
    /// Version by version, in the order of installation.
    #[serde(default, rename = "kind")]
    pub(crate) kinds: Vec<Installed>,
}

/// One version of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Installed {
    /// The kind's name.
    pub(crate) kind: String,
    /// Its version, as it says itself.
    pub(crate) version: String,
    /// What its bytes must be.
    pub(crate) digest: String,
    /// Whether new tasks run it. Others are there for tasks that began with them.
    pub(crate) newest: bool,
    /// When it was installed.
    pub(crate) installed_at: String,
    /// The file that it was.
    pub(crate) from: String,
    /// The trusted key that had signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signed_by: Option<String>,
    /// What it imports.
    pub(crate) imports: Vec<String>,
    /// What it wants, as was accepted by installing it.
    #[serde(default)]
    pub(crate) wants: Vec<Want>,
    /// All that it said of itself when it was installed, as JSON: what it is from then on. An index of the first form has
    /// none; then it is asked when it is loaded next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) said: Option<String>,
}

impl Installed {
    /// What it was accepted as, if that was written down.
    pub(crate) fn said(&self) -> Result<Option<SelfDescription>> {
        let wrong = |error| refused(format!("the index of the kinds, `{}` {}: {error}", self.kind, self.digest));
        let said = self.said.as_deref().map(SelfDescription::from_json).transpose().map_err(wrong)?;
        match said {
            Some(said) if said.description.kind != self.kind => Err(refused(format!(
                "the index of the kinds has {} as `{}` and as `{}`; remove the kind and install it again",
                self.digest, self.kind, said.description.kind
            ))),
            said => Ok(said),
        }
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { format: FORMAT, kinds: Vec::new() }
    }
}

/// More than an index of all kinds there are would have.
const MAX_BYTES: u64 = 64 << 20;

impl Index {
    /// Reads the file; nothing is installed if there is none.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let wrong = |problem: String| refused(format!("{}: {problem}", path.display()));
        let text = match crate::plain_file::read_text(path, MAX_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let index: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if !(1..=FORMAT).contains(&index.format) {
            return Err(wrong(format!("it has the form {}, this version reads 1 to {FORMAT}", index.format)));
        }
        Ok(Self { format: FORMAT, ..index })
    }

    pub(super) fn text(&self) -> Result<String> {
        let head = "# Written by `taskwright kinds`. The components lie beside it, named by their digests.\n\n";
        Ok(format!("{head}{}", toml::to_string(self)?))
    }

    /// What new tasks of a kind run.
    pub(crate) fn newest(&self, kind: &str) -> Option<&Installed> {
        self.kinds.iter().find(|installed| installed.newest && installed.kind == kind)
    }

    /// A version by its digest.
    pub(crate) fn get(&self, digest: &str) -> Option<&Installed> {
        self.kinds.iter().find(|installed| installed.digest == digest)
    }

    /// Writes down what a version that was installed without it has said of itself. What is written stays.
    pub(crate) fn write_down(&mut self, digest: &str, said: &SelfDescription) -> Result<()> {
        if let Some(installed) = self.kinds.iter_mut().find(|installed| installed.digest == digest)
            && installed.said.is_none()
            && installed.kind == said.description.kind
        {
            installed.said = Some(said.to_json()?);
        }
        Ok(())
    }

    /// Makes a version the newest of its kind. Those before it stay for the tasks that began with them.
    pub(crate) fn install(&mut self, new: Installed) {
        self.kinds.retain(|installed| installed.digest != new.digest);
        for installed in self.kinds.iter_mut().filter(|installed| installed.kind == new.kind) {
            installed.newest = false;
        }
        self.kinds.push(new);
    }

    /// Whether a digest is that of an installed version that new tasks run.
    pub(crate) fn is_newest(&self, digest: &str) -> bool {
        self.kinds.iter().any(|installed| installed.newest && installed.digest == digest)
    }
}
