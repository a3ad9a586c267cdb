//! The user's state folder: compiled code, and the key that seals it, outside of every project and every home.
//! Does not read or write what is in there: the sandbox does.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use etcetera::BaseStrategy as _;
use taskwright_sandbox::HOME_NAME;

use crate::private_folder;

/// Where compiled code is kept in it.
const CODE: &str = "code";

/// Where a home keeps it that has no such folder outside.
const WITHIN_HOME: &str = "state";

/// Where the state folder is to be.
#[derive(Debug, Clone)]
pub(crate) struct StateFolder {
    named: Option<PathBuf>,
    /// `$XDG_STATE_HOME/taskwright`, or `.local/state/taskwright` in the user's own folder; none for a user without one.
    usual: Option<PathBuf>,
}

impl StateFolder {
    /// The one that was named, or the usual one.
    pub(crate) fn new(named: Option<PathBuf>) -> Self {
        let usual = etcetera::base_strategy::Xdg::new().ok().and_then(|user| user.state_dir());
        Self { named, usual: usual.map(|state| state.join(HOME_NAME.trim_start_matches('.'))) }
    }

    /// The folder for compiled code, made if it is missing, and a word to the user if it is not where it should be: one that was
    /// named has to be usable; in place of the usual one there is the home, which no grant leads to either.
    pub(crate) fn code(&self, home: &Path) -> Result<(PathBuf, Option<String>)> {
        if let Some(named) = &self.named {
            let code = named.join(CODE);
            usable(&code).with_context(|| format!("--state-dir {}", named.display()))?;
            return Ok((code, None));
        }
        let why = match self.usual.as_ref().map(|usual| usual.join(CODE)) {
            Some(code) => match usable(&code) {
                Ok(()) => return Ok((code, None)),
                Err(error) => format!("{} cannot be used: {error}", code.display()),
            },
            None => "this user has no folder of its own".to_owned(),
        };
        let code = home.join(WITHIN_HOME).join(CODE);
        usable(&code).with_context(|| code.display().to_string())?;
        let notice = format!(
            "compiled code is kept in {}, for {why}; --state-dir or TASKWRIGHT_STATE_DIR names another folder",
            code.display()
        );
        Ok((code, Some(notice)))
    }

    /// The folders that it may be in.
    pub(crate) fn places(&self, home: &Path) -> Vec<PathBuf> {
        let outside = self.named.iter().chain(&self.usual).cloned();
        outside.chain([home.join(WITHIN_HOME)]).collect()
    }
}

/// Makes the folder, if this user can write there and it is nobody else's.
fn usable(code: &Path) -> std::io::Result<()> {
    private_folder::make(code)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let owner = code.metadata()?.uid();
        if owner != rustix::process::geteuid().as_raw() {
            return Err(std::io::Error::other(format!("it belongs to the user {owner}")));
        }
        rustix::fs::access(code, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?;
    }
    Ok(())
}

/// Removes the folder in which homes of earlier versions kept compiled code: a guest that was granted the folder around the home
/// could read the key there. A folder with anything else in it is left alone.
pub(crate) fn remove_old(home: &Path) -> Result<()> {
    let old = home.join("cache");
    let is_ours =
        |name: &str| name == "key" || name.ends_with(".code") || name.starts_with(".key-") || name.starts_with(".new-");
    let found = old.symlink_metadata().is_ok_and(|found| found.is_dir()).then(|| old.read_dir());
    let Some(Ok(mut entries)) = found else { return Ok(()) };
    if !entries.all(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_ours))) {
        return Ok(());
    }
    std::fs::remove_dir_all(&old)
        .with_context(|| format!("{}, compiled code of an earlier version, is not removed", old.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_folder_of_the_users_the_home_has_it() {
        let home = tempfile::tempdir().unwrap();
        let (code, notice) = StateFolder { named: None, usual: None }.code(home.path()).unwrap();
        assert_eq!(code, home.path().join("state/code"));
        assert!(notice.unwrap().contains("TASKWRIGHT_STATE_DIR"));
        let blocked = home.path().join("file");
        std::fs::write(&blocked, "").unwrap();
        let state = StateFolder { named: None, usual: Some(blocked.join("state")) };
        assert!(state.code(home.path()).unwrap().1.unwrap().contains("cannot be used"));
        let state = StateFolder { named: Some(blocked.clone()), usual: None };
        assert!(state.code(home.path()).is_err(), "one that was named is not passed over");
        let usual = home.path().join("user/taskwright");
        let (code, notice) = StateFolder { named: None, usual: Some(usual.clone()) }.code(home.path()).unwrap();
        assert_eq!((code, notice), (usual.join("code"), None));
    }

    #[test]
    fn the_old_cache_goes_and_what_is_not_ours_stays() {
        let home = tempfile::tempdir().unwrap();
        let cache = home.path().join("cache");
        std::fs::create_dir(&cache).unwrap();
        std::fs::write(cache.join("key"), "known").unwrap();
        std::fs::write(cache.join("notes"), "").unwrap();
        remove_old(home.path()).unwrap();
        assert!(cache.join("key").exists());
        std::fs::remove_file(cache.join("notes")).unwrap();
        remove_old(home.path()).unwrap();
        assert!(!cache.exists());
    }
}
