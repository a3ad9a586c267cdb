//! A file that a user named to write something out to.
//! Does not write over what it is a copy of, nor over anything of the host's own.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::exit_code::refused;
use crate::home::Home;

/// Opens the file, and makes it if it is not there. `source` is what goes into it, if that is a file. What was in it is gone.
///
/// # Errors
/// A refusal for the source itself, by whatever name, and for a file in the home.
pub(crate) fn create(home: &Home, path: &Path, source: Option<&File>) -> Result<File> {
    let shown = || path.display().to_string();
    let real = path.canonicalize().or_else(|_| std::path::absolute(path)).with_context(shown)?;
    if let Some(folder) = real.parent()
        && let Ok(Some(own)) = home.own_paths()?.protected().above(folder)
    {
        return Err(refused(format!(
            "{} lies in {}, where the host keeps what is its own; name a file elsewhere",
            shown(),
            own.display()
        )));
    }
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).with_context(shown)?;
    if let Some(source) = source
        && is_same(source, &file).with_context(shown)?
    {
        return Err(refused(format!("{} is the very file that is to be copied; name another one", shown())));
    }
    if file.metadata().with_context(shown)?.is_file() {
        file.set_len(0).with_context(shown)?;
    }
    Ok(file)
}

#[cfg(unix)]
fn is_same(one: &File, two: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (one, two) = (one.metadata()?, two.metadata()?);
    Ok((one.dev(), one.ino()) == (two.dev(), two.ino()))
}

#[cfg(not(unix))]
fn is_same(_: &File, _: &File) -> io::Result<bool> {
    Ok(false)
}
