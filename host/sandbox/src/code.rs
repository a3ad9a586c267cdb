//! Machine code of components: made by compiling, or read back from where this installation has put it.
//! Does not decide whether stored code is genuine: that is `code_cache`. This is the only module with `unsafe`.

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::LoadError;

/// Machine code that this installation's own compiler has made.
#[derive(Debug)]
pub(crate) struct GenuineCode(Vec<u8>);

impl GenuineCode {
    /// Compiles a component. It takes seconds and megabytes for a large one, so it must not run on an async thread.
    pub(crate) fn compile(engine: &Engine, wasm: &[u8]) -> Result<Self, LoadError> {
        match engine.precompile_component(wasm) {
            Ok(code) => Ok(Self(code)),
            Err(error) => Err(LoadError::Invalid { problem: format!("{error:#}") }),
        }
    }

    /// Takes code that was authenticated. Only `code_cache` may call this.
    pub(crate) fn authenticated(code: Vec<u8>) -> Self {
        Self(code)
    }

    /// The code.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Makes it executable.
    ///
    /// # Errors
    /// If it was made for another engine.
    #[expect(unsafe_code, reason = "there is no other way to load compiled code")]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: `deserialize` needs bytes that `precompile_component` has made. `compile` has just done so, or the
        // bytes carry a keyed hash that only this installation can make and that it makes for such bytes alone. They are
        // the very bytes that were authenticated, in memory, so that nobody can exchange them in between.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}
