//! Where a secret is kept: in a variable of the environment or in a file, and never in the configuration.
//! Does not show one to anybody: it goes into requests alone.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use taskwright_registry::clean_line;
use taskwright_sandbox::SecretText;

use crate::exit_code::refused;

/// The largest secret; tokens and keys are far smaller.
const MAX_BYTES: u64 = 64 << 10;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// The value of a variable.
    Env(String),
    /// What stands in a file, without the line break at its end.
    File(PathBuf),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    env: Option<String>,
    file: Option<PathBuf>,
}

const EXPECTED: &str = "a secret is never written here: say where it is, as { env = \"NAME\" } or { file = \"PATH\" }";

struct Source;

impl<'de> Visitor<'de> for Source {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ env = \"NAME\" } or { file = \"PATH\" }")
    }

    // Serde's own words about a wrong type would quote it.
    fn visit_str<E: Error>(self, _: &str) -> Result<SecretSource, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<SecretSource, M::Error> {
        match Table::deserialize(MapAccessDeserializer::new(map))? {
            Table { env: Some(name), file: None } if !name.is_empty() && !name.contains(['=', '\0']) => {
                Ok(SecretSource::Env(name))
            }
            Table { env: None, file: Some(path) } => Ok(SecretSource::File(path)),
            _ => Err(M::Error::custom(EXPECTED)),
        }
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Source)
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the variable {}", clean_line(name, 80)),
            Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

impl SecretSource {
    /// Reads it. `base` is where relative paths begin, and `what` is how the configuration calls it.
    pub(crate) fn read(&self, base: &Path, what: &str) -> Result<SecretText> {
        let wrong = |problem: String| refused(format!("{what}: {problem}"));
        let text = match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(text) => text,
                Err(std::env::VarError::NotPresent) => {
                    return Err(wrong(format!("the variable {name} is not set; set it, or take the secret out")));
                }
                Err(std::env::VarError::NotUnicode(_)) => {
                    return Err(wrong(format!("the variable {name} is no text in UTF-8")));
                }
            },
            Self::File(path) => {
                let path = base.join(path);
                let shown = path.display();
                let read = crate::plain_file::read_text(&path, MAX_BYTES);
                let mut text = read.map_err(|error| wrong(format!("the file {shown}: {error}")))?;
                text.truncate(text.trim_end_matches(['\r', '\n']).len());
                text
            }
        };
        if text.is_empty() {
            return Err(wrong(format!("{self} is empty")));
        }
        Ok(SecretText::new(text))
    }
}
