//! Copies files with a digest of what was copied, into a folder that appears as a whole or not at all.
//! Does not follow symbolic links, and does not wait for what is gone when its turn comes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::{Entry, LeftOut, What};
use crate::exit_code::refused;
use crate::private_folder;

/// How much is copied at a time.
const PIECE: usize = 256 << 10;
/// Paths of so many bytes are not copied: systems take 4,096, and the home that is made of the backup may lie deeper than this one.
const PATH_BYTES: usize = 3_500;

/// A folder beside its later place. It is removed again unless it is put there.
pub(crate) struct Staged {
    path: PathBuf,
    place: PathBuf,
    put: bool,
}

impl Staged {
    /// Makes the folder, for its owner only. The place must be free, or an empty folder.
    pub(crate) fn new(place: &Path) -> Result<Self> {
        let free = match fs::read_dir(place) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(refused(format!("{}: {error}", place.display()))),
        };
        if !free {
            return Err(refused(format!("{} is there and not empty: nothing was changed", place.display())));
        }
        let name = place.file_name().ok_or_else(|| refused(format!("{} names no folder", place.display())))?;
        let mut beside = std::ffi::OsString::from(".");
        beside.push(name);
        beside.push(format!(".unfinished-{:08x}", rand::random::<u32>()));
        let path = place.with_file_name(beside);
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        private_folder::make_new(&path).with_context(|| path.display().to_string())?;
        Ok(Self { path, place: place.to_owned(), put: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in its place, where it survives the loss of power.
    pub(crate) fn put(mut self) -> Result<()> {
        sync_folders(&self.path).with_context(|| self.path.display().to_string())?;
        // An empty folder gives way; one that has got something meanwhile does not.
        #[cfg(not(unix))]
        let _ = fs::remove_dir(&self.place);
        fs::rename(&self.path, &self.place)
            .with_context(|| format!("{} to {}", self.path.display(), self.place.display()))?;
        self.put = true;
        sync(self.place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.put {
            // It is of no use to anybody, and its name says so.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// What was copied, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    pub(crate) entries: Vec<Entry>,
    pub(crate) left_out: Vec<LeftOut>,
}

/// Copies everything in the folder `from` to the folder `to`, which is made, and lists it under `name`. What is gone when its turn
/// comes was forgotten meanwhile, and is left out; so is what is neither a file nor a folder nor a link. What has a name that is no
/// text, or lies deeper than a path can be long, is noted: one guest's files do not keep a home from being copied.
pub(crate) fn copy_tree(from: &Path, to: &Path, name: &str, copied: &mut Copied) -> Result<()> {
    let found = match fs::read_dir(from) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| from.display().to_string()),
    };
    private_folder::make_new(to).with_context(|| to.display().to_string())?;
    copied.entries.push(Entry { path: name.to_owned(), what: What::Folder { folder: true } });
    let mut names = Vec::new();
    for entry in found {
        match entry.with_context(|| from.display().to_string())?.file_name().into_string() {
            Ok(name) => names.push(name),
            Err(other) => copied.left_out.push(LeftOut::new(&from.join(other), "its name is not UTF-8")),
        }
    }
    names.sort();
    for entry in names {
        let (from, to, name) = (from.join(&entry), to.join(&entry), format!("{name}/{entry}"));
        if longest(&from, &to) >= PATH_BYTES {
            copied.left_out.push(LeftOut::new(&from, format!("its path has {PATH_BYTES} bytes or more")));
            continue;
        }
        let about = match fs::symlink_metadata(&from) {
            Ok(about) => about,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| from.display().to_string()),
        };
        if about.is_dir() {
            copy_tree(&from, &to, &name, copied)?;
        } else if about.is_file() {
            match copy_file(&from, &to) {
                Ok(what) => copied.entries.push(Entry { path: name, what }),
                Err(error) if error.kind() == ErrorKind::NotFound && !from.exists() => {}
                Err(error) => return Err(error).with_context(|| from.display().to_string()),
            }
        } else if about.is_symlink() {
            let link = fs::read_link(&from).with_context(|| from.display().to_string())?;
            match link.into_os_string().into_string() {
                Ok(link) => {
                    make_link(&link, &to).with_context(|| to.display().to_string())?;
                    copied.entries.push(Entry { path: name, what: What::Link { link } });
                }
                Err(_) => copied.left_out.push(LeftOut::new(&from, "it leads to what is not UTF-8")),
            }
        }
    }
    Ok(())
}

/// How long the longer of two paths is, with what the working folder adds to it.
fn longest(from: &Path, to: &Path) -> usize {
    let whole = |path: &Path| std::path::absolute(path).map_or(usize::MAX, |path| path.as_os_str().len());
    whole(from).max(whole(to))
}

/// Copies a file to one that is not there yet, up to where it goes at this moment, and says what was copied.
pub(crate) fn copy_file(from: &Path, to: &Path) -> io::Result<What> {
    let source = File::open(from)?;
    let length = source.metadata()?.len();
    let mut target = new_file(to)?;
    let copied = pump(source.take(length), &mut target)?;
    target.sync_all()?;
    Ok(copied)
}

/// Makes a file that is not there yet, for its owner only.
pub(crate) fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Says what a file is that is there already.
pub(crate) fn list_file(path: &Path) -> io::Result<What> {
    pump(File::open(path)?, &mut io::sink())
}

fn pump(mut source: impl Read, target: &mut impl Write) -> io::Result<What> {
    let (mut digest, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        let read = match source.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        digest.update(&piece[..read]);
        target.write_all(&piece[..read])?;
        bytes += read as u64;
    }
    Ok(What::File { bytes, sha256: hex::encode(digest.finalize()) })
}

/// Copies what a backup lists as one entry, and refuses it if it is not what was listed.
pub(crate) fn restore_entry(backup: &Path, to: &Path, entry: &Entry) -> Result<()> {
    let (from, to) = (backup.join(&entry.path), to.join(&entry.path));
    let shown = || from.display().to_string();
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).with_context(shown)?;
    }
    match &entry.what {
        What::Folder { .. } => match private_folder::make_new(&to) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error).with_context(shown),
            _ => Ok(()),
        },
        What::Link { link } => make_link(link, &to).with_context(shown),
        listed @ What::File { .. } => {
            let about = fs::symlink_metadata(&from).map_err(|error| {
                refused(format!("{}: {error}; the backup is damaged, nothing was restored", shown()))
            })?;
            if !about.is_file() {
                return Err(refused(format!("{} is no file; the backup is damaged, nothing was restored", shown())));
            }
            let copied = copy_file(&from, &to).with_context(shown)?;
            if copied == *listed {
                return Ok(());
            }
            Err(refused(format!(
                "{} is not what was backed up: expected {listed}, found {copied}; nothing was restored",
                shown()
            )))
        }
    }
}

#[cfg(unix)]
fn make_link(link: &str, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(link, at)
}

#[cfg(not(unix))]
fn make_link(_: &str, _: &Path) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::Unsupported, "symbolic links are copied on Unix only"))
}

/// Lets the names in a folder, and in all below, survive the loss of power.
fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync(folder)
}

fn sync(folder: &Path) -> io::Result<()> {
    // Only Unix opens folders.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
