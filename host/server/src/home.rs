//! The folder that a store lives in: `registry.db`, `files/` and `kinds/`; or less of it, where the records are in a PostgreSQL
//! and the files in a bucket.
//! Does not make it for commands that only read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use taskwright_registry::WakeKey;
use taskwright_runner::{BucketAddress, Runner, RunnerConfig, RunnerParts, SessionFiles};
use taskwright_sandbox::{CompileProcess, Compiler, Sandbox, SandboxConfig, SandboxError};
use taskwright_store::{PostgresOptions, PostgresStore, SessionQuery, SqliteOptions, SqliteStore, Store, StoreError};

use crate::config::Config;
use crate::exit_code::{not_found, refused};
use crate::kinds_folder::KindsFolder;
use crate::open_stores::OpenStores;
use crate::output::Output;
use crate::own_paths::OwnPaths;
use crate::private_folder;
use crate::shared_files::SharedFiles;
use crate::state_folder::{self, StateFolder};

/// Instances that looking at kinds may need at one time; a small pool is set up faster.
const LOOKING_INSTANCES: u32 = 8;

/// What the store in the home itself is called.
const OWN_STORE: &str = "registry.db";

/// Where everything lies.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    dir: PathBuf,
    /// Where the records are, if not in the folder.
    store: Option<String>,
    files: FilesPlace,
    state: StateFolder,
    own: OwnPaths,
    /// What was opened, to be closed at the end.
    opened: OpenStores,
    shared: SharedFiles,
}

/// Where the session's files are.
#[derive(Debug, Clone)]
enum FilesPlace {
    Folder(PathBuf),
    Bucket(BucketAddress),
}

impl Home {
    /// A home in this folder, whether or not it exists, with records and files elsewhere if that is said.
    pub(crate) fn new(
        dir: PathBuf,
        store: Option<String>,
        files: Option<&str>,
        state: Option<PathBuf>,
        opened: OpenStores,
    ) -> Result<Self> {
        let files = match files {
            None => FilesPlace::Folder(dir.join("files")),
            Some(address) if address.contains("://") => {
                FilesPlace::Bucket(address.parse().map_err(|error| refused(format!("--files: {error}")))?)
            }
            Some(folder) => FilesPlace::Folder(folder.into()),
        };
        let (state, own, shared) = (StateFolder::new(state), OwnPaths::default(), SharedFiles::default());
        Ok(Self { dir, store, files, state, own, opened, shared })
    }

    fn database(&self) -> PathBuf {
        self.dir.join("registry.db")
    }

    /// The session's files.
    pub(crate) fn session_files(&self) -> Result<SessionFiles> {
        Ok(match &self.files {
            FilesPlace::Folder(folder) => SessionFiles::folder(folder)?,
            FilesPlace::Bucket(address) => {
                SessionFiles::bucket(address.clone(), environment(), self.dir.join("files"))?
            }
        })
    }

    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file with the records, if they are in the folder.
    pub(crate) fn own_database(&self) -> Option<PathBuf> {
        self.store.is_none().then(|| self.database())
    }

    /// The folder with the session's files, if they are in one.
    pub(crate) fn files_folder(&self) -> Option<&Path> {
        match &self.files {
            FilesPlace::Folder(folder) => Some(folder),
            FilesPlace::Bucket(_) => None,
        }
    }

    /// The operator's own kinds.
    pub(crate) fn kinds(&self) -> KindsFolder {
        KindsFolder::new(self.dir.join("kinds"))
    }

    /// What is kept from every guest.
    pub(crate) fn own_paths(&self) -> Result<&OwnPaths> {
        let mut own =
            vec![self.dir.clone(), self.config_path(), self.dir.join("wake.key"), self.kinds().path().to_owned()];
        own.extend(self.state.places(&self.dir));
        own.push(match &self.files {
            FilesPlace::Folder(folder) => folder.clone(),
            FilesPlace::Bucket(_) => self.dir.join("files"),
        });
        // Whoever could replace it would be run at the next start, and for the next component to compile.
        own.extend(std::env::current_exe());
        own.iter().try_for_each(|path| self.own.add(path))?;
        Ok(&self.own)
    }

    /// Where the configuration is, unless another file is named.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.dir.join(crate::config::FILE)
    }

    /// The key for the provenance of wakes.
    pub(crate) fn wake_key(&self) -> Result<WakeKey> {
        crate::wake_key::wake_key(&self.dir)
    }

    /// The store's name among those that hosts of this home serve, without a password.
    fn store_name(&self) -> String {
        self.store.as_deref().map_or_else(|| OWN_STORE.to_owned(), place_of_address)
    }

    /// Notes beside the kinds that tasks of the store may need them.
    pub(crate) fn remember_store(&self) -> Result<()> {
        self.kinds().remember_store(&self.store_name())
    }

    /// The other stores whose tasks may need the kinds of this home.
    pub(crate) fn other_stores(&self) -> Result<Vec<String>> {
        let own = self.store_name();
        let mut stores = self.kinds().stores()?;
        stores.retain(|store| *store != own && (store != OWN_STORE || exists(&self.database())));
        Ok(stores)
    }

    /// Whether there is a store.
    pub(crate) fn has_store(&self) -> bool {
        self.store.is_some() || exists(&self.database())
    }

    /// Asks a bucket whether it is there, before anything is run whose files it is to hold, and a store of several hosts whether its
    /// files are in this place.
    pub(crate) async fn check_files(&self) -> Result<()> {
        let files = self.session_files()?;
        files.check().await?;
        self.shared.join(&files, &self.shown_path("")).await
    }

    /// Why the files of the store that is open are not in this host's place, if they are not. It is not looked at twice.
    pub(crate) async fn files_elsewhere(&self) -> Result<Option<String>> {
        self.shared.elsewhere(|| self.session_files(), &self.shown_path("")).await
    }

    /// Refuses what removes or writes files of tasks where the store that is open has them in another place: they would stay there
    /// for ever, or be found by nobody.
    pub(crate) async fn refuse_files_elsewhere(&self, what: &str) -> Result<()> {
        match self.files_elsewhere().await? {
            Some(why) => Err(refused(format!("{what}; nothing was changed. {why}"))),
            None => Ok(()),
        }
    }

    /// Where a path of the session's files lies on this machine, if it does.
    pub(crate) fn local_path(&self, path: &str) -> Option<PathBuf> {
        match &self.files {
            FilesPlace::Folder(folder) => Some(SessionFiles::path_below(folder, path)),
            FilesPlace::Bucket(_) => None,
        }
    }

    /// Where a path of the session's files is, for a person: on this machine, or in the bucket.
    pub(crate) fn shown_path(&self, path: &str) -> String {
        if !path.is_empty() && self.shared.known_elsewhere() {
            return format!("{path} in the place of files of the other hosts");
        }
        match &self.files {
            FilesPlace::Folder(folder) => SessionFiles::path_below(folder, path).display().to_string(),
            FilesPlace::Bucket(address) => address.place_of(path),
        }
    }

    /// Opens the store, which must be there.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>> {
        self.must_exist()?;
        self.open_or_create().await
    }

    /// Opens the store, which must be there, whatever lies beside it: for whoever looks at what is wrong with it.
    pub(crate) async fn open_as_it_is(&self) -> Result<Arc<dyn Store>> {
        self.must_exist()?;
        self.open_unguarded().await
    }

    /// Opens the store, and makes it if it is not there. One that is empty beside files of tasks is refused.
    pub(crate) async fn open_or_create(&self) -> Result<Arc<dyn Store>> {
        if !self.has_store() {
            self.refuse_files_without_records(&self.database().display().to_string())?;
        }
        let store = self.open_unguarded().await?;
        self.refuse_if_empty_beside_files(store.as_ref()).await?;
        Ok(store)
    }

    async fn open_unguarded(&self) -> Result<Arc<dyn Store>> {
        if let Some(address) = &self.store
            && !(address.starts_with("postgres://") || address.starts_with("postgresql://"))
        {
            // It may hold a password.
            return Err(refused(
                "--store: expected postgres://USER@HOST:PORT/DATABASE; leave it away for a file in the folder of --dir",
            ));
        }
        // What lies beside the records is for their owner only, too: the session's files and the kinds.
        private_folder::make(&self.dir).with_context(|| self.dir.display().to_string())?;
        if let Some(address) = &self.store {
            let options = PostgresOptions { root_certificates: root_certificates(), ..PostgresOptions::default() };
            let store = PostgresStore::open(address, options).await?;
            self.shared.of_store(&store);
            return Ok(Arc::new(store));
        }
        let store = SqliteStore::open(self.database(), SqliteOptions::default())?;
        self.opened.add(&store);
        Ok(Arc::new(store))
    }

    /// Refuses a store without a single session beside files of tasks: their records are elsewhere, or lost, and what is begun here
    /// would hide that.
    async fn refuse_if_empty_beside_files(&self, store: &dyn Store) -> Result<()> {
        if self.tasks_with_files().next().is_none() {
            return Ok(());
        }
        let any = SessionQuery { limit: 1, ..SessionQuery::default() };
        let empty = match store.sessions(&any).await {
            // One that cannot be read is a session too.
            Ok(page) => page.sessions.is_empty() && page.unreadable.is_empty(),
            // What is damaged is not empty: the command itself says what is wrong, or works around it.
            Err(StoreError::Corrupt { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        if empty {
            let place =
                if self.store.is_some() { "the PostgreSQL".into() } else { self.database().display().to_string() };
            self.refuse_files_without_records(&place)?;
        }
        Ok(())
    }

    fn refuse_files_without_records(&self, records: &str) -> Result<()> {
        let way_back = if self.store.is_some() {
            "or are still in a file: `taskwright migrate` brings them here"
        } else {
            "or a copy of the file was taken without its `-wal`: `taskwright restore` brings a backup back"
        };
        match self.tasks_with_files().count() {
            0 => Ok(()),
            tasks => Err(refused(format!(
                "there are files of {tasks} tasks in {}, but no record of them in {records}: it is new or empty. Perhaps the records \
                 are elsewhere (--dir, --store), {way_back}. To begin anew, move the files away",
                self.shown_path("")
            ))),
        }
    }

    /// The folders of tasks among the files, if those are in a folder of this machine.
    fn tasks_with_files(&self) -> impl Iterator<Item = std::fs::DirEntry> {
        let folder = self.files_folder().map(|folder| folder.join(".tasks"));
        folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten()
    }

    pub(crate) fn must_exist(&self) -> Result<()> {
        if self.has_store() {
            return Ok(());
        }
        let dir = self.dir.display();
        Err(not_found(format!(
            "there is no store at {dir} yet; `taskwright run` or `taskwright create` makes one there, --dir or TASKWRIGHT_DIR names another"
        )))
    }

    /// A runner over the store, with the cache of compiled code.
    pub(crate) fn runner(&self, store: Arc<dyn Store>, mut config: RunnerConfig, out: Output) -> Result<Runner> {
        if let Err(error) = state_folder::remove_old(&self.dir) {
            out.notice(&format!("{error:#}"));
        }
        let (code, notice) = self.state.code(&self.dir)?;
        if let Some(notice) = notice {
            out.notice(&notice);
        }
        config.sandbox.cache_dir = Some(code);
        config.sandbox.protected = self.own_paths()?.protected();
        config.sandbox.compiler = compiler()?;
        Ok(RunnerParts::new(store, self.session_files()?).config(config).runner())
    }

    /// A runner that claims nothing and loads nothing, for what only a runner's session can read.
    pub(crate) fn reader(&self, store: Arc<dyn Store>) -> Result<Runner> {
        let sandbox = SandboxConfig { max_instances: LOOKING_INSTANCES, ..SandboxConfig::default() };
        let config = RunnerConfig { sandbox, ..RunnerConfig::default() };
        Ok(RunnerParts::new(store, self.session_files()?).config(config).runner())
    }

    /// A sandbox to look at kinds with. It uses the cache of compiled code if there is a home already.
    pub(crate) fn sandbox(&self, config: &Config) -> Result<Sandbox> {
        // Without a place for it, or where nothing can be written, it is compiled anew.
        let code = self.has_store().then(|| self.state.code(&self.dir).ok()).flatten();
        looking(code.map(|(code, _)| code), config)
    }
}

/// A sandbox to look at kinds with, and compile them if the cache does not have them.
pub(crate) fn looking(cache_dir: Option<PathBuf>, config: &Config) -> Result<Sandbox> {
    let settings =
        SandboxConfig { cache_dir, max_instances: LOOKING_INSTANCES, compiler: compiler()?, ..config.runner().sandbox };
    match Sandbox::new(settings.clone()) {
        // A home that nothing can be written to: who only looks at kinds compiles them once more.
        Err(SandboxError::Cache { .. }) => Ok(Sandbox::new(SandboxConfig { cache_dir: None, ..settings })?),
        sandbox => Ok(sandbox?),
    }
}

/// Components are compiled by a process of this program, whoever made them.
fn compiler() -> Result<Compiler> {
    Ok(Compiler::Process(CompileProcess::this_program(["compile-component"])?))
}

/// What this process was given, as far as it is text. A variable that is set to nothing is one that is not set.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Which database an address names, without who uses it: `HOST:PORT/DATABASE`.
fn place_of_address(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let names = ["host=", "hostaddr=", "port=", "dbname="];
    let named: Vec<&str> = query.split('&').filter(|part| names.iter().any(|name| part.starts_with(name))).collect();
    if named.is_empty() { place.to_owned() } else { format!("{place}?{}", named.join("&")) }
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whose signatures of a server's certificate count, where the address does not say so.
pub(crate) fn root_certificates() -> Option<PathBuf> {
    std::env::var_os("PGSSLROOTCERT").filter(|path| !path.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::place_of_address;

    #[test]
    fn the_name_of_a_store_holds_no_password() {
        for (address, place) in [
            ("postgres://tw:secret@db.example:5433/work", "db.example:5433/work"),
            ("postgresql://tw:se@cret@db/work?sslmode=require&password=secret", "db/work"),
            ("postgres:///work?host=/run/pg&password=secret&port=5433", "/work?host=/run/pg&port=5433"),
        ] {
            assert_eq!(place_of_address(address), place, "{address}");
        }
    }
}
