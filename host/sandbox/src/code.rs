//! Machine code of components: made by compiling, or read back from where this installation has put it.
//! Does not decide whether stored code is genuine: that is `code_cache`. This is the only module with `unsafe`.

use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compile_message::Answer;
use crate::compiler::{CompileLimits, Compiler};
use crate::engine_hash::engine_hash;
use crate::{LoadError, compile_child, compile_process};

/// Machine code that this installation's own compiler has made.
#[derive(Debug)]
pub(crate) struct GenuineCode(Vec<u8>);

impl GenuineCode {
    /// Compiles a component. It takes seconds and megabytes for a large one, so it must not run on an async thread.
    pub(crate) fn compile(
        engine: &Engine,
        compiler: &Compiler,
        limits: &CompileLimits,
        wasm: &Arc<[u8]>,
    ) -> Result<Self, LoadError> {
        match compiler {
            Compiler::Process(process) => {
                compile_process::compile(process, limits, &engine_hash(engine), wasm).map(Self)
            }
            Compiler::InProcess => match compile_child::compile(engine, wasm, limits.code_bytes) {
                Answer::Code(code) => Ok(Self(code)),
                Answer::TooMuchCode(actual) => Err(LoadError::CodeTooLarge { allowed: limits.code_bytes, actual }),
                Answer::Invalid(problem) => Err(LoadError::Invalid { problem }),
                Answer::OutOfMemory(problem) | Answer::NotConfined(problem) => Err(LoadError::Internal(problem)),
            },
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
        // SAFETY: `deserialize` needs bytes that `precompile_component` has made. `compile` has just done so, here or in a
        // process that runs the compiler of this build and has given them to this one alone, over a pipe. Or the bytes carry
        // a keyed hash that only this installation can make and that it makes for such bytes alone. They are the very bytes
        // that were given or authenticated, in memory, so that nobody can exchange them in between. What a compiler that was
        // taken over from inside would give is not covered by this; SECURITY.md says so.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}
