//! The home's `kinds/`: components by their digest, an index of those that are installed, and files dropped in by hand.
//! Does not judge components, and does not say which of them run: `kind_source` does.

mod index;

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use taskwright_registry::clean_line;
use taskwright_sandbox::SelfDescription;

pub(crate) use self::index::{Index, Installed};
use crate::exit_code::refused;
use crate::plain_file;
use crate::private_folder;
use crate::trust::SIGNATURE;

/// The largest file that is read at all; the sandbox has its own limit.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// A signature of minisign has four short lines.
const MAX_SIGNATURE_BYTES: u64 = 16 << 10;
/// The stores that were served, one a line. Its name begins with a dot, so that a change of it is no change of the kinds.
pub(crate) const STORES: &str = ".stores";
/// What a component says of itself is short.
const MAX_SAID_BYTES: u64 = 16 << 20;
/// How long it is waited for another command that changes the folder.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// How a component is named: `sha256:` and 64 hexadecimal digits.
pub(crate) fn digest_of(wasm: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(wasm)))
}

/// Reads a file that may be a component.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let wrong = |problem: String| refused(format!("{}: {problem}", path.display()));
    plain_file::read(path, MAX_FILE_BYTES).map_err(|error| wrong(error.to_string()))
}

/// Reads the signature that lies beside a component as `FILE.minisig`, if there is one.
pub(crate) fn signature_beside(path: &Path) -> Result<Option<String>> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{SIGNATURE}"));
    match Path::new(&beside).metadata() {
        Ok(_) => read_signature(Path::new(&beside)).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused(format!("{}: {error}", Path::new(&beside).display()))),
    }
}

/// Reads a signature.
pub(crate) fn read_signature(path: &Path) -> Result<String> {
    let wrong = |problem: String| refused(format!("{}: {problem}", path.display()));
    plain_file::read_text(path, MAX_SIGNATURE_BYTES).map_err(|error| wrong(error.to_string()))
}

/// The folder, whether or not it is there.
#[derive(Debug, Clone)]
pub(crate) struct KindsFolder {
    dir: PathBuf,
}

/// That no other command changes the folder.
struct Locked {
    _file: File,
}

impl KindsFolder {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    fn index_path(&self) -> PathBuf {
        self.dir.join("index.toml")
    }

    fn component_path(&self, digest: &str) -> PathBuf {
        self.dir.join(format!("{}.wasm", digest.replacen(':', "-", 1)))
    }

    fn said_path(&self, digest: &str) -> PathBuf {
        self.component_path(digest).with_extension("json")
    }

    /// What is installed.
    pub(crate) fn index(&self) -> Result<Index> {
        Index::read(&self.index_path())
    }

    /// A component by its digest, with the text of its signature. What has another digest is refused.
    pub(crate) fn read(&self, digest: &str) -> Result<(Vec<u8>, Option<String>)> {
        let path = self.component_path(digest);
        let wasm = read_file(&path)?;
        let actual = digest_of(&wasm);
        if actual != digest {
            return Err(refused(format!(
                "{}: its content has changed since it was installed: expected {digest}, found {actual}; \
                 it is not loaded. Remove the kind and install it again from where you trust it",
                path.display()
            )));
        }
        Ok((wasm, signature_beside(&path)?))
    }

    /// Whether there is a file for a digest.
    pub(crate) fn has(&self, digest: &str) -> bool {
        self.component_path(digest).is_file()
    }

    /// What a component has said of itself, if that was kept with it.
    pub(crate) fn said(&self, digest: &str) -> Result<Option<SelfDescription>> {
        if let Some(installed) = self.index()?.get(digest) {
            return installed.said();
        }
        let path = self.said_path(digest);
        let wrong = |problem: String| refused(format!("{}: {problem}", path.display()));
        match plain_file::read_text(&path, MAX_SAID_BYTES) {
            Ok(json) => SelfDescription::from_json(&json).map(Some).map_err(|error| wrong(error.to_string())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(wrong(error.to_string())),
        }
    }

    /// Writes down what a component said that was installed or kept without it.
    pub(crate) fn write_down(&self, digest: &str, said: &SelfDescription) -> Result<()> {
        if self.index()?.get(digest).is_some() {
            return self.change(|index| index.write_down(digest, said));
        }
        let path = self.said_path(digest);
        if path.exists() { Ok(()) } else { write_whole(&path, said.to_json()?.as_bytes()) }
    }

    /// Keeps a component for the tasks that will have begun with it, with what it has said of itself unless the
    /// index says that. Says nothing of its being installed.
    pub(crate) fn keep(
        &self,
        digest: &str,
        wasm: &[u8],
        signature: Option<&str>,
        said: Option<&SelfDescription>,
    ) -> Result<()> {
        let path = self.component_path(digest);
        self.make()?;
        if let Some(said) = said {
            self.write_down(digest, said)?;
        }
        if let Some(signature) = signature
            && signature_beside(&path)?.as_deref() != Some(signature)
        {
            write_whole(&path.with_extension(format!("wasm.{SIGNATURE}")), signature.as_bytes())?;
        }
        if path.is_file() && digest_of(&read_file(&path)?) == digest {
            return Ok(());
        }
        write_whole(&path, wasm)
    }

    /// Changes what is installed, while no other command does.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Index) -> Result<T>) -> Result<T> {
        self.make()?;
        let _locked = self.lock()?;
        let mut index = self.index()?;
        let before = index.clone();
        let done = change(&mut index)?;
        if index != before {
            write_whole(&self.index_path(), index.text()?.as_bytes())?;
        }
        Ok(done)
    }

    /// The stores that hosts of this home have served, whose tasks may need what lies here.
    pub(crate) fn stores(&self) -> Result<Vec<String>> {
        let path = self.dir.join(STORES);
        match plain_file::read_text(&path, MAX_SAID_BYTES) {
            Ok(text) => Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(refused(format!("{}: {error}", path.display()))),
        }
    }

    /// Notes a store among them.
    pub(crate) fn remember_store(&self, name: &str) -> Result<()> {
        let known = |stores: &[String]| stores.iter().any(|store| store == name);
        if known(&self.stores()?) {
            return Ok(());
        }
        self.make()?;
        let _locked = self.lock()?;
        let mut stores = self.stores()?;
        if !known(&stores) {
            stores.push(name.to_owned());
            let text: String = stores.iter().map(|store| format!("{store}\n")).collect();
            write_whole(&self.dir.join(STORES), text.as_bytes())?;
        }
        Ok(())
    }

    /// Removes the components that `needed` does not name, and says which those were.
    pub(crate) fn sweep(&self, needed: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let mut removed = Vec::new();
        for digest in self.digests()? {
            if !needed(&digest) {
                let path = self.component_path(&digest);
                for path in [path.with_extension(format!("wasm.{SIGNATURE}")), self.said_path(&digest), path] {
                    match fs::remove_file(&path) {
                        Err(error) if error.kind() != ErrorKind::NotFound => {
                            return Err(error).with_context(|| path.display().to_string());
                        }
                        _ => {}
                    }
                }
                removed.push(digest);
            }
        }
        Ok(removed)
    }

    /// The digests that there are files for.
    pub(crate) fn digests(&self) -> Result<Vec<String>> {
        let digest = |path: &PathBuf| digest_in_name(path);
        Ok(self.files()?.iter().filter_map(digest).collect())
    }

    /// Files that somebody has put here by hand, by name.
    pub(crate) fn dropped(&self) -> Result<Vec<PathBuf>> {
        Ok(self.files()?.into_iter().filter(|path| digest_in_name(path).is_none()).collect())
    }

    /// Whether a file is one of those.
    pub(crate) fn is_dropped(&self, file: &Path) -> Result<bool> {
        let file = file.canonicalize().ok();
        Ok(self.dropped()?.iter().any(|dropped| file.is_some() && dropped.canonicalize().ok() == file))
    }

    /// All components, by name.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| self.dir.display().to_string()),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.with_context(|| self.dir.display().to_string())?.path();
            if path.extension().is_some_and(|extension| extension == "wasm") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    fn make(&self) -> Result<()> {
        // The home around it, if this is the first that is made of it, is for its owner alone, too.
        let made = self.dir.parent().map_or(Ok(()), private_folder::make);
        made.and_then(|()| private_folder::make(&self.dir)).with_context(|| self.dir.display().to_string())
    }

    fn lock(&self) -> Result<Locked> {
        let path = self.dir.join(".lock");
        let shown = || path.display().to_string();
        let file = File::options().create(true).truncate(false).write(true).open(&path).with_context(shown)?;
        let until = Instant::now() + LOCK_WAIT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Locked { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(anyhow::anyhow!("{}: another command is changing the kinds; try again", shown()));
                }
                Err(TryLockError::Error(error)) => return Err(error).with_context(shown),
            }
        }
    }
}

/// The digest that a file is named by.
fn digest_in_name(path: &Path) -> Option<String> {
    let digits = path.file_stem()?.to_str()?.strip_prefix("sha256-")?;
    let hexadecimal = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    hexadecimal.then(|| format!("sha256:{digits}"))
}

/// Writes a file so that it is there as a whole or not at all, also after a loss of power.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let shown = || clean_line(&path.display().to_string(), 400);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{:016x}.new", rand::random::<u64>()));
    let new = folder.join(name);
    let written = (|| {
        let mut file = File::create_new(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        // The name is durable when its folder is. Not every system can open one.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok::<_, std::io::Error>(())
    })();
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written.with_context(shown)
}
