//! Takes from this process whatever compiling does not need: memory and time without end, files, network, other processes.
//! Does not make it safe to run hostile machine code here: what is left is what compiling needs.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Limits this process for the rest of its life.
///
/// # Errors
/// If one of the limits cannot be set. Where the system has no filter for its calls, that is said on standard error, and no
/// error: the limits are in force all the same.
pub(crate) fn confine(memory_bytes: u64, cpu_secs: u64) -> io::Result<()> {
    stand_back();
    limit(Resource::As, memory_bytes, memory_bytes)?;
    // The first of the two ends the process with a signal that says why, the second one cannot be ignored.
    limit(Resource::Cpu, cpu_secs, cpu_secs.saturating_add(1))?;
    // What is open stays open. Nothing more can be opened, written to a file, or started.
    limit(Resource::Nofile, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Nproc, 0, 0)?;
    if let Err(problem) = filter::install() {
        eprintln!("system calls are not filtered: {problem}");
    }
    Ok(())
}

fn limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let most = rustix::process::getrlimit(resource).maximum;
    // A limit that is in force already and lower stays.
    let within = |wanted: u64| most.map_or(wanted, |most| wanted.min(most));
    Ok(setrlimit(resource, Rlimit { current: Some(within(soft)), maximum: Some(within(hard)) })?)
}

/// Lets the process that serves go first where time or memory are short, and ends with it.
fn stand_back() {
    let _ = rustix::process::nice(10);
    #[cfg(target_os = "linux")]
    {
        let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        // No image of it for a handler of crashes, which would hold what hostile input has left behind.
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }
}

#[cfg(not(target_os = "linux"))]
mod filter {
    /// There is none.
    pub(super) fn install() -> Result<(), String> {
        Err("this system has no seccomp".to_owned())
    }
}

#[cfg(target_os = "linux")]
mod filter {
    use std::collections::BTreeMap;

    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    };

    /// What computing needs, and two pipes that are open. Whatever else is asked for is refused as not permitted.
    const ALLOWED: &[i64] = &[
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    /// Filters the system calls of every thread of this process.
    pub(super) fn install() -> Result<(), String> {
        let program = program().map_err(|error| error.to_string())?;
        seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
    }

    fn program() -> Result<BpfProgram, seccompiler::BackendError> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        // Memory, and none of it executable.
        let exec = libc::PROT_EXEC as u64;
        let data = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(exec), 0)?;
        rules.insert(libc::SYS_mmap, vec![SeccompRule::new(vec![data.clone()])?]);
        rules.insert(libc::SYS_mprotect, vec![SeccompRule::new(vec![data])?]);
        // Signals, and to itself alone: that is how an abort ends it.
        let itself = u64::from(std::process::id());
        let own = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, itself)?;
        rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own])?]);
        let refuse = SeccompAction::Errno(libc::EPERM as u32);
        SeccompFilter::new(rules, refuse, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?.try_into()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::{self, File};
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::process::{Command, exit};
    use std::thread;

    use super::*;

    const PROBE: &str = "TASKWRIGHT_TEST_CONFINED";

    /// Runs in a process of its own, which never gets out of it again. Returns what it could do that it must not.
    fn reached(port: u16, parent: i32) -> Vec<&'static str> {
        confine(1 << 40, 60).unwrap();
        let parent = rustix::process::Pid::from_raw(parent).unwrap();
        let mut reached = Vec::new();
        let mut must_fail = |what, worked: bool| reached.extend(worked.then_some(what));
        must_fail("read a file", File::open("/etc/passwd").is_ok());
        must_fail("list a folder", fs::read_dir("/").is_ok());
        must_fail("look at a file", fs::metadata("/etc/passwd").is_ok());
        must_fail("write a file", fs::write("/tmp/taskwright-confined", "").is_ok());
        must_fail("remove a file", fs::remove_file("/nowhere").unwrap_err().kind() != ErrorKind::PermissionDenied);
        must_fail("connect", TcpStream::connect(("127.0.0.1", port)).is_ok());
        must_fail("listen", TcpListener::bind("127.0.0.1:0").is_ok());
        must_fail("open a socket", UdpSocket::bind("127.0.0.1:0").is_ok());
        must_fail("start a program", Command::new("/bin/true").status().is_ok());
        must_fail("start a thread", thread::Builder::new().spawn(|| ()).is_ok());
        must_fail("signal its parent", rustix::process::test_kill_process(parent).is_ok());
        let more = Rlimit { current: None, maximum: None };
        must_fail("lift its limits", setrlimit(Resource::As, more).is_ok());
        reached
    }

    #[test]
    fn a_confined_process_reaches_no_file_no_network_and_no_other_process() {
        if let Ok(given) = std::env::var(PROBE) {
            let (port, parent) = given.split_once(' ').unwrap();
            let reached = reached(port.parse().unwrap(), parent.parse().unwrap());
            eprintln!("reached: {reached:?}");
            exit(if reached.is_empty() { 42 } else { 43 });
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let name = "confine::tests::a_confined_process_reaches_no_file_no_network_and_no_other_process";
        let output = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(PROBE, format!("{} {}", listener.local_addr().unwrap().port(), std::process::id()))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(42), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
