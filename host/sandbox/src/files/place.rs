//! Where a call on a name is carried out: in a granted folder past what is the host's own, in the task's own folder as it is.
//! Does not carry it out: `wasmtime-wasi` does, in the folder that has the name.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{FileType, Stat, fstat};
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, Dir};
use wasmtime_wasi::p2::bindings::filesystem::types::{ErrorCode, PathFlags};
use wasmtime_wasi::p2::{FsError, FsResult};

use super::way::{self, Last};
use super::{FilesView, Held};
use crate::protected::{Id, id_of};

/// A name, and the folder that has it.
pub(super) struct Place {
    fd: Resource<Descriptor>,
    /// Whether the folder was opened for this call.
    stand_in: bool,
    pub(super) name: String,
    pub(super) flags: PathFlags,
    /// In a granted folder: the one that has the name, and what has it.
    found: Option<(Id, Option<Stat>)>,
}

impl Place {
    /// The folder.
    pub(super) fn fd(&self) -> Resource<Descriptor> {
        Resource::new_borrow(self.fd.rep())
    }

    /// What sort of file has the name, where that was looked at.
    pub(super) fn file_type(&self) -> Option<FileType> {
        let (_, found) = self.found.as_ref()?;
        Some(FileType::from_raw_mode(found.as_ref()?.st_mode))
    }
}

/// What a descriptor is a handle of.
pub(super) fn id_of_open(descriptor: &Descriptor) -> std::io::Result<Id> {
    match descriptor {
        Descriptor::File(file) => file.file.metadata().map(|about| (about.dev(), about.ino())),
        Descriptor::Dir(dir) => Ok(id_of(&fstat(&*dir.dir)?)),
    }
}

impl FilesView<'_> {
    /// Whether what a guest holds open has become the host's own.
    pub(super) fn check_open(&self, held: &Held) -> Result<(), ErrorCode> {
        match held.id {
            Some(id) if self.files.protected.now().holds(id) => Err(ErrorCode::NoEntry),
            _ => Ok(()),
        }
    }

    /// What a folder is that the operator granted. It was looked at by its path before; what was opened counts.
    pub(super) fn id_of_preopened(&self, fd: &Resource<Descriptor>) -> wasmtime::Result<Id> {
        let opened = self.wasi.table.get(fd)?;
        if let Descriptor::Dir(dir) = opened
            && self.files.protected.above_handle(dir.dir.as_fd())?.is_some()
        {
            return Err(wasmtime::Error::msg("a granted folder has become one of the host's own"));
        }
        Ok(id_of_open(opened)?)
    }

    /// Goes to where a path leads from a descriptor. `leave` ends the visit.
    ///
    /// # Errors
    /// `NoEntry` for what is the host's own.
    pub(super) fn place(
        &mut self,
        held: &Held,
        fd: &Resource<Descriptor>,
        path: String,
        flags: PathFlags,
        last: Last,
    ) -> FsResult<Place> {
        let fd = Resource::new_borrow(fd.rep());
        let Some(base_id) = held.id else { return Ok(Place { fd, stand_in: false, name: path, flags, found: None }) };
        let Descriptor::Dir(dir) = self.wasi.table.get(&fd)? else { return Err(ErrorCode::NotDirectory.into()) };
        let way = way::follow(dir.dir.as_fd(), base_id, &path, last, &self.files.protected.now())?;
        let found = Some((way.folder_id, way.found));
        // What is a link was followed already where it is to be.
        let (name, flags) = (way.name, PathFlags::empty());
        match way.folder {
            None => Ok(Place { fd, stand_in: false, name, flags, found }),
            Some(folder) => {
                // As in `Files::open`: an instance with folders has a thread of its own to block.
                let folder = Dir::new(File::from(folder), dir.perms, dir.open_mode, true);
                let fd = self.wasi.table.push(Descriptor::Dir(folder))?;
                Ok(Place { fd, stand_in: true, name, flags, found })
            }
        }
    }

    /// Closes what was opened to get to a place.
    pub(super) fn leave(&mut self, place: Place) -> FsResult<()> {
        if place.stand_in {
            self.wasi.table.delete(place.fd)?;
        }
        Ok(())
    }

    /// Whether an entry may be made here.
    pub(super) fn may_make(&self, place: &Place) -> FsResult<()> {
        match &place.found {
            Some((folder, _)) if self.files.protected.now().reserves(*folder, bare(&place.name)) => {
                Err(ErrorCode::NotPermitted.into())
            }
            _ => Ok(()),
        }
    }

    /// Whether what has the name may get another one, or none: a folder that a path of the host's own leads through may not.
    pub(super) fn may_remove(&self, place: &Place) -> FsResult<()> {
        let Some((folder, found)) = &place.found else { return Ok(()) };
        let found = found.as_ref().map(id_of);
        if self.files.protected.now().leads_through(*folder, bare(&place.name), found) {
            return Err(ErrorCode::Busy.into());
        }
        Ok(())
    }

    /// What was opened in a granted folder, or nothing of it if it is the host's own.
    pub(super) fn check_opened(&mut self, opened: &Resource<Descriptor>) -> FsResult<Id> {
        let id = id_of_open(self.wasi.table.get(opened)?).map_err(FsError::from);
        let refused = match id {
            Ok(id) if !self.files.protected.now().holds(id) => return Ok(id),
            Ok(_) => ErrorCode::NoEntry.into(),
            Err(error) => error,
        };
        self.wasi.table.delete(Resource::<Descriptor>::new_own(opened.rep()))?;
        Err(refused)
    }
}

/// A name without the slash behind it.
fn bare(name: &str) -> &OsStr {
    OsStr::new(name.trim_end_matches('/'))
}
