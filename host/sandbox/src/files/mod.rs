//! Files as a guest sees them: the folders of its grants and the one of its task, behind counting, quota and revocation.
//! Does not open or change files itself: `wasmtime-wasi` does, beneath a folder's handle and never out of it.

mod descriptor;
mod directory;
mod folder;
mod open_files;
mod path;
mod place;
mod quota;
mod stream;
mod sync_pace;
mod walk;
mod way;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{FsError, FsResult};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::file_thread::FileShare;
use crate::meter::Meter;
use crate::protected::Id;
use crate::{Access, AttemptError, AttemptHost, LiveGrants, ProtectedPaths};
use folder::Folder;
pub(crate) use open_files::PER_INSTANCE;
use open_files::{OpenFiles, OpenPlace};
use quota::{OpenFile, Quota};
use sync_pace::SyncPace;

/// Where a guest finds the folder of its task's own.
const OWN_FOLDER: &str = "/task";

/// Why a read or write within a stream was refused. `filesystem-error-code` tells a guest which it was.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the folder is not granted any more, or not for this")]
    Access,
    #[error("the budget's `file_bytes` does not allow more in the task's own folder")]
    Quota,
    #[error("the disk of this host is almost full")]
    Space,
    #[error("the budget's `open_files` does not allow more")]
    OpenFiles,
    #[error("the session has as many files open as it may have of this host's, or all of them are in use")]
    Descriptors,
}

impl Refused {
    fn code(self) -> ErrorCode {
        match self {
            Self::Access => ErrorCode::Access,
            Self::Quota | Self::OpenFiles => ErrorCode::Quota,
            Self::Space => ErrorCode::InsufficientSpace,
            // It may be worth while to try again.
            Self::Descriptors => ErrorCode::Busy,
        }
    }
}

impl From<Refused> for FsError {
    fn from(refused: Refused) -> Self {
        refused.code().into()
    }
}

/// What is known of a descriptor that a guest holds.
#[derive(Clone)]
struct Held {
    folder: Arc<Folder>,
    /// How many folders deep it lies below its preopened one, at most.
    depth: usize,
    /// For a file in the task's own folder.
    open: Option<Arc<OpenFile>>,
    /// Whether it is a directory.
    dir: bool,
    /// Of the descriptor; none for those that the instance began with.
    place: Option<Arc<OpenPlace>>,
    /// What it is a handle of, in a folder that the operator granted; nothing of the host's own lies in the task's.
    id: Option<Id>,
}

/// The files of one instance.
pub(crate) struct Files {
    meter: Arc<Meter>,
    /// In the order of the preopened directories.
    folders: Vec<Arc<Folder>>,
    held: HashMap<u32, Held>,
    open_files: OpenFiles,
    syncs: SyncPace,
    protected: ProtectedPaths,
}

impl Files {
    /// Opens the folders that are granted now, and the task's own, whose content is counted.
    ///
    /// # Errors
    /// `Internal`, with the name of the grant whose folder cannot be used. What the host calls that folder is in its log: the
    /// error stands in the record, which a guest's parent and a session can read.
    pub(crate) fn open(
        builder: &mut WasiCtxBuilder,
        grants: &LiveGrants,
        own: Option<&Path>,
        (host, meter): (&Arc<dyn AttemptHost>, Arc<Meter>),
        (share, protected): (FileShare, &ProtectedPaths),
    ) -> Result<Self, AttemptError> {
        let current = grants.current();
        // See `Instance::begin`: an instance with folders has a thread of its own to block.
        builder.allow_blocking_current_thread(own.is_some() || !current.folders.is_empty());
        let mut folders = Vec::new();
        for grant in &current.folders {
            // Before it is opened, where nobody has said so before: what another guest can change must not lead elsewhere.
            if let Err(error) = protected.keep_way(&grant.host_path) {
                tracing::debug!(grant = %grant.name, %error, "the way to a granted folder cannot be followed");
            }
            let opened = builder.preopened_dir(&grant.host_path, format!("/{}", grant.name), perms(grant.access));
            opened.map_err(|error| {
                tracing::warn!(grant = %grant.name, folder = %grant.host_path.display(), %error, "a granted folder cannot be opened");
                AttemptError::Internal(format!(
                    "the folder granted as `{}` cannot be opened; the host's log says why",
                    grant.name
                ))
            })?;
            let above = protected.above(&grant.host_path).ok().flatten();
            if let Some(above) = above {
                tracing::warn!(
                    grant = %grant.name, folder = %grant.host_path.display(), own = %above.display(),
                    "a granted folder is the host's own, or lies in what is"
                );
                return Err(AttemptError::Internal(format!(
                    "the folder granted as `{}` is the host's own; grant another one",
                    grant.name
                )));
            }
            folders.push(Folder::granted(grant.clone(), grants.clone()));
        }
        if let Some(path) = own {
            if current.folders.iter().any(|grant| format!("/{}", grant.name) == OWN_FOLDER) {
                let problem = "a folder is granted as `task`, and so is the task's own; grant it by another name";
                return Err(AttemptError::Internal(problem.to_owned()));
            }
            let unusable = |error: &dyn std::fmt::Display| {
                tracing::warn!(folder = %path.display(), %error, "a task's own folder cannot be used");
                AttemptError::Internal("the task's own folder cannot be used; the host's log says why".to_owned())
            };
            // Counting what lies there is work that the guest has made; it is counted as the guest's own.
            meter.resume();
            let quota = Quota::of(path, meter.clone(), host.clone());
            meter.pause();
            let quota = quota.map_err(|error| unusable(&error))?;
            builder.preopened_dir(path, OWN_FOLDER, FsPerms::ReadWrite).map_err(|error| unusable(&error))?;
            folders.push(Folder::own(quota, grants.clone()));
        }
        let open_files = OpenFiles::new(meter.clone(), share.descriptors);
        let (syncs, protected) = (SyncPace::new(share.syncs), protected.clone());
        Ok(Self { meter, folders, held: HashMap::new(), open_files, syncs, protected })
    }
}

fn perms(access: Access) -> FsPerms {
    match access {
        Access::Read => FsPerms::ReadOnly,
        Access::Write => FsPerms::ReadWrite,
    }
}

/// Names the store's data to the generated bindings.
pub(crate) struct HasFiles;

impl HasData for HasFiles {
    type Data<'a> = FilesView<'a>;
}

/// The files of one instance, with what `wasmtime-wasi` keeps of them.
pub(crate) struct FilesView<'a> {
    pub(crate) files: &'a mut Files,
    pub(crate) wasi: WasiFilesystemCtxView<'a>,
}

impl FilesView<'_> {
    /// Counts a call.
    fn count(&self) -> FsResult<()> {
        self.files.meter.look_at_file().map_err(FsError::trap)
    }

    /// Counts a call on a descriptor, and checks that its folder is still granted.
    fn enter(&self, fd: &Resource<Descriptor>) -> FsResult<Held> {
        self.count()?;
        let Some(held) = self.files.held.get(&fd.rep()) else {
            return Err(FsError::trap(wasmtime::Error::msg("unknown descriptor")));
        };
        held.folder.may_read()?;
        self.check_open(held)?;
        Ok(held.clone())
    }

    /// As `enter`, for a call that changes something.
    fn enter_to_write(&self, fd: &Resource<Descriptor>) -> FsResult<Held> {
        let held = self.enter(fd)?;
        held.folder.may_write()?;
        Ok(held)
    }

    fn hold(&mut self, fd: &Resource<Descriptor>, held: Held) {
        self.files.held.insert(fd.rep(), held);
    }
}

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        self.files.meter.look_at_file()?;
        let directories = preopens::Host::get_directories(&mut self.wasi)?;
        for ((fd, _), folder) in directories.iter().zip(self.files.folders.clone()) {
            let id = match folder.quota() {
                Some(_) => None,
                None => Some(self.id_of_preopened(fd)?),
            };
            self.hold(fd, Held { folder, depth: 0, open: None, dir: true, place: None, id });
        }
        Ok(directories)
    }
}

impl types::Host for FilesView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        if let Some(refused) = self.wasi.table.get(&error)?.downcast_ref::<Refused>() {
            return Ok(Some(refused.code()));
        }
        types::Host::filesystem_error_code(&mut self.wasi, error)
    }
}
