//! The engine and everything that its kinds share, and how a file becomes a kind.
//! Does not run attempts: an `Instance` does.

use std::fmt;
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
use crate::engine_places::{EnginePlaces, Needs, Places};
use crate::executor::ExecutorPre;
use crate::http::Client;
use crate::shared_pool::SharedPool;
use crate::verify::{self, Outside};
use crate::{Kind, LoadError, SandboxConfig, SandboxError, capability, describe, engine, world};

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
    /// If the engine, the cache's folder or the ticking thread cannot be had.
    pub fn new(config: SandboxConfig) -> Result<Sandbox, SandboxError> {
        let engine = engine::build(&config)?;
        let linker = world::linker(&engine).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let most = Most { code_bytes: config.compile_limits.code_bytes, cache_bytes: config.cache_bytes };
        let cache = config.cache_dir.as_deref().map(|dir| CodeCache::open(dir, &engine, most)).transpose()?;
        let http = Client::new(config.http.clone()).map_err(SandboxError::Http)?;
        let room = Arc::new(Semaphore::new(config.max_instances as usize));
        let compiling = Arc::new(Semaphore::new(config.compile_limits.at_once.max(1) as usize));
        let memory = SharedPool::new(config.guest_memory_bytes);
        let places = EnginePlaces::new(Places::of(config.max_instances));
        let spare_places = EnginePlaces::new(Places::of(engine::SPARE_INSTANCES));
        let inner = Inner { engine, linker, http, cache, room, memory, places, spare_places, compiling, config };
        Ok(Sandbox { inner: Arc::new(inner) })
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

    /// Verifies, compiles and describes a kind.
    ///
    /// # Errors
    /// One line that says what is wrong with the file.
    pub async fn load(&self, wasm: &[u8]) -> Result<Arc<Kind>, LoadError> {
        let (inner, wasm) = (self.inner.clone(), Arc::<[u8]>::from(wasm));
        let (looked, stored) = blocking(move || inner.look(wasm)).await?;
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
        let memory = self.inner.memory.share(None);
        let places = self.inner.spare_places.share(None, needs, memory.clone()).take().await;
        let places = places.map_err(|error| LoadError::Internal(error.to_string()))?;
        let described = describe::describe(&engine, &bound, most, memory, &self.inner.http).await?;
        drop(places);
        capability::check_imports(&outside.imports, &described.description.wants)?;
        let budget = described.wishes.narrowed_by(most);
        Ok(Arc::new(Kind {
            engine,
            bound,
            http: self.inner.http.clone(),
            room: self.inner.room.clone(),
            memory: self.inner.memory.clone(),
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
                tracing::warn!(%error, "compiled code does not fit this engine; compiling again");
                cache.discard(digest);
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
