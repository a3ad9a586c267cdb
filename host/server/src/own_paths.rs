//! What belongs to the host itself, and is kept from every guest: the home, the state folder, the configuration, secrets' files,
//! components that were named, and this program.
//! Does not keep guests from it: the sandbox does, by what it is told here. Only a grant of such a folder itself is refused here.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use taskwright_runner::KindSettings;
use taskwright_sandbox::ProtectedPaths;

use crate::config::Config;
use crate::config::secret::SecretSource;
use crate::exit_code::refused;

/// The host's own paths. Clones are the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnPaths(ProtectedPaths);

impl OwnPaths {
    /// For the sandbox.
    pub(crate) fn protected(&self) -> ProtectedPaths {
        self.0.clone()
    }

    /// Adds one.
    pub(crate) fn add(&self, path: &Path) -> Result<()> {
        self.0.add(path).with_context(|| format!("{}, which is kept from guests", path.display()))
    }

    /// Adds what a configuration names, and itself.
    pub(crate) fn add_config(&self, config: &Config) -> Result<()> {
        config.path.iter().try_for_each(|path| self.add(path))?;
        secret_files(config).iter().try_for_each(|path| self.add(path))
    }

    /// Keeps the ways to the folders that a configuration grants a kind, as it writes them: they are followed again each time it is
    /// read.
    pub(crate) fn keep_ways(&self, config: &Config, kind: &str) -> Result<()> {
        let folders = config.file.kinds.get(kind).into_iter().flat_map(|kind| kind.folders.values());
        for path in folders.map(|folder| config.base.join(&folder.path)) {
            self.0.keep_way(&path).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }

    /// Refuses the grant of a folder that is the host's own, or in which there is nothing but secrets.
    pub(crate) fn check(&self, config: &Config, settings: &KindSettings) -> Result<()> {
        for grant in &settings.grants.folders {
            let folder = &grant.host_path;
            let why = match self.0.above(folder).with_context(|| folder.display().to_string())? {
                Some(own) => format!("it is {}, or lies in it", own.display()),
                None if has_only_secrets(folder, config) => "nothing but secrets is in it".to_owned(),
                None => continue,
            };
            return Err(refused(format!(
                "the folder {}, granted as `{}`, is the host's own: {why}; grant another one",
                folder.display(),
                grant.name
            )));
        }
        Ok(())
    }
}

fn secret_files(config: &Config) -> Vec<PathBuf> {
    let requests = config.file.kinds.values().flat_map(|kind| &kind.http);
    let secrets = requests.flat_map(|http| http.secrets.values());
    let files = secrets.filter_map(|secret| match secret {
        SecretSource::File(path) => Some(config.base.join(path)),
        SecretSource::Env(_) => None,
    });
    files.collect()
}

fn has_only_secrets(folder: &Path, config: &Config) -> bool {
    let secrets: Vec<PathBuf> = secret_files(config).iter().filter_map(|path| path.canonicalize().ok()).collect();
    if secrets.is_empty() {
        return false;
    }
    let Ok(entries) = folder.read_dir() else { return false };
    let mut entries = entries.filter_map(|entry| entry.ok()?.path().canonicalize().ok()).peekable();
    entries.peek().is_some() && entries.all(|entry| secrets.contains(&entry))
}
