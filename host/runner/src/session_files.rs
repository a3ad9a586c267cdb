//! The files of sessions: results, artifacts and logs of tasks, below `/.tasks/{task_id}/`.
//! Does not say who may read them: a caller finds a path in a record, and records are scoped by session.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, ObjectStoreExt};
use taskwright_registry::TaskId;

/// How much of a draft is held in memory before it goes to disk.
const DRAFT_BUFFER_BYTES: usize = 256 * 1024;

/// Why a session's files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// There is no such file.
    #[error("there is no file {path} in the session's files")]
    NotFound {
        /// What was looked for.
        path: String,
    },
    /// The folder or the disk refuses.
    #[error("the session's files at {root} cannot be used: {reason}")]
    Unusable {
        /// Where they are.
        root: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The files of all sessions of one store.
#[derive(Clone)]
pub struct SessionFiles {
    root: Arc<PathBuf>,
    store: Arc<dyn ObjectStore>,
    /// The same folder without a sync for each file.
    copies: Arc<dyn ObjectStore>,
}

impl SessionFiles {
    /// Files in a folder, which is made if it is missing. What is written is on the disk when a call returns.
    ///
    /// # Errors
    /// `Unusable` if the folder cannot be made or is none.
    pub fn folder(root: impl AsRef<Path>) -> Result<Self, FilesError> {
        let root = root.as_ref();
        let unusable = |reason: String| FilesError::Unusable { root: root.to_owned(), reason };
        std::fs::create_dir_all(root).map_err(|error| unusable(error.to_string()))?;
        let open = || LocalFileSystem::new_with_prefix(root).map_err(|error| unusable(error.to_string()));
        let (store, copies) = (open()?.with_fsync(true), open()?);
        Ok(Self { root: Arc::new(root.to_owned()), store: Arc::new(store), copies: Arc::new(copies) })
    }

    fn error(&self, path: &str, error: object_store::Error) -> FilesError {
        match error {
            object_store::Error::NotFound { .. } => FilesError::NotFound { path: path.to_owned() },
            other => FilesError::Unusable { root: self.root.as_ref().clone(), reason: other.to_string() },
        }
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// `Unusable`.
    pub async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), FilesError> {
        let key = object_store::path::Path::from(path.trim_start_matches('/'));
        self.store.put(&key, bytes.into()).await.map(|_| ()).map_err(|error| self.error(path, error))
    }

    /// Writes a whole file that is a copy of what the store has: it appears as a whole or not at all, but the loss of power
    /// may take it back.
    pub(crate) async fn put_copy(&self, path: &str, bytes: Vec<u8>) -> Result<(), FilesError> {
        let key = object_store::path::Path::from(path.trim_start_matches('/'));
        self.copies.put(&key, bytes.into()).await.map(|_| ()).map_err(|error| self.error(path, error))
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// `NotFound`, `Unusable`.
    pub async fn read(&self, path: &str) -> Result<Bytes, FilesError> {
        let key = object_store::path::Path::from(path.trim_start_matches('/'));
        let found = self.store.get(&key).await.map_err(|error| self.error(path, error))?;
        found.bytes().await.map_err(|error| self.error(path, error))
    }

    /// Begins a file that appears when it is finished, and not at all otherwise.
    pub(crate) fn draft(&self, path: &str) -> Draft {
        let key = object_store::path::Path::from(path.trim_start_matches('/'));
        Draft {
            files: self.clone(),
            path: path.to_owned(),
            bytes: 0,
            writer: BufWriter::with_capacity(self.store.clone(), key, DRAFT_BUFFER_BYTES),
        }
    }

    /// Where a path of the session's files, as a record names it, lies on this machine if the files are in the folder
    /// `root`. It makes nothing and looks at nothing.
    #[must_use]
    pub fn local_path(root: impl AsRef<Path>, path: &str) -> PathBuf {
        root.as_ref().join(path.trim_start_matches('/'))
    }

    /// Where the log of a task's output lies.
    pub(crate) fn output_log(&self, task: &TaskId) -> PathBuf {
        self.root.join(".tasks").join(task.as_str()).join("output.log")
    }
}

/// A file that is being written.
pub(crate) struct Draft {
    files: SessionFiles,
    path: String,
    bytes: u64,
    writer: BufWriter,
}

impl Draft {
    pub(crate) async fn append(&mut self, chunk: Vec<u8>) -> Result<(), FilesError> {
        self.bytes += chunk.len() as u64;
        self.writer.put(chunk.into()).await.map_err(|error| self.files.error(&self.path, error))
    }

    /// Makes the file appear. Returns its length.
    pub(crate) async fn finish(mut self) -> Result<u64, FilesError> {
        use tokio::io::AsyncWriteExt;
        self.writer.shutdown().await.map_err(|error| FilesError::Unusable {
            root: self.files.root.as_ref().clone(),
            reason: error.to_string(),
        })?;
        Ok(self.bytes)
    }

    /// Removes what was written so far.
    pub(crate) async fn discard(mut self) {
        if let Err(error) = self.writer.abort().await {
            // A writer that never left its buffer has nothing to remove and says so.
            tracing::debug!(path = self.path, %error, "a draft was not removed");
        }
    }
}
