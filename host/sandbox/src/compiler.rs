//! Where components are compiled, and what that may cost.
//! Does not compile: `code` does in process, `compile_child` in a process of its own.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Where components are compiled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Compiler {
    /// In this process. Compiling is an untrusted step whose time and memory cannot be bounded here, so this is for
    /// components from trusted hands and for tests. It is the default because a library cannot know what the program does
    /// that it is a part of; the `taskwright` command line compiles in a process.
    #[default]
    InProcess,
    /// In a process for each component, which limits itself as its first act.
    Process(CompileProcess),
}

/// The program that compiles. It must end up in `compile_child`, and be of the same build as this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileProcess {
    /// The program. It is started without environment, in the root folder.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

impl CompileProcess {
    /// This very program with these arguments, by which its `main` must know that it is to call `compile_child` and
    /// nothing else.
    ///
    /// On Linux it is the file that runs, even if another one was put in its place or it was deleted meanwhile.
    ///
    /// # Errors
    /// If the system does not tell which program this is.
    pub fn this_program(args: impl IntoIterator<Item = impl Into<OsString>>) -> std::io::Result<Self> {
        let running = PathBuf::from("/proc/self/exe");
        // `current_exe` reads the link, and after an update of the program reads ` (deleted)` at its end. The link itself
        // still leads to the file that runs, and whoever starts it is a copy of this process when it does.
        let linked = cfg!(target_os = "linux") && running.symlink_metadata().is_ok();
        let program = if linked { running } else { std::env::current_exe()? };
        Ok(Self { program, args: args.into_iter().map(Into::into).collect() })
    }
}

/// What compiling one component may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Address space of the compiling process in bytes. Not in force in process.
    pub memory_bytes: u64,
    /// CPU time of the compiling process, in whole seconds, rounded up. Not in force in process.
    pub cpu: Duration,
    /// How long the compiling process may exist. Not in force in process.
    pub wall: Duration,
    /// Bytes of machine code.
    pub code_bytes: u64,
    /// How many components are compiled at one time; others wait. At least one is.
    pub at_once: u32,
}

/// More than three times what a kind in Python of 20 million bytes takes, the compiling program itself included.
const MEMORY_BYTES: u64 = 2 << 30;
/// A kind in Python takes a fifth of it on a slow machine. Longer than that nobody waits for a kind.
const CPU: Duration = Duration::from_secs(60);
/// Much more than the CPU time, because other work has the right of way: a machine that is busy otherwise leaves a quarter of
/// a core.
const WALL: Duration = Duration::from_secs(300);
/// A kind in Python makes a seventh of it. Machine code is about twice as large as what it was made of.
const CODE_BYTES: u64 = 256 << 20;
/// Two, so that one slow component does not hold up all others, and compiling does not take the whole machine.
const AT_ONCE: u32 = 2;

impl Default for CompileLimits {
    /// 2 GiB, a minute of CPU time, five minutes, 256 MiB of machine code, two at one time.
    fn default() -> Self {
        Self { memory_bytes: MEMORY_BYTES, cpu: CPU, wall: WALL, code_bytes: CODE_BYTES, at_once: AT_ONCE }
    }
}
