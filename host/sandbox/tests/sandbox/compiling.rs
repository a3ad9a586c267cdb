//! Compiling in a process of its own: what comes back, and how each limit ends it.
//! Files that are refused before anything is compiled are in `loading` and `large_files`.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use taskwright_sandbox::{
    Allocation, CompileClock, CompileLimits, CompileProcess, Compiler, LoadError, Sandbox, SandboxConfig,
};
use taskwright_test_guests as guests;
use wasm_encoder::{
    BlockType, CodeSection, Component, ComponentExportKind, ComponentExportSection, Function, FunctionSection,
    Instruction, Module, ModuleSection, TypeSection, ValType,
};

fn compiler() -> CompileProcess {
    CompileProcess { program: env!("CARGO_BIN_EXE_taskwright-compile-component").into(), args: Vec::new() }
}

/// A sandbox whose compiler is this program with these arguments.
fn sandbox_with(process: CompileProcess, limits: CompileLimits) -> Sandbox {
    let compiler = Compiler::Process(process);
    Sandbox::new(SandboxConfig { compiler, compile_limits: limits, max_instances: 4, ..SandboxConfig::default() })
        .unwrap()
}

fn sandbox(limits: CompileLimits) -> Sandbox {
    sandbox_with(compiler(), limits)
}

fn shell(script: &str) -> CompileProcess {
    let args: Vec<OsString> = vec!["-c".into(), script.into()];
    CompileProcess { program: "/bin/sh".into(), args }
}

/// What the compiler says first.
fn hello() -> Vec<u8> {
    let mut child =
        Command::new(compiler().program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let child = child.as_mut().unwrap();
    let mut hello = vec![0; 40];
    child.stdout.take().unwrap().read_exact(&mut hello).unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();
    hello
}

/// A program that passes for the compiler at first and then does this.
fn impostor(dir: &Path, script: &str) -> CompileProcess {
    let path = dir.join("hello");
    fs::write(&path, hello()).unwrap();
    shell(&format!("cat '{}'; {script}", path.display()))
}

/// The compiler, which leaves a line in this file each time it is started.
fn counted(starts: &Path) -> CompileProcess {
    shell(&format!("echo once >> '{}'; exec '{}'", starts.display(), compiler().program.display()))
}

#[tokio::test]
async fn what_was_refused_is_not_compiled_again() {
    let dir = tempfile::tempdir().unwrap();
    let starts = dir.path().join("starts");
    let sandbox = sandbox_with(counted(&starts), CompileLimits { code_bytes: 1, ..CompileLimits::default() });
    let first = refused(&sandbox, guests::HONEST).await;
    assert!(matches!(first, LoadError::CodeTooLarge { .. }), "{first}");
    assert_eq!(refused(&sandbox, guests::HONEST).await, first);
    assert_eq!(fs::read_to_string(&starts).unwrap(), "once\n");
}

async fn refused(sandbox: &Sandbox, wasm: &[u8]) -> LoadError {
    let error = sandbox.load(wasm).await.expect_err("must not load");
    let line = error.to_string();
    assert!(!line.contains('\n') && line.len() < 900, "not one line: {line}");
    error
}

/// A component that looks like a kind from outside and has one function with this body.
fn with_function(locals: u32, body: impl Fn(&mut Function)) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut function = Function::new([(locals, ValType::I64)]);
    body(&mut function);
    let mut code = CodeSection::new();
    code.function(&function);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    let mut component = Component::new();
    component.section(&ModuleSection(&module));
    let mut instances = wasm_encoder::ComponentInstanceSection::new();
    instances.export_items(Vec::<(&str, ComponentExportKind, u32)>::new());
    component.section(&instances);
    let mut exports = ComponentExportSection::new();
    exports.export("taskwright:task/executor@0.1.0", ComponentExportKind::Instance, 0, None);
    component.section(&exports);
    component.finish()
}

/// Every local is changed inside of every loop, so that each loop has to know of each local: a short text, and work that
/// grows with the product.
fn bomb(locals: u32, loops: u32) -> Vec<u8> {
    with_function(locals, |f| {
        for _ in 0..loops {
            f.instruction(&Instruction::Loop(BlockType::Empty));
        }
        for i in 0..locals {
            f.instruction(&Instruction::LocalGet(1 + i));
            f.instruction(&Instruction::I64Const(3));
            f.instruction(&Instruction::I64Add);
            f.instruction(&Instruction::LocalSet(1 + i));
        }
        for _ in 0..loops {
            f.instruction(&Instruction::LocalGet(0));
            f.instruction(&Instruction::BrIf(0));
            f.instruction(&Instruction::End);
        }
        f.instruction(&Instruction::LocalGet(0));
        f.instruction(&Instruction::End);
    })
}

#[tokio::test]
async fn code_of_the_compiling_process_is_what_this_process_would_have_made_and_can_be_loaded_by_any_engine() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let load = async |dir: &Path, compiler, allocation| {
        let cache_dir = Some(dir.to_owned());
        let config = SandboxConfig { cache_dir, compiler, allocation, max_instances: 4, ..SandboxConfig::default() };
        let kind = Sandbox::new(config).unwrap().load(guests::HONEST).await.unwrap();
        assert_eq!(kind.description().kind, "test-guest");
    };
    load(dirs[0].path(), Compiler::Process(compiler()), Allocation::PoolingOrOnDemand).await;
    load(dirs[1].path(), Compiler::InProcess, Allocation::OnDemand).await;
    let code = |dir: &Path| {
        let mut entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        let path = entries.find(|path| path.extension().is_some_and(|extension| extension == "code")).unwrap();
        // Without the seal, whose key is another one in each folder.
        (path.file_name().unwrap().to_owned(), fs::read(path).unwrap()[32..].to_vec())
    };
    assert!(code(dirs[0].path()) == code(dirs[1].path()));
}

#[tokio::test]
async fn a_component_that_takes_too_long_to_compile_is_given_up_and_others_compile_meanwhile() {
    let wasm = bomb(1_000, 1_000);
    assert!(wasm.len() < 20_000);
    let sandbox = sandbox(CompileLimits { cpu: Duration::from_secs(1), ..CompileLimits::default() });
    let (bomb, honest) = tokio::join!(refused(&sandbox, &wasm), sandbox.load(guests::HONEST));
    assert_eq!(bomb, LoadError::CompileTimeout { clock: CompileClock::Cpu, allowed: Duration::from_secs(1) });
    assert!(bomb.to_string().starts_with("compiling the component took more than 1 s of CPU time"), "{bomb}");
    assert_eq!(honest.unwrap().description().kind, "test-guest");
}

#[tokio::test]
async fn a_component_that_takes_too_much_memory_to_compile_is_given_up() {
    let allowed = 512 << 20;
    let sandbox = sandbox(CompileLimits { memory_bytes: allowed, ..CompileLimits::default() });
    let error = refused(&sandbox, &bomb(10_000, 10_000)).await;
    assert_eq!(error, LoadError::CompileMemory { allowed });
    assert_eq!(sandbox.load(guests::HONEST).await.unwrap().description().kind, "test-guest");
}

#[tokio::test]
async fn a_compiler_that_stays_is_ended_by_the_wall_clock_with_all_that_it_has_started() {
    let dir = tempfile::tempdir().unwrap();
    // Long enough for a busy machine to start it.
    let wall = Duration::from_secs(4);
    let pid = dir.path().join("pid");
    let script = format!("sleep 1000 & echo $! > '{}'; wait", pid.display());
    let sandbox = sandbox_with(impostor(dir.path(), &script), CompileLimits { wall, ..CompileLimits::default() });
    let error = refused(&sandbox, guests::HONEST).await;
    assert_eq!(error, LoadError::CompileTimeout { clock: CompileClock::Wall, allowed: wall });
    let pid = fs::read_to_string(pid).unwrap();
    let gone = || match fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
        Err(_) => true,
        Ok(stat) => stat.contains(") Z"),
    };
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    while !gone() {
        assert!(tokio::time::Instant::now() < end, "process {pid} is still there");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_compiler_that_crashes_takes_nothing_with_it_and_its_last_words_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let crashing = sandbox_with(impostor(dir.path(), "echo oh no >&2; kill -SEGV $$"), CompileLimits::default());
    let error = refused(&crashing, guests::HONEST).await;
    assert_eq!(error, LoadError::CompileCrashed { problem: "it ended with signal 11: oh no".to_owned() });
    let giving_up = sandbox_with(impostor(dir.path(), "exit 7"), CompileLimits::default());
    let error = refused(&giving_up, guests::HONEST).await;
    assert_eq!(error, LoadError::CompileCrashed { problem: "it ended with status 7".to_owned() });
}

#[tokio::test]
async fn an_answer_that_is_damaged_or_endless_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    for script in ["cat /dev/zero", "printf twcode01; cat /dev/zero", "printf 'twcode01\\0\\0\\0\\0\\0\\0\\0\\0'; yes"]
    {
        let sandbox = sandbox_with(impostor(dir.path(), script), CompileLimits::default());
        let error = refused(&sandbox, guests::HONEST).await;
        let LoadError::CompileCrashed { problem } = &error else { panic!("{script}: {error:?}") };
        assert!(problem.starts_with("its answer was damaged"), "{script}: {problem}");
    }
}

#[tokio::test]
async fn a_compiler_for_another_engine_is_refused_with_both_engines() {
    let dir = tempfile::tempdir().unwrap();
    let mut other = hello();
    other[8] ^= 0xff;
    let path = dir.path().join("other");
    fs::write(&path, &other).unwrap();
    let sandbox = sandbox_with(shell(&format!("exec cat '{}'", path.display())), CompileLimits::default());
    let error = refused(&sandbox, guests::HONEST).await;
    let LoadError::OtherCompiler { expected, actual } = &error else { panic!("{error:?}") };
    assert_eq!(expected.as_bytes()[2..], actual.as_bytes()[2..]);
    assert_ne!(expected, actual);
    assert!(error.to_string().ends_with("start this process anew"), "{error}");
}

#[tokio::test]
async fn a_program_that_is_no_compiler_is_told_apart_from_a_bad_component() {
    for (process, told) in [
        (CompileProcess { program: "/nowhere/compiler".into(), args: Vec::new() }, "cannot be started"),
        (shell("echo I am an echo and not the compiler at all"), "call `compile_child`"),
        (shell("echo no >&2; exit 3"), "it ended with status 3 before it said that it is a compiler: no"),
    ] {
        let error = refused(&sandbox_with(process, CompileLimits::default()), guests::HONEST).await;
        assert!(matches!(error, LoadError::CompilerUnavailable { .. }), "{error:?}");
        assert!(error.to_string().contains(told), "{error}");
    }
    let wall = Duration::from_millis(300);
    let limits = CompileLimits { wall, ..CompileLimits::default() };
    let error = refused(&sandbox_with(shell("exec sleep 1000"), limits), guests::HONEST).await;
    assert_eq!(error, LoadError::CompileTimeout { clock: CompileClock::Wall, allowed: wall });
}

#[tokio::test]
async fn the_compiler_gets_no_environment_and_starts_in_the_root_folder() {
    assert!(std::env::var_os("PATH").is_some(), "there must be something to inherit");
    let dir = tempfile::tempdir().unwrap();
    let seen = dir.path().join("seen");
    let script = format!("(cat /proc/$$/environ; pwd) > '{}'; exit 1", seen.display());
    refused(&sandbox_with(shell(&script), CompileLimits::default()), guests::HONEST).await;
    assert_eq!(fs::read_to_string(seen).unwrap(), "/\n");
}

#[tokio::test]
async fn machine_code_beyond_the_limit_is_refused_wherever_it_is_made() {
    let limits = CompileLimits { code_bytes: 1_000, ..CompileLimits::default() };
    let config = SandboxConfig { compile_limits: limits, max_instances: 4, ..SandboxConfig::default() };
    for sandbox in [sandbox(limits), Sandbox::new(config).unwrap()] {
        let error = refused(&sandbox, guests::HONEST).await;
        let LoadError::CodeTooLarge { allowed: 1_000, actual } = error else { panic!("{error:?}") };
        assert!(actual > 10_000, "{actual}");
    }
}

#[tokio::test]
async fn no_more_components_are_compiled_at_one_time_than_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let (lock, crowd) = (dir.path().join("lock"), dir.path().join("crowd"));
    // The pause makes a crowd likely where one is possible; nothing waits for it.
    let script = format!("mkdir '{0}' || touch '{1}'; sleep 0.1; rmdir '{0}'; exit 1", lock.display(), crowd.display());
    let sandbox = sandbox_with(shell(&script), CompileLimits { at_once: 1, ..CompileLimits::default() });
    futures::future::join_all((0..4).map(|_| refused(&sandbox, guests::HONEST))).await;
    assert!(!crowd.exists() && !lock.exists());
}

#[tokio::test]
async fn this_program_can_be_named_as_the_compiler_and_is_told_what_its_main_lacks() {
    // A program of tests with one argument of its own: it lists its tests, and knows of no `compile_child`.
    let process = CompileProcess::this_program(["--list"]).unwrap();
    let error = refused(&sandbox_with(process, CompileLimits::default()), guests::HONEST).await;
    assert!(error.to_string().contains("its `main` has to call `compile_child`"), "{error}");
}

#[test]
fn the_compiler_started_by_hand_says_what_it_is() {
    let output = Command::new(compiler().program).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("this is the compiler of components, which another process"), "{said}");
}
