//! Compiled code kept between processes, each entry with a keyed hash that is checked before anything is loaded.
//! Does not compile, and does not protect against the account that it runs under: that one can read the key.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use rustix::fs::OFlags;
use sha2::Sha256;
use wasmtime::Engine;

use crate::SandboxError;
use crate::code::GenuineCode;
use crate::engine_hash::engine_hash;

const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 32;
/// Says what the hash is for; a change of the file's layout changes it.
const PURPOSE: &[u8] = b"taskwright compiled component 1";
/// What a process leaves behind that ends while it writes, by its beginning, and after how long nobody writes it any more.
const UNFINISHED: [&str; 2] = [".new-", ".key-"];
const UNFINISHED_AGE: Duration = Duration::from_secs(3_600);

/// A folder of compiled code.
#[derive(Debug)]
pub(crate) struct CodeCache {
    dir: PathBuf,
    key: [u8; KEY_BYTES],
    engine: String,
    most: Most,
}

/// How large the cache may become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    /// Bytes of code in one entry.
    pub(crate) code_bytes: u64,
    /// Bytes of all entries together.
    pub(crate) cache_bytes: u64,
}

impl CodeCache {
    /// Opens the folder; makes it, and the key, where they are missing.
    pub(crate) fn open(dir: &Path, engine: &Engine, most: Most) -> Result<Self, SandboxError> {
        let failed =
            |problem: io::Error| SandboxError::Cache { path: dir.display().to_string(), problem: problem.to_string() };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let owner = fs::metadata(dir).map_err(failed)?.uid();
        if owner != rustix::process::geteuid().as_raw() {
            return Err(failed(io::Error::other(format!("it belongs to the user {owner}; use a folder of your own"))));
        }
        // It may have been there, and open to others. One that is as it should be is left alone: it may lie where nothing can be changed.
        if fs::metadata(dir).map_err(failed)?.permissions().mode() & 0o777 != 0o700 {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
        let key = key(dir).map_err(failed)?;
        let engine = hex::encode(&engine_hash(engine)[..8]);
        Ok(Self { dir: dir.to_owned(), key, engine, most })
    }

    fn name(&self, digest: &str) -> String {
        format!("{}-{}.code", digest.trim_start_matches("sha256:"), self.engine)
    }

    fn mac(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length is accepted");
        mac.update(PURPOSE);
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(code);
        mac
    }

    /// The code of a component, if it is there and genuine. What is not genuine is removed; what cannot be read now stays.
    pub(crate) fn get(&self, digest: &str) -> Option<GenuineCode> {
        let name = self.name(digest);
        let genuine = match read(&self.dir.join(&name), self.most.code_bytes.saturating_add(TAG_BYTES as u64)) {
            Ok((_, entry)) => entry.split_at_checked(TAG_BYTES).and_then(|(tag, code)| {
                self.mac(&name, code).verify_slice(tag).ok()?;
                Some(GenuineCode::authenticated(code.to_vec()))
            }),
            Err(ReadError::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(ReadError::Unreadable(error)) => {
                tracing::warn!(entry = name, %error, "an entry of the code cache cannot be read now; compiling again");
                return None;
            }
            Err(ReadError::NotOurs(_)) => None,
        };
        if genuine.is_none() {
            tracing::warn!(entry = name, "an entry of the code cache is damaged or not ours; compiling again");
            self.discard(digest);
        }
        genuine
    }

    /// Removes an entry that cannot be used.
    pub(crate) fn discard(&self, digest: &str) {
        let path = self.dir.join(self.name(digest));
        // It is in our way even if it is no file at all. A link is removed, and not what it leads to.
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
    }

    /// Keeps code. A cache that cannot be written to costs time and nothing else, so that is only a warning.
    pub(crate) fn put(&self, digest: &str, code: &GenuineCode) {
        let name = self.name(digest);
        let write = || -> io::Result<()> {
            let mut file = tempfile::Builder::new().prefix(UNFINISHED[0]).tempfile_in(&self.dir)?;
            file.write_all(&self.mac(&name, code.bytes()).finalize().into_bytes())?;
            file.write_all(code.bytes())?;
            file.persist(self.dir.join(&name))?;
            self.make_room(&name)
        };
        if let Err(error) = write() {
            tracing::warn!(entry = name, %error, "compiled code cannot be kept");
        }
    }

    /// Removes the oldest entries until the rest is no larger than allowed, and what was never finished.
    fn make_room(&self, newest: &str) -> io::Result<()> {
        let (mut entries, mut bytes) = (Vec::new(), 0_u64);
        for found in fs::read_dir(&self.dir)? {
            let found = found?;
            // Another process may have removed it meanwhile.
            let (name, Ok(about)) = (found.file_name(), found.metadata()) else { continue };
            let name = name.to_string_lossy();
            let written = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if UNFINISHED.iter().any(|beginning| name.starts_with(beginning)) {
                if written.elapsed().is_ok_and(|age| age > UNFINISHED_AGE) {
                    let _ = fs::remove_file(found.path());
                }
            } else if name.ends_with(".code") {
                bytes = bytes.saturating_add(about.len());
                if name != newest {
                    entries.push((written, about.len(), found.path()));
                }
            }
        }
        entries.sort();
        for (_, length, path) in entries {
            if bytes <= self.most.cache_bytes {
                break;
            }
            if fs::remove_file(path).is_ok() {
                bytes -= length;
            }
        }
        Ok(())
    }
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    /// The system does not let us now: it may be short of descriptors, or the disk may be faulty. It says nothing about the file.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// What is there is nothing that this cache has written.
    #[error("{0}")]
    NotOurs(String),
}

/// Reads a file that is one, of at most this many bytes. Follows no link at its end, and waits for nobody.
fn read(path: &Path, most: u64) -> Result<(fs::Metadata, Vec<u8>), ReadError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let opened = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
            ReadError::NotOurs(format!("`{}` is a link", path.display()))
        }
        _ => ReadError::Unreadable(error),
    })?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(ReadError::NotOurs(format!("`{}` is no file", path.display())));
    }
    let too_large = || ReadError::NotOurs(format!("`{}` has more than {most} bytes", path.display()));
    if about.len() > most {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
    // It may grow while it is read.
    File::take(file, most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large()) } else { Ok((about, bytes)) }
}

/// The installation's key, drawn at random when it is first needed.
fn key(dir: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let path = dir.join("key");
    if let Some(key) = read_key(&path)? {
        return Ok(key);
    }
    let fresh: [u8; KEY_BYTES] = rand::random();
    let temporary = dir.join(format!("{}{}", UNFINISHED[1], hex::encode(rand::random::<[u8; 8]>())));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(&fresh)?;
    file.sync_all()?;
    // A link fails where a key is by now, so that two processes that begin at once agree on one.
    let linked = fs::hard_link(&temporary, &path);
    fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => read_key(&path)?.ok_or_else(|| io::Error::other("the key is gone again")),
    }
}

/// The key that is there. One that somebody else may know or have put there is an error: what it seals proves nothing.
fn read_key(path: &Path) -> io::Result<Option<[u8; KEY_BYTES]>> {
    let (about, bytes) = match read(path, KEY_BYTES as u64) {
        Ok(read) => read,
        Err(ReadError::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(ReadError::Unreadable(error)) => {
            return Err(io::Error::other(format!("`{}` cannot be read: {error}", path.display())));
        }
        Err(ReadError::NotOurs(problem)) => {
            return Err(io::Error::other(format!("`{}` is no key; remove it ({problem})", path.display())));
        }
    };
    let Ok(key) = bytes.try_into() else {
        return Err(io::Error::other(format!("`{}` is no key; remove it", path.display())));
    };
    let refuse = |problem: String| {
        let all = path.parent().unwrap_or(path).display();
        Err(io::Error::other(format!("`{}` {problem}; remove `{all}` with all that is in it", path.display())))
    };
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return refuse(format!("can be used by others: its mode is {mode:o}, expected 600"));
    }
    let (owner, own) = (about.uid(), rustix::process::geteuid().as_raw());
    if owner != own {
        return refuse(format!("belongs to the user {owner}, expected {own}"));
    }
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_reading_removes_no_entry() {
        let dir = tempfile::tempdir().unwrap();
        let most = Most { code_bytes: 1 << 20, cache_bytes: 1 << 20 };
        let cache = CodeCache::open(dir.path(), &Engine::default(), most).unwrap();
        let entry = dir.path().join(cache.name("sha256:00"));
        // It cannot be opened, and the error says nothing about what is in it: as where there are no descriptors left.
        let _socket = std::os::unix::net::UnixListener::bind(&entry).unwrap();
        assert!(cache.get("sha256:00").is_none());
        assert!(fs::symlink_metadata(&entry).is_ok(), "it is still there");
        fs::remove_file(&entry).unwrap();
        fs::write(&entry, [7; 100]).unwrap();
        assert!(cache.get("sha256:00").is_none());
        assert!(fs::symlink_metadata(&entry).is_err(), "its seal was wrong");
    }
}
