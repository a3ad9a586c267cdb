//! The engine and everything that its kinds share.
//! Does not run attempts: an `Instance` does.

use std::sync::Arc;

use crate::{Kind, LoadError, SandboxConfig, SandboxError};

/// The engine, its ticking thread, and the cache of compiled code. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sandbox;

impl Sandbox {
    /// Sets up the engine.
    ///
    /// # Errors
    /// If the engine, the cache's folder or the ticking thread cannot be had.
    pub fn new(_config: SandboxConfig) -> Result<Sandbox, SandboxError> {
        Ok(Sandbox)
    }

    /// Verifies, compiles and describes a kind.
    ///
    /// # Errors
    /// One line that says what is wrong with the file.
    pub async fn load(&self, _wasm: &[u8]) -> Result<Arc<Kind>, LoadError> {
        Err(LoadError::Internal("not there yet".to_owned()))
    }
}
