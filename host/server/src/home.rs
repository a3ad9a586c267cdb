//! The folder that a store lives in: `registry.db`, `files/` and `kinds/`; or less of it, where the records are in a PostgreSQL
//! and the files in a bucket.
//! Does not make it for commands that only read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use taskwright_registry::WakeKey;
use taskwright_runner::{BucketAddress, Runner, RunnerConfig, RunnerParts, SessionFiles};
use taskwright_sandbox::{CompileProcess, Compiler, Sandbox, SandboxConfig};
use taskwright_store::{PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store};

use crate::config::Config;
use crate::exit_code::{not_found, refused};
use crate::kinds_folder::KindsFolder;
use crate::output::Output;
use crate::own_paths::OwnPaths;
use crate::private_folder;
use crate::state_folder::{self, StateFolder};

/// Instances that looking at kinds may need at one time; a small pool is set up faster.
const LOOKING_INSTANCES: u32 = 8;

/// Where everything lies.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    dir: PathBuf,
    /// Where the records are, if not in the folder.
    store: Option<String>,
    files: FilesPlace,
    state: StateFolder,
    own: OwnPaths,
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
    ) -> Result<Self> {
        let files = match files {
            None => FilesPlace::Folder(dir.join("files")),
            Some(address) if address.contains("://") => {
                FilesPlace::Bucket(address.parse().map_err(|error| refused(format!("--files: {error}")))?)
            }
            Some(folder) => FilesPlace::Folder(folder.into()),
        };
        Ok(Self { dir, store, files, state: StateFolder::new(state), own: OwnPaths::default() })
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

    /// Whether there is a store.
    pub(crate) fn has_store(&self) -> bool {
        self.store.is_some() || exists(&self.database())
    }

    /// Asks a bucket whether it is there, before anything is run whose files it is to hold.
    pub(crate) async fn check_files(&self) -> Result<()> {
        Ok(self.session_files()?.check().await?)
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

    /// Opens the store, and makes it if it is not there.
    pub(crate) async fn open_or_create(&self) -> Result<Arc<dyn Store>> {
        // What lies beside the records is for their owner alone, too: the session's files and the kinds.
        private_folder::make(&self.dir).with_context(|| self.dir.display().to_string())?;
        if let Some(address) = &self.store {
            if !(address.starts_with("postgres://") || address.starts_with("postgresql://")) {
                // It may hold a password.
                return Err(refused(
                    "--store: expected postgres://USER@HOST:PORT/DATABASE; leave it away for a file in the folder of --dir",
                ));
            }
            let options = PostgresOptions { root_certificates: root_certificates(), ..PostgresOptions::default() };
            return Ok(Arc::new(PostgresStore::open(address, options).await?));
        }
        Ok(Arc::new(SqliteStore::open(self.database(), SqliteOptions::default())?))
    }

    fn must_exist(&self) -> Result<()> {
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
    Ok(Sandbox::new(settings)?)
}

/// Components are compiled by a process of this program, whoever made them.
fn compiler() -> Result<Compiler> {
    Ok(Compiler::Process(CompileProcess::this_program(["compile-component"])?))
}

/// What this process was given, as far as it is text.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whose signatures of a server's certificate count, where the address does not say so.
pub(crate) fn root_certificates() -> Option<PathBuf> {
    std::env::var_os("PGSSLROOTCERT").map(PathBuf::from)
}
