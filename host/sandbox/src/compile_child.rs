//! The process that compiles one component: it limits itself, reads the component, writes the machine code, and ends.
//! Does not believe that its input is harmless, and touches nothing but its two pipes.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use sha2::{Digest, Sha256};
use taskwright_registry::clean_line;
use wasmtime::Engine;

use crate::compile_message::{Answer, Request, write_hello};
use crate::confine::confine;
use crate::engine;
use crate::engine_hash::engine_hash;

/// Room for the longest text about what is wrong, in bytes.
pub(crate) const PROBLEM_BYTES: usize = 512;

/// What a program does that `CompileProcess` names: reads one component from standard input, compiles it within limits that
/// it sets for itself first, and writes the machine code to standard output.
///
/// It is meant to be the first thing in `main`, before any thread is started or file opened, and its status the end of the
/// program:
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     if std::env::args().nth(1).as_deref() == Some("compile-component") {
///         return taskwright_sandbox::compile_child();
///     }
///     // With SandboxConfig { compiler: Compiler::Process(CompileProcess::this_program(["compile-component"])?), .. }
///     std::process::ExitCode::SUCCESS
/// }
/// ```
///
/// After it, the process can open nothing, start nothing and connect to nothing any more.
#[must_use]
pub fn compile_child() -> ExitCode {
    match serve_one() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("this is the compiler of components, which another process of this program starts: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve_one() -> io::Result<()> {
    let (mut from, mut to) = (io::stdin().lock(), io::stdout().lock());
    // Nothing of the component has been read yet, so that this needs no limits.
    let engine = engine::for_compiling().map_err(|error| io::Error::other(format!("{error:#}")))?;
    let hash = engine_hash(&engine);
    write_hello(&mut to, &hash)?;
    let request = Request::read(&mut from)?;
    let confined = confine(request.memory_bytes, request.cpu_secs);
    let mut wasm = Vec::new();
    from.take(request.wasm_bytes).read_to_end(&mut wasm)?;
    let answer = match confined {
        Ok(()) => compile(&engine, &wasm, request.code_bytes),
        Err(error) => Answer::NotConfined(error.to_string()),
    };
    answer.write(&mut to, &hash, &Sha256::digest(&wasm).into())?;
    to.flush()
}

/// Compiles here, in this process.
pub(crate) fn compile(engine: &Engine, wasm: &[u8], code_bytes: u64) -> Answer {
    match engine.precompile_component(wasm) {
        Ok(code) if code.len() as u64 > code_bytes => Answer::TooMuchCode(code.len() as u64),
        Ok(code) => Answer::Code(code),
        Err(error) => {
            let problem = clean_line(&format!("{error:#}"), PROBLEM_BYTES);
            if is_out_of_memory(&error) { Answer::OutOfMemory(problem) } else { Answer::Invalid(problem) }
        }
    }
}

/// Whether the system has refused memory. Most often a refusal aborts, but where the engine maps memory itself it returns.
fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::error::OutOfMemory>()
        || error.chain().any(|cause| {
            let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
            kind == Some(io::ErrorKind::OutOfMemory)
        })
}
