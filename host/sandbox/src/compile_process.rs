//! Has a component compiled by a process of its own, and ends that process when it takes too long.
//! Does not believe what the process says: only a sealed answer to this very request, of bounded size, counts.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use sha2::{Digest, Sha256};
use taskwright_registry::clean_line;

use crate::compile_child::PROBLEM_BYTES;
use crate::compile_message::{Answer, Request, read_hello};
use crate::compiler::{CompileLimits, CompileProcess};
use crate::engine_hash::EngineHash;
use crate::{CompileClock, LoadError};

/// How long the program has to say that it is a compiler; a busy machine needs a moment to start it.
const HELLO: Duration = Duration::from_secs(20);
/// How much of what it writes to standard error is kept.
const STDERR_BYTES: u64 = 4 * 1024;
/// How often to look whether a process that says no more has ended.
const LOOK: Duration = Duration::from_millis(2);

/// Compiles. It blocks for as long as that takes, so it must not run on an async thread.
///
/// # Errors
/// What the compiler found wrong with the component, which limit it ran into, or that there is no such compiler.
pub(crate) fn compile(
    process: &CompileProcess,
    limits: &CompileLimits,
    engine: &EngineHash,
    wasm: &Arc<[u8]>,
) -> Result<Vec<u8>, LoadError> {
    let mut running = Running::start(process, limits)?;
    let digest: [u8; 32] = Sha256::digest(wasm).into();
    let said = running.listen(*engine, digest, limits.code_bytes);
    running.tell(limits, wasm);
    match running.hear(&said)? {
        Said::Hello(found) if found == *engine => {}
        Said::Hello(found) => {
            let short = |hash: &EngineHash| hex::encode(&hash[..8]);
            return Err(LoadError::OtherCompiler { expected: short(engine), actual: short(&found) });
        }
        Said::Answer(_) => return Err(running.unavailable("it answered before it was asked")),
        Said::Nothing(error) => return Err(running.no_compiler(&error)),
    }
    running.greeted = true;
    match running.hear(&said)? {
        Said::Answer(Answer::Code(code)) => Ok(code),
        Said::Answer(Answer::Invalid(problem)) => {
            Err(LoadError::Invalid { problem: clean_line(&problem, PROBLEM_BYTES) })
        }
        Said::Answer(Answer::OutOfMemory(_)) => Err(LoadError::CompileMemory { allowed: limits.memory_bytes }),
        Said::Answer(Answer::TooMuchCode(actual)) => {
            Err(LoadError::CodeTooLarge { allowed: limits.code_bytes, actual })
        }
        Said::Answer(Answer::NotConfined(problem)) => Err(running.unavailable(&format!(
            "it cannot limit itself, and has compiled nothing: {}",
            clean_line(&problem, PROBLEM_BYTES)
        ))),
        Said::Hello(_) => Err(running.unavailable("it said hello twice")),
        Said::Nothing(error) => Err(running.fate(&error)),
    }
}

/// What came from the process.
enum Said {
    Hello(EngineHash),
    Answer(Answer),
    /// Nothing, or nothing that could be understood.
    Nothing(io::Error),
}

/// The process. It is ended and reaped when this is dropped.
struct Running {
    child: Child,
    program: String,
    limits: CompileLimits,
    began: Instant,
    greeted: bool,
    stderr: Receiver<String>,
}

impl Running {
    fn start(process: &CompileProcess, limits: &CompileLimits) -> Result<Self, LoadError> {
        let program = process.program.display().to_string();
        let started = Command::new(&process.program)
            .args(&process.args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that it can be ended with all that it may have started, and a terminal's interrupt
            // does not reach it.
            .process_group(0)
            .spawn();
        let mut child = started.map_err(|error| LoadError::CompilerUnavailable {
            program: program.clone(),
            problem: format!("it cannot be started: {error}"),
        })?;
        let pipe = child.stderr.take();
        let (send, stderr) = channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(pipe) = pipe {
                let _ = pipe.take(STDERR_BYTES).read_to_end(&mut text);
            }
            let _ = send.send(clean_line(String::from_utf8_lossy(&text).trim(), PROBLEM_BYTES));
        });
        Ok(Self { child, program, limits: *limits, began: Instant::now(), greeted: false, stderr })
    }

    /// Reads what the process writes on a thread, which ends when the process has, at the latest.
    fn listen(&mut self, engine: EngineHash, digest: [u8; 32], code_bytes: u64) -> Receiver<Said> {
        let (send, receive): (Sender<Said>, _) = channel();
        let pipe = self.child.stdout.take();
        thread::spawn(move || {
            let Some(mut pipe) = pipe else { return };
            let hello = read_hello(&mut pipe).map_or_else(Said::Nothing, Said::Hello);
            let go_on = matches!(hello, Said::Hello(_));
            if send.send(hello).is_ok() && go_on {
                let answer = Answer::read(&mut pipe, &engine, &digest, code_bytes);
                let _ = send.send(answer.map_or_else(Said::Nothing, Said::Answer));
            }
        });
        receive
    }

    /// Writes the request on a thread. A process that does not read it has ended or will be.
    fn tell(&mut self, limits: &CompileLimits, wasm: &Arc<[u8]>) {
        let request = Request {
            memory_bytes: limits.memory_bytes,
            cpu_secs: cpu_secs(limits),
            code_bytes: limits.code_bytes,
            wasm_bytes: wasm.len() as u64,
        };
        let (pipe, wasm) = (self.child.stdin.take(), wasm.clone());
        thread::spawn(move || {
            let Some(mut pipe) = pipe else { return };
            let _ = request.write(&mut pipe).and_then(|()| io::Write::write_all(&mut pipe, &wasm));
        });
    }

    fn left(&self) -> Duration {
        self.limits.wall.saturating_sub(self.began.elapsed())
    }

    /// Waits for the next thing that the process says.
    fn hear(&self, said: &Receiver<Said>) -> Result<Said, LoadError> {
        let patience = if self.greeted { self.left() } else { self.left().min(HELLO) };
        match said.recv_timeout(patience) {
            Ok(said) => Ok(said),
            Err(_) if self.left().is_zero() => Err(self.timeout(CompileClock::Wall)),
            Err(_) => Err(self.unavailable(&format!(
                "it has not said within {} s that it is a compiler; its `main` has to call `compile_child`",
                HELLO.as_secs()
            ))),
        }
    }

    fn timeout(&self, clock: CompileClock) -> LoadError {
        let allowed = match clock {
            CompileClock::Cpu => Duration::from_secs(cpu_secs(&self.limits)),
            CompileClock::Wall => self.limits.wall,
        };
        LoadError::CompileTimeout { clock, allowed }
    }

    fn unavailable(&self, problem: &str) -> LoadError {
        LoadError::CompilerUnavailable { program: self.program.clone(), problem: problem.to_owned() }
    }

    /// The program said something that no compiler says, or ended before it said anything.
    fn no_compiler(&mut self, error: &io::Error) -> LoadError {
        let (ended, stderr) = self.end();
        let said = if error.kind() == io::ErrorKind::UnexpectedEof {
            format!("{} before it said that it is a compiler", how(ended))
        } else {
            "it does not speak as a compiler does; its `main` has to call `compile_child`".to_owned()
        };
        self.unavailable(&with(said, &stderr))
    }

    /// Why a compiler did not answer.
    fn fate(&mut self, error: &io::Error) -> LoadError {
        if error.kind() != io::ErrorKind::UnexpectedEof {
            return LoadError::CompileCrashed { problem: format!("its answer was damaged: {error}") };
        }
        let (ended, stderr) = self.end();
        let Some(ended) = ended else { return self.timeout(CompileClock::Wall) };
        let signal = ended.signal();
        if signal == Some(Signal::XCPU.as_raw()) {
            return self.timeout(CompileClock::Cpu);
        }
        // What an allocation that fails says last. A process that lies here changes the words of its own error.
        if signal == Some(Signal::ABORT.as_raw()) && stderr.contains("memory allocation of") {
            return LoadError::CompileMemory { allowed: self.limits.memory_bytes };
        }
        LoadError::CompileCrashed { problem: with(how(Some(ended)), &stderr) }
    }

    /// Waits for the end of a process that has closed its output, for as long as it has. Says how it ended, unless it had to
    /// be ended, and what it wrote to standard error.
    fn end(&mut self) -> (Option<ExitStatus>, String) {
        let ended = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if !self.left().is_zero() => thread::sleep(LOOK),
                _ => break None,
            }
        };
        self.kill();
        (ended, self.stderr.recv_timeout(Duration::from_secs(1)).unwrap_or_default())
    }

    fn kill(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // It was not reaped yet, so that its id is its own.
        if let Ok(pid) = i32::try_from(self.child.id())
            && let Some(group) = Pid::from_raw(pid)
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        if let Ok(text) = self.stderr.try_recv()
            && !text.is_empty()
        {
            tracing::warn!(text, "the compiler of components has written to standard error");
        }
    }
}

fn cpu_secs(limits: &CompileLimits) -> u64 {
    let whole = limits.cpu.as_secs();
    (if limits.cpu.subsec_nanos() == 0 { whole } else { whole.saturating_add(1) }).max(1)
}

fn how(ended: Option<ExitStatus>) -> String {
    match ended {
        Some(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("it ended with status {code}"),
            (None, Some(9)) => "it was killed, as the system does when memory runs out".to_owned(),
            (None, signal) => format!("it ended with signal {}", signal.unwrap_or_default()),
        },
        None => "it did not end".to_owned(),
    }
}

fn with(said: String, stderr: &str) -> String {
    if stderr.is_empty() { said } else { format!("{said}: {stderr}") }
}
