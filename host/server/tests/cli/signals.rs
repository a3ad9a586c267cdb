//! Signals and closed terminals: every command that waits hears them, also as the first process of a container.
//! Does not repeat what a drain does with tasks: `drain` has that.

#![cfg(unix)]

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;
use taskwright_registry::{Phase, State};

use crate::place::{Place, signal, signal_child};
use crate::user::User;

/// Ends a test that hangs. Generous: it is no measurement.
const HANGS: Duration = Duration::from_secs(60);

/// What each of them writes when it has begun to wait.
fn waiting_commands(task: &str) -> Vec<Vec<String>> {
    let args = |line: &str| line.split(' ').map(str::to_owned).collect();
    vec![
        args(&format!("wait {task}")),
        args(&format!("wait {task} {task}")),
        args(&format!("watch {task}")),
        args("watch"),
        args("wakes --follow"),
        args("external cancels --follow"),
        args("hidden --timeout 1h"),
    ]
}

/// A queued task, and a hidden one, that nobody runs.
fn queued(place: &Place) -> String {
    let spec = r#"{"steps":[{"stay":true}]}"#;
    let hidden = place.run(&["create", "walkthrough", "--spec", spec, "--hidden"]);
    assert_eq!(hidden.status, 0, "{hidden:?}");
    place.run(&["create", "walkthrough", "--spec", spec, "--wake", "every-change"]);
    place.run(&["create", "walkthrough", "--spec", spec]).out.trim().to_owned()
}

/// Waits until a process has its own answer to a signal, which it has from its beginning on.
fn hears(child: &Child) {
    let status = format!("/proc/{}/status", child.id());
    loop {
        let status = std::fs::read_to_string(&status).expect("it lives");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask");
        // SIGTERM is the fifteenth.
        if u64::from_str_radix(caught.trim(), 16).expect("a mask") & (1 << 14) != 0 {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn every_command_that_waits_ends_at_a_signal() {
    let place = Place::new();
    let task = queued(&place);
    for args in waiting_commands(&task) {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        for (name, status) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
            let running = place.start(&args);
            // A command without an answer of its own would be ended by the system: the first process of a container is not.
            hears(&running.child);
            signal(&running, name);
            assert_eq!(running.end().status, status, "{args:?} {name}");
        }
    }
}

#[test]
fn the_first_process_of_a_container_hears_its_supervisor() {
    let within = ["--user", "--map-root-user", "--pid", "--fork"];
    if !Command::new("unshare").args(within).arg("true").status().is_ok_and(|status| status.success()) {
        // A process on its own is tested above.
        return;
    }
    let place = Place::new();
    let task = queued(&place);
    for args in waiting_commands(&task) {
        let mut command = Command::new("unshare");
        command.args(within).arg(env!("CARGO_BIN_EXE_taskwright")).args(&args).current_dir(place.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut outside = command.spawn().unwrap();
        let children = format!("/proc/{0}/task/{0}/children", outside.id());
        let first = loop {
            let children = std::fs::read_to_string(&children).unwrap();
            if let Some(child) = children.split_whitespace().next() {
                break child.to_owned();
            }
        };
        let status = format!("/proc/{first}/status");
        loop {
            let status = std::fs::read_to_string(&status).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            if status.starts_with("Name:\ttaskwright")
                && u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << 14) != 0
            {
                break;
            }
            std::thread::yield_now();
        }
        assert!(Command::new("kill").args(["-TERM", &first]).status().unwrap().success());
        assert_eq!(outside.wait().unwrap().code(), Some(143), "{args:?}");
    }
}

/// A command whose terminal is what `script` has made; what it says on standard error goes to a pipe that ends with it.
struct InTerminal {
    script: Child,
    err: mpsc::Receiver<String>,
}

impl InTerminal {
    fn start(place: &Place, arguments: &str) -> Self {
        let pipe = place.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let line = format!("exec env --default-signal=HUP {} {arguments} 2>pipe", env!("CARGO_BIN_EXE_taskwright"));
        let mut script = Command::new("script");
        script.args(["--quiet", "--command", &line, "/dev/null"]).current_dir(place.path()).env("SHELL", "/bin/sh");
        let script = script.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (tell, err) = mpsc::channel();
        std::thread::spawn(move || {
            let mut said = String::new();
            std::fs::File::open(pipe).unwrap().read_to_string(&mut said).unwrap();
            // A test that has failed does not listen.
            let _ = tell.send(said);
        });
        Self { script, err }
    }

    /// Closes the terminal, waits until the command has ended, and returns what it has said.
    fn close(mut self) -> String {
        signal_child(&self.script, "KILL");
        self.script.wait().unwrap();
        self.err.recv_timeout(HANGS).expect("it outlives its terminal")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_terminal_is_closed_drains() {
    let place = Place::new();
    std::fs::create_dir_all(place.path().join(".taskwright")).unwrap();
    let user = User::of(&place).await;
    let serving = InTerminal::start(&place, "serve --drain-grace 100ms");
    let task = user.walk(json!([{"say": "one"}, {"stay": true}])).await;
    user.when(&task.id, |task| task.checkpoint.is_some()).await;
    let said = serving.close();
    assert!(said.contains("given back"), "{said}");
    let task = user.session.get(&task.id).await.unwrap();
    assert_eq!((task.dispatch.phase, task.crashes), (Phase::Ready, 0));
    assert!(user.store.hosts().await.unwrap().is_empty(), "it gave up its lease");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_whose_terminal_is_closed_is_canceled() {
    let place = Place::new();
    std::fs::create_dir_all(place.path().join(".taskwright")).unwrap();
    let user = User::of(&place).await;
    place.write("spec.json", r#"{"steps":[{"say":"one"},{"stay":true}]}"#);
    let running = InTerminal::start(&place, "run walkthrough --spec @spec.json --name here");
    let task = loop {
        let listed = user.store.list(user.session.id(), &Default::default()).await.unwrap();
        if let Some(task) = listed.tasks.first() {
            break task.clone();
        }
        tokio::task::yield_now().await;
    };
    user.when(&task.id, |task| task.checkpoint.is_some()).await;
    running.close();
    let task = user.session.get(&task.id).await.unwrap();
    assert_eq!(task.state, State::Canceled, "{:?}", task.error);
}

#[test]
fn a_server_started_with_nohup_outlives_its_terminal() {
    let place = Place::new();
    let spec = r#"{"steps":[{"say":"x"}]}"#;
    let mut command = Command::new("nohup");
    command.args([env!("CARGO_BIN_EXE_taskwright"), "serve"]).current_dir(place.path()).stdin(Stdio::null());
    let mut serving = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let first = place.run(&["create", "walkthrough", "--spec", spec]).out.trim().to_owned();
    assert_eq!(place.run(&["wait", &first, "--timeout", "60s"]).status, 0);
    signal_child(&serving, "HUP");
    let second = place.run(&["create", "walkthrough", "--spec", spec]).out.trim().to_owned();
    assert_eq!(place.run(&["wait", &second, "--timeout", "60s"]).status, 0);
    signal_child(&serving, "TERM");
    assert_eq!(serving.wait().unwrap().code(), Some(0));
}
