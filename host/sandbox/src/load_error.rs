//! Why a file cannot be used as a kind, each in one clear line.
//! Does not hold errors of attempts: those are `AttemptError`.

use std::fmt;
use std::time::Duration;

use taskwright_registry::{SchemaError, clean_line};

/// The sandbox cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine refuses its configuration.
    #[error("the WebAssembly engine cannot be set up: {0}")]
    Engine(String),
    /// The folder of compiled code cannot be used.
    #[error("the cache of compiled code at `{path}` cannot be used: {problem}")]
    Cache {
        /// The folder.
        path: String,
        /// Why.
        problem: String,
    },
    /// A path of the host's own cannot be looked at, so it could not be kept from guests.
    #[error("`{path}`, which no grant may lead to, cannot be looked at: {problem}")]
    Protected {
        /// The path.
        path: String,
        /// Why.
        problem: String,
    },
    /// Requests over HTTP cannot be set up.
    #[error("requests over HTTP cannot be set up: {0}")]
    Http(String),
    /// This process may open so few files that there are none left for guests.
    #[error(
        "this process may have {limit} files open, and {needed} are the least that it can work with; raise the limit: `ulimit -n {needed}`, or `LimitNOFILE=` of the service"
    )]
    Descriptors {
        /// How many it may have open.
        limit: u64,
        /// How many would do.
        needed: u64,
    },
    /// The thread that ticks cannot be started.
    #[error("the thread that limits CPU time cannot be started: {0}")]
    Ticker(std::io::Error),
}

/// What measures how long compiling takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileClock {
    /// The compiler's CPU time.
    Cpu,
    /// The time on the wall.
    Wall,
}

impl fmt::Display for CompileClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU time",
            Self::Wall => "time",
        })
    }
}

/// A file that cannot be used as a kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file is larger than a component may be.
    #[error("the component is too large: {actual} bytes, at most {allowed} are allowed")]
    TooLarge {
        /// The most that is accepted.
        allowed: u64,
        /// The file's size.
        actual: u64,
    },
    /// The component consists of more than it may.
    #[error("the component is too large: it has {actual} {what}, at most {allowed} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most that is accepted.
        allowed: u64,
        /// What was found, up to where it was too much.
        actual: u64,
    },
    /// The file is something else.
    #[error("expected a WebAssembly component, found {actual}")]
    NotWasm {
        /// What the file seems to be.
        actual: String,
    },
    /// The file is a core module.
    #[error(
        "expected a WebAssembly component, found a core module; build it for wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// The file is compiled code.
    #[error(
        "expected a WebAssembly component, found {actual}; compiled code is never accepted, because it cannot be checked"
    )]
    AlreadyCompiled {
        /// What the file is.
        actual: String,
    },
    /// The file is a component that the engine refuses.
    #[error("the component is not valid: {problem}")]
    Invalid {
        /// What the engine says.
        problem: String,
    },
    /// Compiling took too long.
    #[error(
        "compiling the component took more than {} s of {clock}, which is what it may take; make it smaller, or its largest functions",
        allowed.as_secs_f64()
    )]
    CompileTimeout {
        /// What ran out.
        clock: CompileClock,
        /// How much there was.
        allowed: Duration,
    },
    /// Compiling took too much memory.
    #[error(
        "compiling the component took more than {allowed} bytes of memory, which is what it may take; make it smaller, or its largest functions"
    )]
    CompileMemory {
        /// The most that the compiler may have.
        allowed: u64,
    },
    /// There would be too much machine code.
    #[error("the component makes {actual} bytes of machine code, at most {allowed} are allowed")]
    CodeTooLarge {
        /// The most that is accepted.
        allowed: u64,
        /// What it would be.
        actual: u64,
    },
    /// The compiler has ended in the middle of this component.
    #[error("the compiler crashed on the component, which is a fault of the compiler or an attack on it: {problem}")]
    CompileCrashed {
        /// How it ended, and what it said last.
        problem: String,
    },
    /// The program that should compile does not.
    #[error("the compiler of components, `{program}`, cannot be used: {problem}")]
    CompilerUnavailable {
        /// The program.
        program: String,
        /// Why.
        problem: String,
    },
    /// The program that compiles is of another build.
    #[error(
        "the compiler of components makes code for another engine: expected {expected}, found {actual}. It is of another build than this process; start this process anew"
    )]
    OtherCompiler {
        /// This process's engine.
        expected: String,
        /// The compiler's.
        actual: String,
    },
    /// The component declares more than any instance may have, such as a table of a thousand million elements.
    #[error("the component needs more than an instance can have: {problem}")]
    DoesNotFit {
        /// What the engine says.
        problem: String,
    },
    /// The component is made for another version of the contract.
    #[error("the component exports `{actual}`, expected `{expected}`: this version of the contract is not supported")]
    UnsupportedVersion {
        /// What is supported.
        expected: String,
        /// What the component exports.
        actual: String,
    },
    /// The component is no task kind.
    #[error("the component is no task kind: it does not export `{expected}`; it exports {}", list(actual))]
    MissingExport {
        /// What is missing.
        expected: String,
        /// What the component exports.
        actual: Vec<String>,
    },
    /// A function of the contract has another type.
    #[error("`{name}` does not have the type that the contract gives it: {problem}")]
    WrongType {
        /// The import or export.
        name: String,
        /// What the engine says.
        problem: String,
    },
    /// The component wants something that a kind cannot have.
    #[error("the component imports `{import}`, which is not granted: {reason}")]
    ForbiddenImport {
        /// The first such import.
        import: String,
        /// Why not, and what would help.
        reason: String,
    },
    /// The component imports a capability that it does not say it wants.
    #[error(
        "the component imports `{import}` and does not want `{capability}` in `describe`; add the want, so that an operator can decide, or do without the import"
    )]
    UnwantedImport {
        /// The first such import.
        import: String,
        /// What it belongs to.
        capability: &'static str,
    },
    /// `describe` trapped, or used more than it may.
    #[error("`describe` failed: {problem}")]
    DescribeFailed {
        /// What happened.
        problem: String,
    },
    /// `describe` did not return in time.
    #[error("`describe` did not return within {allowed_ms} ms")]
    DescribeTimeout {
        /// How long it may take.
        allowed_ms: u64,
    },
    /// `describe` returned something that cannot be accepted.
    #[error("`describe` returned a {what} that cannot be accepted: expected {expected}, found {actual}")]
    BadDescription {
        /// Which part.
        what: &'static str,
        /// What is accepted.
        expected: String,
        /// What came.
        actual: String,
    },
    /// The schema of specifications is none.
    #[error("`describe` returned a specification schema that cannot be used: {0}")]
    BadSchema(SchemaError),
    /// A fault of the host.
    #[error("the component cannot be loaded: {0}")]
    Internal(String),
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<String> = names.iter().take(8).map(|name| format!("`{}`", clean_line(name, 120))).collect();
    let more = names.len().saturating_sub(shown.len());
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}
