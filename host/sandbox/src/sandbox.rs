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
use crate::bindings::KindPre;
use crate::code::GenuineCode;
use crate::code_cache::CodeCache;
use crate::memory_pool::MemoryPool;
use crate::verify::{self, Outside};
use crate::{Kind, LoadError, SandboxConfig, SandboxError, describe, engine, world};

/// The engine, its ticking thread, and the cache of compiled code. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    linker: Linker<Attempt>,
    cache: Option<CodeCache>,
    room: Arc<Semaphore>,
    memory: Arc<MemoryPool>,
    config: SandboxConfig,
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
        let cache = config.cache_dir.as_deref().map(|dir| CodeCache::open(dir, &engine)).transpose()?;
        let room = Arc::new(Semaphore::new(config.max_instances as usize));
        let memory = MemoryPool::new(config.guest_memory_bytes);
        Ok(Sandbox { inner: Arc::new(Inner { engine, linker, cache, room, memory, config }) })
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
        let (inner, wasm) = (self.inner.clone(), wasm.to_vec());
        let loading = tokio::task::spawn_blocking(move || inner.component(&wasm));
        let loaded = loading.await.map_err(|error| LoadError::Internal(error.to_string()))?;
        let (digest, outside, component) = loaded?;
        let bound = self.inner.bind(&component)?;
        let engine = self.inner.engine.clone();
        let most = &self.inner.config.budget;
        let described = describe::describe(&engine, &bound, most, self.inner.memory.share(None)).await?;
        let budget = described.wishes.narrowed_by(most);
        Ok(Arc::new(Kind {
            engine,
            bound,
            room: self.inner.room.clone(),
            memory: self.inner.memory.clone(),
            max_instances: self.inner.config.max_instances,
            described,
            digest,
            budget,
            outside,
        }))
    }
}

impl Inner {
    /// Verifies and compiles. This is the step that will move out of the process.
    fn component(&self, wasm: &[u8]) -> Result<(String, Outside, Component), LoadError> {
        let outside = verify::verify(wasm)?;
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(wasm)));
        if let Some(cache) = &self.cache
            && let Some(code) = cache.get(&digest)
        {
            match code.load(&self.engine) {
                Ok(component) => return Ok((digest, outside, component)),
                Err(error) => {
                    tracing::warn!(%error, "compiled code does not fit this engine; compiling again");
                    cache.discard(&digest);
                }
            }
        }
        let code = GenuineCode::compile(&self.engine, wasm)?;
        if let Some(cache) = &self.cache {
            cache.put(&digest, &code);
        }
        let component = code.load(&self.engine).map_err(|error| LoadError::Internal(format!("{error:#}")))?;
        Ok((digest, outside, component))
    }

    /// Checks the types of imports and exports against the world.
    fn bind(&self, component: &Component) -> Result<KindPre<Attempt>, LoadError> {
        let wrong = |name: &str, error: wasmtime::Error| LoadError::WrongType {
            name: name.to_owned(),
            problem: clean_line(&format!("{error:#}"), 512),
        };
        let linked = self.linker.instantiate_pre(component).map_err(|error| wrong("import", error))?;
        KindPre::new(linked).map_err(|error| wrong(world::EXECUTOR, error))
    }
}
