//! `[kinds.NAME]`: what the operator allows one kind.
//! Does not know what the kind wants: it gets what both say.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use taskwright_runner::KindSettings;
use taskwright_sandbox::{Access, FolderGrant, Grants, HttpGrant, HttpTarget, SecretGrant, SpawnGrant};

use super::budget::Limits;
use super::secret::SecretSource;
use crate::exit_code::refused;
use crate::grant::usable_name;

/// The table of one kind.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KindConfig {
    /// How many of its tasks may be at work on all hosts together.
    pub(crate) limit: Option<NonZeroUsize>,
    /// Limits in place of the default and of the kind's wish.
    pub(crate) budget: Limits,
    /// Folders, by the names that the kind has for them.
    #[serde(deserialize_with = "folders")]
    pub(crate) folders: BTreeMap<String, FolderConfig>,
    /// Whether each task gets a folder of its own.
    pub(crate) task_folder: bool,
    /// Requests over HTTP.
    #[serde(deserialize_with = "http")]
    pub(crate) http: Vec<HttpConfig>,
    /// Child tasks.
    pub(crate) spawner: Option<SpawnerConfig>,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FolderConfig {
    /// Where it lies; relative to the file of the configuration.
    pub(crate) path: PathBuf,
    /// What may be done there.
    #[serde(default)]
    pub(crate) access: AccessConfig,
}

/// What may be done in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AccessConfig {
    /// Read alone.
    #[default]
    Read,
    /// Read and change.
    Write,
}

/// One set of requests.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpConfig {
    /// What the kind calls it.
    pub(crate) name: String,
    /// To where.
    pub(crate) allow: Vec<Target>,
    /// With which methods.
    #[serde(default)]
    pub(crate) methods: Vec<Method>,
    /// Whether private addresses are allowed.
    #[serde(default)]
    pub(crate) private: bool,
    /// What the host puts in.
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, SecretSource>,
}

/// A target, with an error at its own place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target(pub(crate) HttpTarget);

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

/// A method of HTTP.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Method(pub(crate) String);

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let method = String::deserialize(deserializer)?;
        if !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
            return Ok(Self(method));
        }
        Err(D::Error::custom(format!("`{method}` is no method: expected capitals, such as GET or POST")))
    }
}

/// Child tasks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpawnerConfig {
    /// Of which kinds.
    pub(crate) kinds: Vec<String>,
    /// Generations.
    pub(crate) max_depth: Option<u32>,
    /// Live children of one task.
    pub(crate) max_live: Option<u32>,
    /// Children of one task in a minute.
    pub(crate) per_minute: Option<u32>,
    /// Those of `kinds` whose children may have what their own kind is granted, also what this one is not.
    #[serde(default)]
    pub(crate) delegates: Vec<String>,
}

fn folders<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, FolderConfig>, D::Error> {
    let folders = BTreeMap::<String, FolderConfig>::deserialize(deserializer)?;
    match folders.keys().find(|name| !usable_name(name)) {
        Some(name) => Err(D::Error::custom(format!(
            "`{name}` cannot be the name of a folder: expected one without slashes that does not begin with a dot"
        ))),
        None => match folders.iter().find(|(_, folder)| folder.path.as_os_str().is_empty()) {
            // It would be the folder of the configuration, which is hardly what is meant.
            Some((name, _)) => {
                Err(D::Error::custom(format!("the path of the folder `{name}` is empty: name a folder")))
            }
            None => Ok(folders),
        },
    }
}

fn http<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HttpConfig>, D::Error> {
    let all = Vec::<HttpConfig>::deserialize(deserializer)?;
    for (at, one) in all.iter().enumerate() {
        if one.allow.is_empty() {
            return Err(D::Error::custom(format!(
                "`{}` allows nothing: name at least one target in `allow`, such as \"https://api.example.com\"",
                one.name
            )));
        }
        if all[..at].iter().any(|other| other.name == one.name) {
            return Err(D::Error::custom(format!("`{}` is there twice: put both into one `allow`", one.name)));
        }
    }
    Ok(all)
}

impl KindConfig {
    /// The settings, with whole paths and with the secrets.
    pub(crate) fn settings(&self, kind: &str, base: &Path) -> Result<KindSettings> {
        let mut grants = Grants { task_folder: self.task_folder, ..Grants::default() };
        for (name, folder) in &self.folders {
            grants.folders.push(folder.grant(kind, name, base)?);
        }
        for http in &self.http {
            grants.http.push(http.grant(kind, base)?);
        }
        grants.spawner = self.spawner.as_ref().map(SpawnerConfig::grant);
        let mut settings = KindSettings::default().budget(self.budget.0);
        settings.grants = grants;
        Ok(settings)
    }

    /// What is left of earlier settings where this names something that cannot be had now: what it still names, and no wider
    /// than it says.
    pub(crate) fn left_of(&self, before: &KindSettings) -> KindSettings {
        let mut settings = KindSettings::default().budget(self.budget.0);
        let mut grants = before.grants.clone();
        grants.folders.retain_mut(|grant| match self.folders.get(&grant.name) {
            Some(folder) => {
                if folder.access == AccessConfig::Read {
                    grant.access = Access::Read;
                }
                true
            }
            None => false,
        });
        grants.http.retain_mut(|grant| match self.http.iter().find(|http| http.name == grant.name) {
            Some(http) => {
                grant.targets.retain(|target| http.allow.iter().any(|allowed| allowed.0 == *target));
                grant.methods = http.methods.iter().map(|method| method.0.clone()).collect();
                grant.private &= http.private;
                grant.secrets.retain(|secret| http.secrets.contains_key(&secret.name));
                !grant.targets.is_empty()
            }
            None => false,
        });
        grants.task_folder &= self.task_folder;
        grants.spawner = self.spawner.as_ref().map(SpawnerConfig::grant);
        settings.grants = grants;
        settings
    }
}

impl FolderConfig {
    fn grant(&self, kind: &str, name: &str, base: &Path) -> Result<FolderGrant> {
        let path = base.join(&self.path);
        let what = || format!("kinds.{kind}.folders.{name}: {}", path.display());
        let host_path = path.canonicalize().with_context(what);
        let host_path = host_path.map_err(|error| refused(format!("{error:#}; name a folder that exists")))?;
        if !host_path.is_dir() {
            return Err(refused(format!("{}: that is no folder", what())));
        }
        let access = match self.access {
            AccessConfig::Read => Access::Read,
            AccessConfig::Write => Access::Write,
        };
        Ok(FolderGrant { name: name.to_owned(), host_path, access })
    }
}

impl HttpConfig {
    fn grant(&self, kind: &str, base: &Path) -> Result<HttpGrant> {
        let mut secrets = Vec::new();
        for (name, source) in &self.secrets {
            let what = format!("kinds.{kind}.http, `{}`, secret `{name}`", self.name);
            secrets.push(SecretGrant { name: name.clone(), value: source.read(base, &what)? });
        }
        Ok(HttpGrant {
            name: self.name.clone(),
            targets: self.allow.iter().map(|target| target.0.clone()).collect(),
            methods: self.methods.iter().map(|method| method.0.clone()).collect(),
            private: self.private,
            secrets,
        })
    }
}

impl SpawnerConfig {
    /// The grant, with what is not said as it is by default.
    pub(crate) fn grant(&self) -> SpawnGrant {
        let unless_said = SpawnGrant::new(self.kinds.clone());
        SpawnGrant {
            max_depth: self.max_depth.unwrap_or(unless_said.max_depth),
            max_live: self.max_live.unwrap_or(unless_said.max_live),
            per_minute: self.per_minute.unwrap_or(unless_said.per_minute),
            delegates: self.delegates.clone(),
            ..unless_said
        }
    }
}
