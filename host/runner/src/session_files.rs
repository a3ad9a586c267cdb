//! The files of sessions: results, artifacts and logs of tasks, below `/.tasks/{task_id}/`.
//! Does not say who may read them: a caller finds a path in a record, and records are scoped by session.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use taskwright_registry::{Task, TaskId};

use crate::bucket::log::BucketLogs;
use crate::bucket::{self, BucketAddress};
use crate::draft::Draft;
use crate::log_folder::LogFolder;
use crate::output_log::Logs;
use crate::own_folder;
use crate::scratch_folder::ScratchFolder;

/// Why a session's files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// There is no such file.
    #[error("there is no file {path} in the session's files")]
    NotFound {
        /// What was looked for.
        path: String,
    },
    /// A task's own folder is wanted, and the files are in memory or in a bucket.
    #[error(
        "a task's own folder needs session files in a local folder; open the runner with one, or do not grant the kind `task_folder`"
    )]
    NoFolder,
    /// The folder, the disk or the bucket refuses.
    #[error("the session's files at {root} cannot be used: {reason}")]
    Unusable {
        /// Where they are: a folder, or the address of a bucket.
        root: String,
        /// Why.
        reason: String,
    },
}

/// Where files and logs are.
#[derive(Clone)]
enum Place {
    Folder(Arc<PathBuf>),
    Memory { logs: Arc<Mutex<BTreeMap<(TaskId, u64), LogFolder>>> },
    Bucket { address: BucketAddress, scratch: Arc<ScratchFolder> },
}

/// A path of the session's files as the folder has it: as it is, so that a person finds it under the name that the record
/// has. Only what the folder could not hold is written in another way, by percent signs.
pub(crate) fn key(path: &str) -> object_store::path::Path {
    let path = path.trim_start_matches('/');
    let name = path.rsplit('/').next().unwrap_or(path);
    // Names that end so are those of files which are still being written.
    let unfinished = name.split_once('#').is_some_and(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
    match object_store::path::Path::parse(path) {
        Ok(key) if !unfinished => key,
        _ => object_store::path::Path::from(path),
    }
}

fn task_folder(root: &Path, task: &TaskId) -> PathBuf {
    root.join(".tasks").join(task.as_str())
}

/// The files of all sessions of one store. Clones share them.
#[derive(Clone)]
pub struct SessionFiles {
    place: Place,
    store: Arc<dyn ObjectStore>,
    /// The same folder without a sync for each file.
    copies: Arc<dyn ObjectStore>,
}

impl SessionFiles {
    /// Files in a folder, which is made if it is missing. What is written is on the disk when a call returns.
    ///
    /// Nobody but this user can read what tasks leave there: `.tasks` in it is closed to others, also one of this user's that is
    /// open so far. The folder itself stays as open as it is; one that its group may write to is taken for shared by hosts that
    /// run as several users, and there nothing is closed.
    ///
    /// # Errors
    /// `Unusable` if the folder cannot be made or is none.
    pub fn folder(root: impl AsRef<Path>) -> Result<Self, FilesError> {
        let root = root.as_ref();
        let unusable = |reason: String| FilesError::Unusable { root: root.display().to_string(), reason };
        own_folder::make(root).map_err(|error| unusable(error.to_string()))?;
        let open = || LocalFileSystem::new_with_prefix(root).map_err(|error| unusable(error.to_string()));
        let (store, copies) = (open()?.with_fsync(true), open()?);
        let place = Place::Folder(Arc::new(root.to_owned()));
        Ok(Self { place, store: Arc::new(store), copies: Arc::new(copies) })
    }

    /// Files that are gone with this and its clones, for tests and simulations: nothing is written to a disk, and no thread
    /// but the caller's has a part in it, so a run on paused time can be repeated.
    #[must_use]
    pub fn in_memory() -> Self {
        let store = Arc::new(InMemory::new());
        Self { place: Place::Memory { logs: Arc::default() }, store: store.clone(), copies: store }
    }

    /// Files in a bucket of the protocol of S3, which must be there, so that hosts share them. `settings` say where its server is and
    /// who asks, under the names of the environment (`AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, ..); others among
    /// them are passed over, so `std::env::vars()` may be given. What is being written lies in the folder `scratch` until it is
    /// whole. What is written is in the bucket when a call returns; only a log's end may be some seconds behind. A request is repeated
    /// for at most half a minute. Nothing is asked yet: `check` does.
    ///
    /// # Errors
    /// `Unusable` if a setting is none, or the folder cannot be made.
    pub fn bucket(
        address: BucketAddress,
        settings: impl IntoIterator<Item = (String, String)>,
        scratch: impl AsRef<Path>,
    ) -> Result<Self, FilesError> {
        let unusable = |reason: String| FilesError::Unusable { root: address.to_string(), reason };
        let folder = scratch.as_ref().to_owned();
        std::fs::create_dir_all(&folder).map_err(|error| unusable(format!("{}: {error}", folder.display())))?;
        let store = address.open(settings).map_err(unusable)?;
        let place = Place::Bucket { address, scratch: Arc::new(ScratchFolder::new(folder)) };
        Ok(Self { place, copies: store.clone(), store })
    }

    /// Asks a bucket whether it is there and may be read. There is nothing to ask of a folder.
    ///
    /// # Errors
    /// `Unusable`, with what an operator can do about it.
    pub async fn check(&self) -> Result<(), FilesError> {
        if self.are_local() {
            return Ok(());
        }
        // One that nobody has: a single request, whatever is in the bucket.
        let nothing = object_store::path::Path::from(".tasks/none");
        match self.store.list(Some(&nothing)).try_next().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.unusable(self.reason(&error))),
        }
    }

    /// Where they, or what is on its way to them, lie on this machine.
    pub(crate) fn local_folders(&self) -> Vec<PathBuf> {
        match &self.place {
            Place::Folder(folder) => vec![folder.to_path_buf()],
            Place::Bucket { scratch, .. } => vec![scratch.path().to_path_buf()],
            Place::Memory { .. } => Vec::new(),
        }
    }

    /// Whether no request to elsewhere is needed for them.
    pub(crate) fn are_local(&self) -> bool {
        !matches!(self.place, Place::Bucket { .. })
    }

    pub(crate) fn unusable(&self, reason: String) -> FilesError {
        let root = match &self.place {
            Place::Folder(root) => root.display().to_string(),
            Place::Memory { .. } => "(memory)".to_owned(),
            Place::Bucket { address, .. } => address.to_string(),
        };
        FilesError::Unusable { root, reason }
    }

    /// What holds the files.
    pub(crate) fn objects(&self) -> &dyn ObjectStore {
        self.store.as_ref()
    }

    fn reason(&self, error: &object_store::Error) -> String {
        let advice = if matches!(self.place, Place::Bucket { .. }) { bucket::advice(error) } else { "" };
        format!("{error}{advice}")
    }

    /// What went wrong with a file that is read.
    fn error(&self, path: &str, error: &object_store::Error) -> FilesError {
        match error {
            object_store::Error::NotFound { .. } => FilesError::NotFound { path: path.to_owned() },
            other => self.unusable(self.reason(other)),
        }
    }

    /// What went wrong with a file that is written, of which no part can be missing but the bucket or the folder.
    pub(crate) fn not_written(&self, error: &object_store::Error) -> FilesError {
        self.unusable(self.reason(error))
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// `Unusable`.
    pub async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), FilesError> {
        let key = key(path);
        self.store.put(&key, bytes.into()).await.map(|_| ()).map_err(|error| self.not_written(&error))
    }

    /// Writes a whole file that is a copy of what the store has: it appears as a whole or not at all, but the loss of power
    /// may take it back.
    pub(crate) async fn put_copy(&self, path: &str, bytes: Vec<u8>) -> Result<(), FilesError> {
        let key = key(path);
        self.copies.put(&key, bytes.into()).await.map(|_| ()).map_err(|error| self.not_written(&error))
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// `NotFound`, `Unusable`.
    pub async fn read(&self, path: &str) -> Result<Bytes, FilesError> {
        let key = key(path);
        let found = self.store.get(&key).await.map_err(|error| self.error(path, &error))?;
        found.bytes().await.map_err(|error| self.error(path, &error))
    }

    /// Reads a file piece by piece.
    ///
    /// # Errors
    /// `NotFound`, `Unusable`; each piece may be `Unusable`.
    pub async fn pieces(&self, path: &str) -> Result<BoxStream<'static, Result<Bytes, FilesError>>, FilesError> {
        let (key, files) = (key(path), self.clone());
        let found = self.store.get(&key).await.map_err(|error| self.error(path, &error))?;
        Ok(found.into_stream().map_err(move |error| files.unusable(files.reason(&error))).boxed())
    }

    /// Begins a file that appears when it is finished, and not at all otherwise.
    pub(crate) fn draft(&self, path: &str) -> Draft {
        let (files, store) = (self.clone(), self.store.clone());
        match &self.place {
            Place::Folder(root) => Draft::in_folder(files, root.clone(), Self::path_below(root.as_path(), path)),
            Place::Memory { .. } => Draft::in_memory(files, store, key(path)),
            Place::Bucket { scratch, .. } => Draft::in_bucket(files, store, key(path), scratch.clone()),
        }
    }

    /// Where a path of the session's files lies in the folder; `None` for files that are in none.
    #[must_use]
    pub fn local_path(&self, path: &str) -> Option<PathBuf> {
        match &self.place {
            Place::Folder(root) => Some(Self::path_below(root.as_path(), path)),
            Place::Memory { .. } | Place::Bucket { .. } => None,
        }
    }

    /// Where a path of the session's files, as a record names it, lies on this machine if the files are in the folder
    /// `root`. It makes nothing and looks at nothing.
    #[must_use]
    pub fn path_below(root: impl AsRef<Path>, path: &str) -> PathBuf {
        root.as_ref().join(key(path).as_ref())
    }

    /// Removes a file. One that is not there is no error.
    ///
    /// # Errors
    /// `Unusable`.
    pub(crate) async fn remove(&self, path: &str) -> Result<(), FilesError> {
        match self.store.delete(&key(path)).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(self.error(path, &error)),
        }
    }

    /// Removes all files of a task. One that has none is no error.
    ///
    /// # Errors
    /// `Unusable`; some of the files may be gone then.
    pub(crate) async fn remove_task(&self, task: &TaskId) -> Result<(), FilesError> {
        match &self.place {
            Place::Folder(root) => match tokio::fs::remove_dir_all(&task_folder(root, task)).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(self.unusable(error.to_string())),
                _ => Ok(()),
            },
            Place::Memory { logs } => {
                logs.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _), _| of != task);
                self.remove_objects(task).await
            }
            Place::Bucket { .. } => self.remove_objects(task).await,
        }
    }

    async fn remove_objects(&self, task: &TaskId) -> Result<(), FilesError> {
        let folder = object_store::path::Path::from(format!(".tasks/{task}"));
        let files = self.store.list(Some(&folder)).map_ok(|file| file.location).boxed();
        let gone = |removed| async move {
            match removed {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        };
        let removed = self.store.delete_stream(files).map(Ok).try_for_each(gone).await;
        removed.map_err(|error: object_store::Error| self.unusable(self.reason(&error)))
    }

    /// Makes the folder that is a task's own, if it is missing, and says where it lies. It is for the task's instances on
    /// this machine, and goes with the task's other files.
    ///
    /// # Errors
    /// `Unusable`; `NoFolder` for files that no guest could open.
    pub(crate) fn own_folder(&self, task: &TaskId) -> Result<PathBuf, FilesError> {
        let Place::Folder(root) = &self.place else {
            return Err(FilesError::NoFolder);
        };
        let folder = task_folder(root, task).join("files");
        let made = std::fs::create_dir_all(&folder).and_then(|()| std::fs::symlink_metadata(&folder));
        match made {
            Ok(found) if found.is_dir() => Ok(folder),
            Ok(_) => Err(self.unusable(format!("{} is no folder", folder.display()))),
            Err(error) => Err(self.unusable(error.to_string())),
        }
    }

    /// Where the logs of a task's output lie.
    pub(crate) fn output_logs(&self, task: &Task) -> Logs {
        let birth = task.dispatch.birth;
        match &self.place {
            Place::Folder(root) => Logs::Local(LogFolder::Disk { folder: task_folder(root, &task.id), birth }),
            Place::Memory { logs } => {
                let mut logs = logs.lock().unwrap_or_else(PoisonError::into_inner);
                Logs::Local(logs.entry((task.id.clone(), birth)).or_insert_with(LogFolder::in_memory).clone())
            }
            Place::Bucket { .. } => Logs::Bucket(BucketLogs::new(self.store.clone(), &task.id, birth)),
        }
    }
}

#[cfg(test)]
mod tests;
