//! The engine and everything that its kinds share, and how a file becomes a kind.
//! Does not run attempts: an `Instance` does.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use taskwright_registry::clean_line;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::attempt::Attempt;
use crate::code::GenuineCode;
use crate::code_cache::{CodeCache, Most};
use crate::component_size::Consists;
use crate::describe::Described;
use crate::descriptor_limit;
use crate::engine_places::{EnginePlaces, Needs, Places};
use crate::executor::ExecutorPre;
use crate::file_thread::FilePools;
use crate::http::Client;
use crate::loaded_before::LoadedBefore;
use crate::shared_pool::SharedPool;
use crate::verify::{self, Outside};
use crate::{
    Kind, LoadError, ProtectedPaths, SandboxConfig, SandboxError, SelfDescription, capability, describe, engine, world,
};

/// The engine, its ticking thread, and the cache of compiled code. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    linker: Linker<Attempt>,
    http: Arc<Client>,
    cache: Option<CodeCache>,
    room: Arc<Semaphore>,
    memory: Arc<SharedPool>,
    places: Arc<EnginePlaces>,
    /// Those of kinds that are being described, which no attempt takes.
    spare_places: Arc<EnginePlaces>,
    file_pools: FilePools,
    before: LoadedBefore,
    /// Whoever holds a permit compiles.
    compiling: Arc<Semaphore>,
    config: SandboxConfig,
}

/// A file that was looked at, on its way to become a kind.
struct Looked {
    wasm: Arc<[u8]>,
    digest: String,
    outside: Outside,
    consists: Consists,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Sets up the engine.
    ///
    /// # Errors
    /// If the engine, the cache's folder or the ticking thread cannot be had, or the process may open too few files. Its limit
    /// on open files is raised as far as it may be.
    pub fn new(mut config: SandboxConfig) -> Result<Sandbox, SandboxError> {
        let shared = descriptor_limit::share_out(config.open_files, config.http.max_connections)?;
        config.http.max_connections = shared.connections;
        let file_pools = FilePools::new(config.file_threads.max(1).into(), shared.guests);
        let engine = engine::build(&config)?;
        let linker = world::linker(&engine).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let most = Most { code_bytes: config.compile_limits.code_bytes, cache_bytes: config.cache_bytes };
        let cache = config.cache_dir.as_deref().map(|dir| CodeCache::open(dir, &engine, most)).transpose()?;
        // Whoever could write there could have code of its own loaded.
        if let Some(dir) = &config.cache_dir {
            protect(&config.protected, dir)?;
        }
        let http = Client::new(config.http.clone()).map_err(SandboxError::Http)?;
        let room = Arc::new(Semaphore::new(config.max_instances as usize));
        let compiling = Arc::new(Semaphore::new(config.compile_limits.at_once.max(1) as usize));
        let memory = SharedPool::new(config.guest_memory_bytes);
        let places = EnginePlaces::new(Places::of(config.max_instances));
        let spare_places = EnginePlaces::new(Places::of(engine::SPARE_INSTANCES));
        let before = LoadedBefore::default();
        Ok(Sandbox {
            inner: Arc::new(Inner {
                engine,
                linker,
                http,
                cache,
                room,
                memory,
                places,
                spare_places,
                file_pools,
                before,
                compiling,
                config,
            }),
        })
    }

    /// Keeps a path from all guests, whatever they are granted: it need not exist yet, and what lies in it is kept from them too.
    /// Holds for instances that exist from their next call on.
    ///
    /// # Errors
    /// `Protected`.
    pub fn protect(&self, path: impl AsRef<Path>) -> Result<(), SandboxError> {
        protect(&self.inner.config.protected, path.as_ref())
    }

    /// Waits until the memory that all guests share has room for this many bytes more; at once where it never has so much.
    /// Nothing is kept for whoever has waited.
    pub async fn wait_for_memory(&self, bytes: u64) {
        self.inner.memory.wait_for(bytes).await;
    }

    /// How many bytes of the memory that all guests share are in use.
    #[must_use]
    pub fn memory_in_use(&self) -> u64 {
        self.inner.memory.in_use()
    }

    /// How many descriptors guests have open, and what is kept for calls under way.
    #[must_use]
    pub fn descriptors_in_use(&self) -> u64 {
        self.inner.file_pools.descriptors.in_use()
    }

    /// Verifies, compiles and describes a kind. It is asked once in this sandbox's life: what it said the first time is what
    /// it is. A component that was refused is not compiled again either; one whose refusal the state of the machine may have
    /// had a part in, after ten minutes.
    ///
    /// # Errors
    /// One line that says what is wrong with the file.
    pub async fn load(&self, wasm: &[u8]) -> Result<Arc<Kind>, LoadError> {
        self.load_by(wasm, None).await
    }

    /// Verifies and compiles a kind that has said before what it is, perhaps in another process. It is not asked again.
    ///
    /// # Errors
    /// One line that says what is wrong with the file, or with what it is said to be.
    pub async fn load_as(&self, wasm: &[u8], said: &SelfDescription) -> Result<Arc<Kind>, LoadError> {
        self.load_by(wasm, Some(said)).await
    }

    async fn load_by(&self, wasm: &[u8], said: Option<&SelfDescription>) -> Result<Arc<Kind>, LoadError> {
        let (inner, wasm) = (self.inner.clone(), Arc::<[u8]>::from(wasm));
        let (looked, stored) = blocking(move || inner.look(wasm)).await?;
        let digest = looked.digest.clone();
        let asked = self.inner.before.get(&digest)?;
        let loaded = self.make(looked, stored, said.or(asked.as_ref())).await;
        match &loaded {
            // What is wrong may be what it is said to be.
            Err(LoadError::UnwantedImport { .. } | LoadError::BadDescription { .. } | LoadError::BadSchema(_))
                if said.is_some() => {}
            Err(error) => self.inner.before.refused(&digest, error),
            Ok(_) => {}
        }
        loaded
    }

    /// Makes a kind of what was looked at, and asks it what it is if nobody has.
    async fn make(
        &self,
        looked: Looked,
        stored: Option<Component>,
        said: Option<&SelfDescription>,
    ) -> Result<Arc<Kind>, LoadError> {
        let (looked, component) = match stored {
            Some(component) => (looked, component),
            None => {
                // Waited for without a thread. It stays with the compiler even if nobody waits for it any more.
                let permit = self.inner.compiling.clone().acquire_owned().await;
                let permit = permit.map_err(|error| LoadError::Internal(error.to_string()))?;
                let inner = self.inner.clone();
                blocking(move || {
                    let _permit = permit;
                    inner.compile(&looked).map(|component| (looked, component))
                })
                .await?
            }
        };
        let Looked { digest, outside, consists, .. } = looked;
        let needs = Needs::of(&component, &consists)?;
        let bound = self.inner.bind(&component)?;
        let engine = self.inner.engine.clone();
        let most = &self.inner.config.budget;
        let described = match said {
            Some(said) => Described::as_said(said)?,
            None => {
                let memory = self.inner.memory.share(None);
                let places = self.inner.spare_places.share(None, needs, memory.clone()).take().await;
                let places = places.map_err(|error| LoadError::Internal(error.to_string()))?;
                let asked = describe::describe(&engine, &bound, most, memory, &self.inner.http).await?;
                drop(places);
                Described::as_said(&self.inner.before.said(&digest, asked.said))?
            }
        };
        capability::check_imports(&outside.imports, &described.said.description.wants)?;
        let budget = described.said.wishes.narrowed_by(most);
        Ok(Arc::new(Kind {
            engine,
            bound,
            http: self.inner.http.clone(),
            protected: self.inner.config.protected.clone(),
            room: self.inner.room.clone(),
            memory: self.inner.memory.clone(),
            file_pools: self.inner.file_pools.clone(),
            places: self.inner.places.clone(),
            needs,
            max_instances: self.inner.config.max_instances,
            described,
            digest,
            budget,
            outside,
        }))
    }
}

fn protect(protected: &ProtectedPaths, path: &Path) -> Result<(), SandboxError> {
    let failed =
        |problem: io::Error| SandboxError::Protected { path: path.display().to_string(), problem: problem.to_string() };
    protected.add(path).map_err(failed)
}

/// Runs what blocks where that does no harm.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| LoadError::Internal(error.to_string()))?
}

impl Inner {
    /// Verifies, and looks for compiled code.
    fn look(&self, wasm: Arc<[u8]>) -> Result<(Looked, Option<Component>), LoadError> {
        let (outside, consists) = verify::look(&wasm, &self.config.component_limits)?;
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&wasm)));
        let stored = self.stored(&digest);
        Ok((Looked { wasm, digest, outside, consists }, stored))
    }

    /// What the cache has.
    fn stored(&self, digest: &str) -> Option<Component> {
        let cache = self.cache.as_ref()?;
        let code = cache.get(digest)?;
        match code.load(&self.engine) {
            Ok(component) => Some(component),
            Err(error) => {
                // Code that is made anew takes its place; a shortage of memory is no reason to remove it.
                tracing::warn!(%error, "compiled code cannot be used by this engine; compiling again");
                None
            }
        }
    }

    /// Compiles and keeps the code, unless somebody else just has.
    fn compile(&self, looked: &Looked) -> Result<Component, LoadError> {
        if let Some(component) = self.stored(&looked.digest) {
            return Ok(component);
        }
        let (compiler, limits) = (&self.config.compiler, &self.config.compile_limits);
        let code = GenuineCode::compile(&self.engine, compiler, limits, &looked.wasm)?;
        let component = code
            .load(&self.engine)
            .map_err(|error| LoadError::DoesNotFit { problem: clean_line(&format!("{error:#}"), 512) })?;
        if let Some(cache) = &self.cache {
            cache.put(&looked.digest, &code);
        }
        Ok(component)
    }

    /// Checks the types of imports and exports against the world.
    fn bind(&self, component: &Component) -> Result<ExecutorPre, LoadError> {
        let wrong = |name: &str, error: wasmtime::Error| LoadError::WrongType {
            name: name.to_owned(),
            problem: clean_line(&format!("{error:#}"), 512),
        };
        let linked = self.linker.instantiate_pre(component).map_err(|error| wrong("import", error))?;
        ExecutorPre::new(component, linked).map_err(|error| wrong(world::EXECUTOR, error))
    }
}
