//! The host's own files: paths that no grant leads to, whatever name, link or folder above them a guest tries.
//! Does not open anything for a guest: `files` asks here about what it is about to open, and about what it has opened.
//!
//! An object is known by its device and inode, and kept open so that nothing else gets that inode; so it stays protected when it
//! is moved, and under a second name. A name in a folder is known by the folder's device and inode, so a path stays protected
//! while nothing is there yet.

mod trace;

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rustix::fs::fstat;

pub(crate) use trace::{Id, LOOK, id_of};
use trace::{Trace, trace, upwards};

/// The name of a home in the folder that it serves. Whoever starts Taskwright in a folder takes over the configuration in there,
/// so no guest finds or makes an entry of this name in a granted folder, whichever home the host itself uses.
pub const HOME_NAME: &str = ".taskwright";

/// How old what is known of the paths may be. Looking takes some ten microseconds for each path.
const FRESH: Duration = Duration::from_millis(20);
/// Objects that are remembered of one path after others have taken their place there.
const REMEMBERED: usize = 4;

/// Files and folders of the host that guests do not get at through any grant. What lies in a protected folder is protected too.
/// Clones are the same paths: what is added to one holds for all, from the next call of each guest on.
#[derive(Clone)]
pub struct ProtectedPaths {
    inner: Arc<Inner>,
}

struct Inner {
    roots: Mutex<Vec<Root>>,
    seen: RwLock<(Arc<Snapshot>, Instant)>,
}

/// One protected path.
struct Root {
    path: Arc<Path>,
    /// What is there is a guest's: only the way there is kept.
    way_only: bool,
    trace: Trace,
    /// What was there, the newest last.
    pins: Vec<(Id, OwnedFd)>,
}

/// What is known of all paths at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// The objects themselves, with the path they are protected as.
    things: HashMap<Id, Arc<Path>>,
    /// The names of protected paths, by the folder they are in, whether or not there is anything.
    names: HashMap<Id, Vec<OsString>>,
    /// Entries by which a protected path leads there.
    steps: HashMap<Id, Vec<OsString>>,
    /// Folders that the objects lie in, at any depth.
    above: HashSet<Id>,
}

/// Where the kernel shows processes as files, this one's memory and environment among them.
const PROCESSES: &str = "/proc";

/// The device of it, if it is a file system of its own.
static PROCESSES_DEVICE: LazyLock<Option<u64>> = LazyLock::new(|| {
    let device = |path| rustix::fs::stat(path).map(|stat| id_of(&stat).0).ok();
    device(PROCESSES).filter(|shown| Some(*shown) != device("/"))
});

impl Snapshot {
    /// Whether an object is protected.
    pub(crate) fn holds(&self, id: Id) -> bool {
        self.things.contains_key(&id) || *PROCESSES_DEVICE == Some(id.0)
    }

    /// Whether an entry of a folder is not there for a guest, whatever it is.
    pub(crate) fn hides(&self, folder: Id, name: &OsStr) -> bool {
        name.eq_ignore_ascii_case(HOME_NAME) || has(&self.names, folder, |hidden| hidden == name)
    }

    /// Whether a guest may not make an entry. File systems may take names for the same that differ in case.
    pub(crate) fn reserves(&self, folder: Id, name: &OsStr) -> bool {
        name.eq_ignore_ascii_case(HOME_NAME)
            || has(&self.names, folder, |taken| taken.eq_ignore_ascii_case(name))
            || has(&self.steps, folder, |taken| taken.eq_ignore_ascii_case(name))
    }

    /// Whether a protected path would lead elsewhere if an entry were moved, removed or replaced.
    pub(crate) fn leads_through(&self, folder: Id, name: &OsStr, found: Option<Id>) -> bool {
        has(&self.steps, folder, |step| step == name) || found.is_some_and(|id| self.above.contains(&id))
    }
}

fn has(entries: &HashMap<Id, Vec<OsString>>, folder: Id, is: impl Fn(&OsStr) -> bool) -> bool {
    entries.get(&folder).is_some_and(|names| names.iter().any(|name| is(name)))
}

impl Default for ProtectedPaths {
    fn default() -> Self {
        let seen = RwLock::new((Arc::default(), Instant::now()));
        Self { inner: Arc::new(Inner { roots: Mutex::default(), seen }) }
    }
}

impl fmt::Debug for ProtectedPaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.inner.lock().iter().map(|root| &root.path)).finish()
    }
}

impl ProtectedPaths {
    /// Protects one more path, which need not exist yet: a relative one from the working folder of this moment. One that was added
    /// before is looked at again, so that what is there by now is protected in the next call of a guest. Each keeps a handle open.
    ///
    /// # Errors
    /// If it cannot be looked at, for want of handles say. A folder on the way that may not be entered is no error.
    pub fn add(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path: Arc<Path> = std::path::absolute(path)?.into();
        let mut roots = self.inner.lock();
        match roots.iter_mut().find(|root| root.path == path) {
            Some(root) => {
                root.way_only = false;
                root.look()?;
            }
            None => roots.push(Root::new(path, false)?),
        }
        self.inner.publish(&roots);
        Ok(())
    }

    /// Keeps the way to a folder that is granted: the entries by which this path leads to its end can be neither moved nor removed
    /// nor replaced through any grant, so that it leads where it led when it was granted. What is there is hidden from nobody.
    ///
    /// # Errors
    /// As [`ProtectedPaths::add`].
    pub fn keep_way(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path: Arc<Path> = std::path::absolute(path)?.into();
        let mut roots = self.inner.lock();
        if roots.iter().any(|root| root.path == path) {
            return Ok(());
        }
        roots.push(Root::new(path, true)?);
        self.inner.publish(&roots);
        Ok(())
    }

    /// The protected path that a folder is, or lies in; `None` for a folder that may be granted. What is protected may lie in
    /// that one all the same: then it is not there for the guest.
    ///
    /// # Errors
    /// If the folder cannot be opened.
    pub fn above(&self, folder: impl AsRef<Path>) -> io::Result<Option<PathBuf>> {
        let folder = rustix::fs::open(folder.as_ref(), trace::FOLDER, rustix::fs::Mode::empty())?;
        let mut roots = self.inner.lock();
        self.inner.refresh(&mut roots);
        drop(roots);
        self.above_handle(folder.as_fd())
    }

    /// As `above`, for a folder that is open.
    pub(crate) fn above_handle(&self, folder: BorrowedFd<'_>) -> io::Result<Option<PathBuf>> {
        let snapshot = self.now();
        let way = std::iter::once(id_of(&fstat(folder)?)).chain(upwards(folder)?);
        let own = |id: Id| match snapshot.things.get(&id) {
            Some(path) => Some(path.to_path_buf()),
            None => snapshot.holds(id).then(|| PROCESSES.into()),
        };
        Ok(way.filter_map(own).next())
    }

    /// What is known now; no older than `FRESH`.
    pub(crate) fn now(&self) -> Arc<Snapshot> {
        let current = {
            let seen = self.inner.seen.read().unwrap_or_else(PoisonError::into_inner);
            if seen.1.elapsed() < FRESH {
                return seen.0.clone();
            }
            seen.0.clone()
        };
        // Whoever finds somebody else looking goes on with what was seen last.
        let Ok(mut roots) = self.inner.roots.try_lock() else { return current };
        self.inner.refresh(&mut roots)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Vec<Root>> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refresh(&self, roots: &mut [Root]) -> Arc<Snapshot> {
        for root in roots.iter_mut() {
            // What cannot be looked at now, for want of handles say, stays as it was.
            if let Err(error) = root.look() {
                tracing::debug!(path = %root.path.display(), %error, "a protected path was not looked at");
            }
        }
        self.publish(roots)
    }

    fn publish(&self, roots: &[Root]) -> Arc<Snapshot> {
        let mut snapshot = Snapshot::default();
        for Root { path, trace, pins, way_only } in roots {
            for (folder, name) in trace.names.iter().filter(|_| !way_only) {
                snapshot.names.entry(*folder).or_default().push(name.clone());
            }
            for (folder, name) in &trace.steps {
                snapshot.steps.entry(*folder).or_default().push(name.clone());
            }
            snapshot.above.extend(&trace.above);
            if *way_only {
                continue;
            }
            let there = trace.end.into_iter().chain(pins.iter().map(|(id, _)| *id));
            snapshot.things.extend(there.map(|id| (id, path.clone())));
        }
        // A protected folder in another one is both; what it is counts.
        let Snapshot { things, above, .. } = &mut snapshot;
        above.retain(|id| !things.contains_key(id));
        let snapshot = Arc::new(snapshot);
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = (snapshot.clone(), Instant::now());
        snapshot
    }
}

impl Root {
    fn new(path: Arc<Path>, way_only: bool) -> io::Result<Self> {
        let mut root = Self { path, way_only, trace: Trace::default(), pins: Vec::new() };
        root.look()?;
        Ok(root)
    }

    fn look(&mut self) -> io::Result<()> {
        let (mut trace, found) = trace(&self.path)?;
        if let Some(found) = found
            && !self.way_only
            && !self.pins.iter().any(|(id, _)| *id == found.0)
        {
            self.pins.push(found);
        }
        // What is gone is gone with its inode.
        self.pins.retain(|(_, pin)| fstat(pin).is_ok_and(|stat| stat.st_nlink > 0));
        let surplus = self.pins.len().saturating_sub(REMEMBERED);
        self.pins.drain(..surplus);
        for (_, pin) in &self.pins {
            trace.above.extend(upwards(pin.as_fd())?);
        }
        self.trace = trace;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(path: &Path) -> Id {
        id_of(&rustix::fs::stat(path).unwrap())
    }

    #[test]
    fn a_path_is_protected_before_there_is_anything() {
        let folder = tempfile::tempdir().unwrap();
        let protected = ProtectedPaths::default();
        protected.add(folder.path().join("new/home")).unwrap();
        let seen = protected.now();
        assert!(seen.hides(id(folder.path()), OsStr::new("new")), "the first name that is missing is reserved");
        assert!(
            !seen.hides(id(folder.path()), OsStr::new("New")) && seen.reserves(id(folder.path()), OsStr::new("New"))
        );
        std::fs::create_dir_all(folder.path().join("new/home/in")).unwrap();
        let inner = protected.above(folder.path().join("new/home/in")).unwrap();
        assert_eq!(inner, Some(folder.path().join("new/home")));
        assert_eq!(protected.above(folder.path().join("new")).unwrap(), None);
        let seen = protected.now();
        assert!(!seen.hides(id(folder.path()), OsStr::new("new")));
        assert!(seen.leads_through(id(folder.path()), OsStr::new("new"), None));
    }

    #[test]
    fn what_is_moved_stays_protected_and_so_does_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (home, moved) = (folder.path().join("a/home"), folder.path().join("b"));
        std::fs::create_dir_all(&home).unwrap();
        let protected = ProtectedPaths::default();
        protected.add(&home).unwrap();
        std::fs::create_dir(&moved).unwrap();
        std::fs::rename(&home, moved.join("x")).unwrap();
        std::fs::create_dir(&home).unwrap();
        assert_eq!(protected.above(moved.join("x")).unwrap(), Some(home.clone()));
        assert_eq!(protected.above(&home).unwrap(), Some(home));
        assert!(protected.now().leads_through((0, 0), OsStr::new("b"), Some(id(&moved))), "it would carry it away");
    }

    #[test]
    fn each_link_on_the_way_is_a_step() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("data/home")).unwrap();
        std::os::unix::fs::symlink("second", at("first")).unwrap();
        std::os::unix::fs::symlink("data/../data/home", at("second")).unwrap();
        let protected = ProtectedPaths::default();
        protected.add(at("first")).unwrap();
        let (seen, here) = (protected.now(), id(folder.path()));
        for step in ["first", "second", "data"] {
            assert!(seen.leads_through(here, OsStr::new(step), None), "{step}");
        }
        assert!(seen.holds(id(&at("data/home"))) && !seen.holds(id(&at("data"))));
    }
}
