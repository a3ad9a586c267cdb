//! A file of a session while it is written: it appears when it is whole, and not at all otherwise.
//! Does not hold any of it in memory, and no descriptor between two writes: a guest may begin many and leave them lying.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::buffered::BufWriter;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempPath;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::scratch_folder::{ScratchFile, ScratchFolder};
use crate::{FilesError, SessionFiles};

/// How much is read at one time of a file on its way to a bucket.
const PIECE_BYTES: usize = 256 * 1024;
/// A file of this length or less goes to a bucket in one request, a longer one in parts of it; none may be shorter than 5 MiB.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts that are on their way at one time.
const PARTS: usize = 2;

/// A file that is being written.
pub(crate) struct Draft {
    files: SessionFiles,
    bytes: u64,
    writer: Writer,
}

/// Where a draft is, and where it goes.
enum Writer {
    /// In memory, where the files are in memory too.
    Memory { store: Arc<dyn ObjectStore>, key: object_store::path::Path, content: Vec<u8> },
    /// Beside the file that it becomes, under a name that no record has.
    Folder { at: PathBuf, root: Arc<PathBuf>, draft: Option<TempPath> },
    /// In a folder of this machine, so that a bucket sees nothing of what may not be finished.
    Bucket {
        store: Arc<dyn ObjectStore>,
        key: object_store::path::Path,
        scratch: Arc<ScratchFolder>,
        draft: Option<ScratchFile>,
    },
}

impl Draft {
    /// Of a file in memory.
    pub(crate) fn in_memory(files: SessionFiles, store: Arc<dyn ObjectStore>, key: object_store::path::Path) -> Self {
        Self { files, bytes: 0, writer: Writer::Memory { store, key, content: Vec::new() } }
    }

    /// Of a file at a place below a folder.
    pub(crate) fn in_folder(files: SessionFiles, root: Arc<PathBuf>, at: PathBuf) -> Self {
        Self { files, bytes: 0, writer: Writer::Folder { at, root, draft: None } }
    }

    /// Of a file in a bucket, by way of a folder of this machine.
    pub(crate) fn in_bucket(
        files: SessionFiles,
        store: Arc<dyn ObjectStore>,
        key: object_store::path::Path,
        scratch: Arc<ScratchFolder>,
    ) -> Self {
        Self { files, bytes: 0, writer: Writer::Bucket { store, key, scratch, draft: None } }
    }

    pub(crate) async fn append(&mut self, chunk: Vec<u8>) -> Result<(), FilesError> {
        self.bytes += chunk.len() as u64;
        match &mut self.writer {
            Writer::Memory { content, .. } => {
                content.extend_from_slice(&chunk);
                Ok(())
            }
            Writer::Folder { at, root, draft } => {
                if draft.is_none() {
                    let (at, root) = (at.clone(), root.clone());
                    let made = blocking(move || beside(&at, &root)).await;
                    *draft = Some(made.map_err(|error| self.files.unusable(error.to_string()))?);
                }
                append_to(draft.as_deref(), chunk).await.map_err(|error| self.files.unusable(error.to_string()))
            }
            Writer::Bucket { scratch, draft, .. } => {
                let on_its_way = |error: std::io::Error| {
                    self.files.unusable(format!("what is on its way lies in {}: {error}", scratch.path().display()))
                };
                if draft.is_none() {
                    let scratch = scratch.clone();
                    *draft = Some(blocking(move || scratch.file()).await.map_err(on_its_way)?);
                }
                append_to(draft.as_ref().map(|draft| &*draft.path), chunk).await.map_err(on_its_way)
            }
        }
    }

    /// Makes the file appear. Returns its length.
    pub(crate) async fn finish(self) -> Result<u64, FilesError> {
        let (files, bytes) = (self.files, self.bytes);
        match self.writer {
            Writer::Memory { store, key, content } => {
                store.put(&key, content.into()).await.map_err(|error| files.not_written(&error))?;
            }
            Writer::Folder { at, draft, .. } => {
                let finished = blocking(move || draft.map_or(Ok(()), |draft| publish(draft, &at))).await;
                finished.map_err(|error| files.unusable(error.to_string()))?;
            }
            Writer::Bucket { store, key, draft, .. } => {
                let writer = BufWriter::with_capacity(store, key, PART_BYTES).with_max_concurrency(PARTS);
                let sent = send(draft.as_ref().map(|draft| &*draft.path), writer).await;
                sent.map_err(|error| files.unusable(error.to_string()))?;
            }
        }
        Ok(bytes)
    }

    /// Removes what was written so far.
    pub(crate) async fn discard(self) {
        if matches!(self.writer, Writer::Memory { .. }) {
            return;
        }
        // Files are removed by being dropped.
        let _ = blocking(move || {
            drop(self);
            Ok(())
        })
        .await;
    }
}

/// Does what blocks on a thread for that.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

/// Begins a draft of the file at `at`, and makes the folders of it that are missing below `root`.
fn beside(at: &Path, root: &Path) -> std::io::Result<TempPath> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    if let Some(folder) = at.parent() {
        make_lasting(folder, root)?;
    }
    loop {
        // No name of a session's file ends like this: see `session_files::key`.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut name = at.as_os_str().to_owned();
        name.push(format!("#{}{number}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&name) {
            Ok(_) => return TempPath::try_from_path(PathBuf::from(name)),
            // Of another host that shares the folder.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Makes a folder and what is missing above it, so that the loss of power does not take them back.
fn make_lasting(folder: &Path, root: &Path) -> std::io::Result<()> {
    if folder.is_dir() || folder == root {
        return Ok(());
    }
    let Some(parent) = folder.parent() else { return Ok(()) };
    make_lasting(parent, root)?;
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(parent),
    }
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Gives a draft its name. It is on the disk when this returns.
fn publish(draft: TempPath, at: &Path) -> std::io::Result<()> {
    OpenOptions::new().write(true).open(&draft)?.sync_all()?;
    draft.persist(at).map_err(|failed| failed.error)?;
    at.parent().map_or(Ok(()), sync_folder)
}

async fn append_to(path: Option<&Path>, chunk: Vec<u8>) -> std::io::Result<()> {
    let Some(path) = path.map(Path::to_owned) else { return Ok(()) };
    blocking(move || OpenOptions::new().append(true).open(path)?.write_all(&chunk)).await
}

/// Sends a file on. What was sent of one that did not arrive is taken back.
async fn send(path: Option<&Path>, mut to: BufWriter) -> std::io::Result<()> {
    let sent = async {
        if let Some(path) = path {
            let mut file = tokio::fs::File::open(path).await?;
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                let read = file.read(&mut piece).await?;
                if read == 0 {
                    break;
                }
                to.write_all(&piece[..read]).await?;
            }
        }
        to.shutdown().await
    };
    let sent = sent.await;
    if sent.is_err()
        && let Err(error) = to.abort().await
    {
        tracing::debug!(%error, "parts of a file that did not arrive may be left");
    }
    sent
}
