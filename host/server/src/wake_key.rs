//! The installation's key for the provenance of wakes: `wake.key` in the home.
//! Does not make or check a provenance: `taskwright_registry::WakeKey` does.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use taskwright_registry::WakeKey;

use crate::exit_code::refused;

/// The name of the file.
const FILE: &str = "wake.key";

/// The key of a home, made if there is none. One process makes it, whoever is first.
pub(crate) fn wake_key(home: &Path) -> Result<WakeKey> {
    let path = home.join(FILE);
    loop {
        match fs::symlink_metadata(&path) {
            Ok(about) => return read(home, &path, &about),
            Err(error) if error.kind() == ErrorKind::NotFound => make(home, &path)?,
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        }
    }
}

fn read(home: &Path, path: &Path, about: &fs::Metadata) -> Result<WakeKey> {
    let shown = path.display();
    if !about.is_file() {
        return Err(refused(format!("{shown} is no file: remove it, and another key is made")));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        if about.uid() != fs::metadata(home)?.uid() {
            return Err(refused(format!(
                "{shown} belongs to another user than its folder: remove it, and another key is made"
            )));
        }
        let mode = about.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(refused(format!(
                "{shown} has the mode {mode:o}, so others may know the key: remove it, and another one is made; what was signed with it is no longer believed"
            )));
        }
    }
    let text = fs::read_to_string(path).with_context(|| shown.to_string())?;
    let bytes = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    let bytes = bytes.ok_or_else(|| {
        refused(format!("{shown} is no key of 64 hexadecimal digits: remove it, and another one is made"))
    })?;
    Ok(WakeKey::new(bytes))
}

/// Writes a new key as a whole or not at all; one that somebody else has written meanwhile stays.
fn make(home: &Path, path: &Path) -> Result<()> {
    let new = home.join(format!("{FILE}.{:016x}", rand::random::<u64>()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let write = || {
        let mut file = options.open(&new)?;
        file.write_all(format!("{}\n", hex::encode(rand::random::<[u8; 32]>())).as_bytes())?;
        file.sync_all()?;
        match fs::hard_link(&new, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    };
    let written = write();
    // The second name of the file, or what is left of an attempt.
    let _ = fs::remove_file(&new);
    written.with_context(|| format!("{} cannot be made", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_is_nobody_elses() {
        let home = tempfile::tempdir().unwrap();
        wake_key(home.path()).unwrap();
        let path = home.path().join(FILE);
        let first = fs::read_to_string(&path).unwrap();
        wake_key(home.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing else is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            assert!(wake_key(home.path()).unwrap_err().to_string().contains("644"));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::write(&path, "short").unwrap();
        assert!(wake_key(home.path()).unwrap_err().to_string().contains("64 hexadecimal digits"));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(wake_key(home.path()).unwrap_err().to_string().contains("no file"));
    }
}
