//! Compiled code kept between processes, each entry with a keyed hash that is checked before anything is loaded.
//! Does not compile, and does not protect against the account that it runs under: that one can read the key.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Engine;

use crate::SandboxError;
use crate::code::GenuineCode;
use crate::engine_hash::engine_hash;

const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 32;
/// Says what the hash is for; a change of the file's layout changes it.
const PURPOSE: &[u8] = b"taskwright compiled component 1";

/// A folder of compiled code.
#[derive(Debug)]
pub(crate) struct CodeCache {
    dir: PathBuf,
    key: [u8; KEY_BYTES],
    engine: String,
}

impl CodeCache {
    /// Opens the folder; makes it, and the key, where they are missing.
    pub(crate) fn open(dir: &Path, engine: &Engine) -> Result<Self, SandboxError> {
        let failed =
            |problem: io::Error| SandboxError::Cache { path: dir.display().to_string(), problem: problem.to_string() };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        // It may have been there, and open to others.
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        let key = key(dir).map_err(failed)?;
        let engine = hex::encode(&engine_hash(engine)[..8]);
        Ok(Self { dir: dir.to_owned(), key, engine })
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

    /// The code of a component, if it is there and genuine. What is not genuine is removed.
    pub(crate) fn get(&self, digest: &str) -> Option<GenuineCode> {
        let name = self.name(digest);
        let path = self.dir.join(&name);
        let entry = fs::read(&path).ok()?;
        let code = entry.split_at_checked(TAG_BYTES).and_then(|(tag, code)| {
            self.mac(&name, code).verify_slice(tag).ok()?;
            Some(code.to_vec())
        });
        if code.is_none() {
            tracing::warn!(entry = name, "an entry of the code cache is damaged or not ours; compiling again");
            self.discard(digest);
        }
        code.map(GenuineCode::authenticated)
    }

    /// Removes an entry that cannot be used.
    pub(crate) fn discard(&self, digest: &str) {
        let _ = fs::remove_file(self.dir.join(self.name(digest)));
    }

    /// Keeps code. A cache that cannot be written to costs time and nothing else, so that is only a warning.
    pub(crate) fn put(&self, digest: &str, code: &GenuineCode) {
        let name = self.name(digest);
        let write = || -> io::Result<()> {
            let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.dir)?;
            file.write_all(&self.mac(&name, code.bytes()).finalize().into_bytes())?;
            file.write_all(code.bytes())?;
            file.persist(self.dir.join(&name))?;
            Ok(())
        };
        if let Err(error) = write() {
            tracing::warn!(entry = name, %error, "compiled code cannot be kept");
        }
    }
}

/// The installation's key, drawn at random when it is first needed.
fn key(dir: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let path = dir.join("key");
    if let Some(key) = read_key(&path)? {
        return Ok(key);
    }
    let fresh: [u8; KEY_BYTES] = rand::random();
    let temporary = dir.join(format!(".key-{}", hex::encode(rand::random::<[u8; 8]>())));
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

fn read_key(path: &Path) -> io::Result<Option<[u8; KEY_BYTES]>> {
    match fs::read(path) {
        Ok(bytes) => match bytes.try_into() {
            Ok(key) => Ok(Some(key)),
            Err(_) => Err(io::Error::other(format!("`{}` is no key; remove it", path.display()))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
