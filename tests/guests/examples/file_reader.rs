//! Tries what a guest might try with files, and writes down what came of it.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

const READ: [&str; 7] = [
    "/files/hello.txt",
    "/files/../secret.txt",
    "/files/sub/../../secret.txt",
    "/files/link",
    "/files/dir-link/secret.txt",
    "/etc/passwd",
    "/other/secret.txt",
];

fn told(result: std::io::Result<String>) -> String {
    match result {
        Ok(text) => format!("ok {text}"),
        Err(_) => "no".to_owned(),
    }
}

fn append(path: &str) -> std::io::Result<String> {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).open(path)?.write_all(b"x")?;
    Ok(String::new())
}

fn list(path: &str) -> std::io::Result<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names.join(","))
}

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        let mut tries = Vec::new();
        for path in READ {
            tries.push(format!("read {path}: {}", told(std::fs::read_to_string(path))));
        }
        tries.push(format!("write: {}", told(std::fs::write("/files/new.txt", "x").map(|()| String::new()))));
        tries.push(format!("append: {}", told(append("/files/hello.txt"))));
        tries.push(format!("remove: {}", told(std::fs::remove_file("/files/hello.txt").map(|()| String::new()))));
        tries.push(format!("mkdir: {}", told(std::fs::create_dir("/files/new").map(|()| String::new()))));
        tries
            .push(format!("rename: {}", told(std::fs::rename("/files/hello.txt", "/files/b").map(|()| String::new()))));
        tries.push(format!("list /files: {}", told(list("/files"))));
        tries.push(format!("list /: {}", told(list("/"))));
        sink::output(tries.join("\n")).await.map_err(refused)?;
        succeeded("tried")
    }
}

taskwright_test_guests::guest!(Guest);
