//! Handles of files and folders: each call is counted and checked, then done by `wasmtime-wasi`.
//! Does not offer links: whoever follows one on the host would be led where the guest says.

use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::FileType;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream, ErrorCode, Filesize,
    HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use super::directory::Listing;
use super::path::{MAX_DEPTH, depth_of, new_depth};
use super::quota::FileId;
use super::stream::{Reading, Writing};
use super::way::Last;
use super::{FilesView, Held, Quota, walk};

/// A further name of a handle, for a second look at it.
fn again(fd: &Resource<Descriptor>) -> Resource<Descriptor> {
    Resource::new_borrow(fd.rep())
}

/// What has a name.
struct Named {
    id: FileId,
    /// Bytes that count; those of a file.
    len: u64,
    file_type: DescriptorType,
}

impl Named {
    fn is_dir(&self) -> bool {
        self.file_type == DescriptorType::Directory
    }
}

impl FilesView<'_> {
    /// What has a name in a folder, itself and not what it may point to.
    async fn named(&mut self, fd: &Resource<Descriptor>, path: &str) -> FsResult<Option<Named>> {
        let stat = match self.wasi.stat_at(again(fd), PathFlags::empty(), path.to_owned()).await {
            Ok(stat) => stat,
            Err(error) => {
                return match error.downcast() {
                    Ok(ErrorCode::NoEntry) => Ok(None),
                    Ok(code) => Err(code.into()),
                    Err(trap) => Err(FsError::trap(trap)),
                };
            }
        };
        let hash = self.wasi.metadata_hash_at(again(fd), PathFlags::empty(), path.to_owned()).await?;
        let len = if stat.type_ == DescriptorType::RegularFile { stat.size } else { 0 };
        Ok(Some(Named { id: (hash.lower, hash.upper), len, file_type: stat.type_ }))
    }

    /// Opens in a folder that the operator granted.
    async fn open_granted(
        &mut self,
        (fd, held): (Resource<Descriptor>, &Held),
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let cut = open_flags.contains(OpenFlags::TRUNCATE);
        if cut && !flags.contains(DescriptorFlags::WRITE) {
            return Err(ErrorCode::Invalid.into());
        }
        let place = self.place(held, &fd, path, path_flags, last(path_flags))?;
        let may = match place.file_type() {
            Some(FileType::RegularFile | FileType::Directory | FileType::Symlink) => Ok(()),
            None if open_flags.contains(OpenFlags::CREATE) => self.may_make(&place),
            None => Ok(()),
            // A named pipe would hold the thread in the very opening of it.
            Some(_) if open_flags.contains(OpenFlags::DIRECTORY) => Ok(()),
            Some(_) => Err(ErrorCode::NotPermitted.into()),
        };
        // It is cut below, when it is known that it is not the host's own.
        let opened = match may {
            Ok(()) => {
                let (name, open_flags) = (place.name.clone(), open_flags & !OpenFlags::TRUNCATE);
                self.wasi.open_at(place.fd(), place.flags, name, open_flags, flags).await
            }
            Err(refused) => Err(refused),
        };
        self.leave(place)?;
        let opened = opened?;
        let id = self.check_opened(&opened)?;
        let dir = match self.wasi.table.get(&opened)? {
            Descriptor::Dir(_) => true,
            Descriptor::File(file) if file.file.metadata()?.is_file() => false,
            Descriptor::File(_) => {
                self.wasi.table.delete(opened)?;
                return Err(ErrorCode::NotPermitted.into());
            }
        };
        if cut && !dir {
            self.wasi.set_size(again(&opened), 0).await?;
        }
        self.hold(&opened, Held { dir, id: Some(id), ..held.clone() });
        Ok(opened)
    }

    /// Moves something within a folder that the operator granted.
    async fn rename_granted(
        &mut self,
        (fd, from, old_path): (&Resource<Descriptor>, &Held, String),
        (new_fd, to, new_path): (&Resource<Descriptor>, &Held, String),
    ) -> FsResult<()> {
        let old = self.place(from, fd, old_path, PathFlags::empty(), Last::Entry)?;
        let new = match self.place(to, new_fd, new_path, PathFlags::empty(), Last::Entry) {
            Ok(new) => new,
            Err(refused) => {
                self.leave(old)?;
                return Err(refused);
            }
        };
        let may = self.may_remove(&old).and_then(|()| self.may_remove(&new)).and_then(|()| self.may_make(&new));
        let moved = match may {
            Ok(()) => self.wasi.rename_at(old.fd(), old.name.clone(), new.fd(), new.name.clone()).await,
            Err(refused) => Err(refused),
        };
        self.leave(old)?;
        self.leave(new)?;
        moved
    }

    /// Opens in the task's own folder, where everything counts and nothing is followed.
    async fn open_own(
        &mut self,
        (fd, held, quota): (Resource<Descriptor>, &Held, &Arc<Quota>),
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let found = self.named(&fd, &path).await?;
        if let Some(found) = &found {
            refuse_special(found.file_type)?;
        }
        let cut = open_flags.contains(OpenFlags::TRUNCATE);
        if cut && !flags.contains(DescriptorFlags::WRITE) {
            return Err(ErrorCode::Invalid.into());
        }
        let depth = depth_of(held.depth, &path)?;
        let makes = found.is_none() && open_flags.contains(OpenFlags::CREATE);
        if makes {
            new_depth(held.depth, &path)?;
            quota.take_entry()?;
        }
        // It is cut below, where it is known what is given back.
        let opened = self.wasi.open_at(fd, PathFlags::empty(), path, open_flags & !OpenFlags::TRUNCATE, flags).await;
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                if makes {
                    quota.give_back_entry();
                }
                return Err(error);
            }
        };
        let len = match self.wasi.table.get(&opened)? {
            Descriptor::Dir(_) => {
                if depth > 0 {
                    quota.folder_opened();
                }
                self.hold(&opened, Held { depth, open: None, dir: true, ..held.clone() });
                return Ok(opened);
            }
            Descriptor::File(file) => {
                let metadata = file.file.metadata()?;
                if !metadata.is_file() {
                    self.wasi.table.delete(opened)?;
                    return Err(ErrorCode::NotPermitted.into());
                }
                metadata.len()
            }
        };
        let hash = self.wasi.metadata_hash(again(&opened)).await?;
        let open = quota.opened((hash.lower, hash.upper), len);
        if cut {
            self.wasi.set_size(again(&opened), 0).await?;
            open.cut_to(0);
        }
        self.hold(&opened, Held { depth, open: Some(open), dir: false, ..held.clone() });
        Ok(opened)
    }

    /// Whether a folder may go from one place to another. Folders that are open know how deep they lie, so none may be
    /// while one goes deeper.
    async fn may_move_folder(
        &mut self,
        fd: &Resource<Descriptor>,
        (from, from_path): (&Held, &str),
        (to, to_path): (&Held, &str),
        quota: &Quota,
    ) -> FsResult<()> {
        if from.depth > 0 || to.depth > 0 {
            return Err(ErrorCode::NotPermitted.into());
        }
        let (old, new) = (depth_of(0, from_path)?, depth_of(0, to_path)?);
        if new <= old {
            return Ok(());
        }
        if !quota.no_folder_open() {
            return Err(ErrorCode::Busy.into());
        }
        let flags = DescriptorFlags::READ;
        let moved = again(fd);
        let moved =
            self.wasi.open_at(moved, PathFlags::empty(), from_path.to_owned(), OpenFlags::DIRECTORY, flags).await?;
        let height = match self.wasi.table.delete(moved)? {
            Descriptor::Dir(dir) => walk::count(dir.dir.as_fd(), MAX_DEPTH)?.height,
            Descriptor::File(_) => 0,
        };
        if new + height > MAX_DEPTH { Err(ErrorCode::NameTooLong.into()) } else { Ok(()) }
    }
}

/// What becomes of the last name of a path with these flags.
fn last(flags: PathFlags) -> Last {
    if flags.contains(PathFlags::SYMLINK_FOLLOW) { Last::Follow } else { Last::Stay }
}

/// Files and folders can be opened; pipes, sockets and devices cannot.
fn refuse_special(file_type: DescriptorType) -> Result<(), ErrorCode> {
    match file_type {
        // What a link leads to is looked at by whoever follows it.
        DescriptorType::RegularFile | DescriptorType::Directory | DescriptorType::SymbolicLink => Ok(()),
        _ => Err(ErrorCode::NotPermitted),
    }
}

impl HostDescriptor for FilesView<'_> {
    async fn advise(
        &mut self,
        fd: Resource<Descriptor>,
        offset: Filesize,
        len: Filesize,
        advice: Advice,
    ) -> FsResult<()> {
        self.enter(&fd)?;
        self.wasi.advise(fd, offset, len, advice).await
    }

    async fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.enter(&fd)?;
        let _turn = self.files.syncs.turn().await;
        self.wasi.sync_data(fd).await
    }

    async fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        self.enter(&fd)?;
        self.wasi.get_flags(fd).await
    }

    async fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorType> {
        self.enter(&fd)?;
        self.wasi.get_type(fd).await
    }

    async fn set_size(&mut self, fd: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        let held = self.enter_to_write(&fd)?;
        if let Some(open) = &held.open {
            open.grow_to(size)?;
        }
        self.wasi.set_size(fd, size).await?;
        if let Some(open) = &held.open {
            open.cut_to(size);
        }
        Ok(())
    }

    async fn set_times(&mut self, fd: Resource<Descriptor>, atim: NewTimestamp, mtim: NewTimestamp) -> FsResult<()> {
        self.enter_to_write(&fd)?;
        self.wasi.set_times(fd, atim, mtim).await
    }

    async fn read(&mut self, fd: Resource<Descriptor>, len: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        self.enter(&fd)?;
        self.wasi.read(fd, len, offset).await
    }

    async fn write(&mut self, fd: Resource<Descriptor>, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let held = self.enter_to_write(&fd)?;
        if let Some(open) = &held.open {
            open.grow_to(offset.saturating_add(bytes.len() as u64))?;
        }
        self.wasi.write(fd, bytes, offset).await
    }

    async fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
        let held = self.enter(&fd)?;
        let Descriptor::Dir(dir) = self.wasi.table.get(&fd)? else { return Err(ErrorCode::NotDirectory.into()) };
        let dir = dir.dir.clone();
        let past = held.id.map(|id| (self.files.protected.clone(), id));
        // The folder stays open as well, which is what its own place is for.
        let places = [Some(self.files.open_files.take().await?), held.place];
        let listing = Listing::new(held.folder, dir, past, places)?;
        let listing = self.wasi.table.push(listing)?;
        // The bindings' type for it is one that only `wasmtime-wasi` can make. Nobody but this view looks at it.
        Ok(Resource::new_own(listing.rep()))
    }

    async fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.enter(&fd)?;
        let _turn = self.files.syncs.turn().await;
        self.wasi.sync(fd).await
    }

    async fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let held = self.enter_to_write(&fd)?;
        let Some(quota) = held.folder.quota() else {
            let place = self.place(&held, &fd, path, PathFlags::empty(), Last::Entry)?;
            let made = match self.may_make(&place) {
                Ok(()) => self.wasi.create_directory_at(place.fd(), place.name.clone()).await,
                Err(refused) => Err(refused),
            };
            self.leave(place)?;
            return made;
        };
        new_depth(held.depth, &path)?;
        quota.take_entry()?;
        self.wasi.create_directory_at(fd, path).await.inspect_err(|_| quota.give_back_entry())
    }

    async fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        self.enter(&fd)?;
        self.wasi.stat(fd).await
    }

    async fn stat_at(
        &mut self,
        fd: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        let held = self.enter(&fd)?;
        let place = self.place(&held, &fd, path, path_flags, last(path_flags))?;
        let stat = self.wasi.stat_at(place.fd(), place.flags, place.name.clone()).await;
        self.leave(place)?;
        stat
    }

    async fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        atim: NewTimestamp,
        mtim: NewTimestamp,
    ) -> FsResult<()> {
        let held = self.enter_to_write(&fd)?;
        let place = self.place(&held, &fd, path, path_flags, last(path_flags))?;
        let set = self.wasi.set_times_at(place.fd(), place.flags, place.name.clone(), atim, mtim).await;
        self.leave(place)?;
        set
    }

    async fn link_at(
        &mut self,
        fd: Resource<Descriptor>,
        _old_path_flags: PathFlags,
        _old_path: String,
        _new_fd: Resource<Descriptor>,
        _new_path: String,
    ) -> FsResult<()> {
        self.enter(&fd)?;
        Err(ErrorCode::NotPermitted.into())
    }

    async fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let mut held = self.enter(&fd)?;
        let changes = open_flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE)
            || flags.intersects(DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY);
        if changes {
            held.folder.may_write()?;
        }
        held.place = Some(self.files.open_files.take().await?);
        if let Some(quota) = held.folder.quota() {
            return self.open_own((fd, &held, quota), path, open_flags, flags).await;
        }
        self.open_granted((fd, &held), path_flags, path, open_flags, flags).await
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        let held = self.files.held.remove(&fd.rep());
        HostDescriptor::drop(&mut self.wasi, fd)?;
        if let Some(held) = held
            && held.dir
            && held.depth > 0
            && let Some(quota) = held.folder.quota()
        {
            quota.folder_closed();
        }
        Ok(())
    }

    async fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        let held = self.enter(&fd)?;
        let place = self.place(&held, &fd, path, PathFlags::empty(), Last::Stay)?;
        let target = self.wasi.readlink_at(place.fd(), place.name.clone()).await;
        self.leave(place)?;
        target
    }

    async fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let held = self.enter_to_write(&fd)?;
        let Some(quota) = held.folder.quota() else {
            let place = self.place(&held, &fd, path, PathFlags::empty(), Last::Entry)?;
            let removed = match self.may_remove(&place) {
                Ok(()) => self.wasi.remove_directory_at(place.fd(), place.name.clone()).await,
                Err(refused) => Err(refused),
            };
            self.leave(place)?;
            return removed;
        };
        self.wasi.remove_directory_at(fd, path).await?;
        quota.give_back_entry();
        Ok(())
    }

    async fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        old_path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (from, to) = (self.enter_to_write(&fd)?, self.enter_to_write(&new_fd)?);
        if !Arc::ptr_eq(&from.folder, &to.folder) {
            // As between two file systems: a program copies then, and the copy is counted where it belongs.
            return Err(ErrorCode::CrossDevice.into());
        }
        let Some(quota) = from.folder.quota() else {
            return self.rename_granted((&fd, &from, old_path), (&new_fd, &to, new_path)).await;
        };
        new_depth(to.depth, &new_path)?;
        let Some(moved) = self.named(&fd, &old_path).await? else { return Err(ErrorCode::NoEntry.into()) };
        if moved.is_dir() {
            self.may_move_folder(&fd, (&from, &old_path), (&to, &new_path), quota).await?;
        }
        let replaced = self.named(&new_fd, &new_path).await?;
        self.wasi.rename_at(fd, old_path, new_fd, new_path).await?;
        if let Some(replaced) = replaced.filter(|replaced| replaced.id != moved.id) {
            quota.removed(replaced.id, replaced.len);
        }
        Ok(())
    }

    async fn symlink_at(&mut self, fd: Resource<Descriptor>, _old_path: String, _new_path: String) -> FsResult<()> {
        self.enter(&fd)?;
        Err(ErrorCode::NotPermitted.into())
    }

    async fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let held = self.enter_to_write(&fd)?;
        let Some(quota) = held.folder.quota() else {
            let place = self.place(&held, &fd, path, PathFlags::empty(), Last::Entry)?;
            let removed = match self.may_remove(&place) {
                Ok(()) => self.wasi.unlink_file_at(place.fd(), place.name.clone()).await,
                Err(refused) => Err(refused),
            };
            self.leave(place)?;
            return removed;
        };
        let removed = self.named(&fd, &path).await?;
        self.wasi.unlink_file_at(fd, path).await?;
        if let Some(removed) = removed {
            quota.removed(removed.id, removed.len);
        }
        Ok(())
    }

    fn read_via_stream(&mut self, fd: Resource<Descriptor>, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        let held = self.enter(&fd)?;
        let inner = self.wasi.read_via_stream(fd, offset)?;
        let inner = self.wasi.table.delete(inner)?;
        let meter = self.files.meter.clone();
        let reading: DynInputStream =
            Box::new(Reading { meter, folder: held.folder, inner, _open: held.open, _place: held.place });
        Ok(self.wasi.table.push(reading)?)
    }

    fn write_via_stream(&mut self, fd: Resource<Descriptor>, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        let held = self.enter_to_write(&fd)?;
        let inner = self.wasi.write_via_stream(fd, offset)?;
        self.writing(held, inner, Some(offset))
    }

    fn append_via_stream(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        let held = self.enter_to_write(&fd)?;
        let inner = self.wasi.append_via_stream(fd)?;
        self.writing(held, inner, None)
    }

    async fn is_same_object(&mut self, a: Resource<Descriptor>, b: Resource<Descriptor>) -> wasmtime::Result<bool> {
        self.files.meter.look_at_file()?;
        self.wasi.is_same_object(a, b).await
    }

    async fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        self.enter(&fd)?;
        self.wasi.metadata_hash(fd).await
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let held = self.enter(&fd)?;
        let place = self.place(&held, &fd, path, path_flags, last(path_flags))?;
        let hash = self.wasi.metadata_hash_at(place.fd(), place.flags, place.name.clone()).await;
        self.leave(place)?;
        hash
    }
}

impl FilesView<'_> {
    fn writing(
        &mut self,
        held: Held,
        inner: Resource<DynOutputStream>,
        at: Option<u64>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let inner = self.wasi.table.delete(inner)?;
        let meter = self.files.meter.clone();
        let Held { folder, open, place, .. } = held;
        let writing: DynOutputStream = Box::new(Writing { meter, folder, inner, open, at, _place: place });
        Ok(self.wasi.table.push(writing)?)
    }
}

impl HostDirectoryEntryStream for FilesView<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        self.count()?;
        let listing = self.wasi.table.get_mut(&Resource::<Listing>::new_borrow(stream.rep()))?;
        listing.folder().may_read()?;
        Ok(listing.next()?)
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.wasi.table.delete(Resource::<Listing>::new_own(stream.rep()))?;
        Ok(())
    }
}
