//! Tries everything of the host's that a program usually has, and tells what it got.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        let got = |what: &str, got: bool| if got { format!("{what} ") } else { String::new() };
        let mut all = String::new();
        all += &got("environment", std::env::vars().next().is_some());
        all += &got("arguments", std::env::args().next().is_some());
        all += &got("input", std::io::stdin().lines().next().is_some());
        for path in ["/", ".", "..", "/etc/passwd", "/proc/self/environ", "/dev/zero", "~", "/tmp"] {
            all += &got(path, std::fs::metadata(path).is_ok());
            all += &got(path, std::fs::write(format!("{path}/x"), "x").is_ok());
        }
        all += &got("process", std::process::Command::new("/bin/sh").spawn().is_ok());
        all += &got("thread", std::thread::Builder::new().spawn(|| ()).is_ok());
        all += &got("current folder", std::env::current_dir().is_ok_and(|dir| dir.read_dir().is_ok()));
        succeeded(&format!("got: {all}"))
    }
}

taskwright_test_guests::guest!(Guest);
