//! Does with files what its specification says, a text of commands with `;` between them, and writes down what came of each.
#![cfg(target_arch = "wasm32")]

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::rc::Rc;

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::signal::Signal;

thread_local! {
    static HEARD: Rc<Signal<()>> = Rc::default();
    /// Files that were opened and are kept open.
    static KEPT: RefCell<Vec<File>> = const { RefCell::new(Vec::new()) };
}

/// What sort of error it is. What a stream was refused arrives as 29, an error of input and output, and no more is known.
fn told(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(29) => "Io".to_owned(),
        _ => format!("{:?}", error.kind()),
    }
}

/// As many bytes, in pieces, so that it is the host that says how many are too many.
fn fill(mut file: impl Write, mut bytes: usize) -> io::Result<()> {
    let piece = [b'x'; 32 * 1024];
    while bytes > 0 {
        let some = bytes.min(piece.len());
        file.write_all(&piece[..some])?;
        bytes -= some;
    }
    Ok(())
}

/// How many times something can be done, and why not more often.
fn repeat(times: usize, mut one: impl FnMut(usize) -> io::Result<()>) -> String {
    for time in 0..times {
        if let Err(error) = one(time) {
            return format!("{time} and {}", told(&error));
        }
    }
    format!("{times}")
}

fn list(path: &str) -> io::Result<String> {
    let names = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names.join(","))
}

fn kept<T>(work: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    KEPT.with_borrow_mut(|kept| work(kept.last_mut().expect("keep something first")))
}

fn perform(words: &[&str]) -> io::Result<String> {
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let none = |()| String::new();
    match words {
        ["write", path, bytes] => fill(File::create(path)?, number(bytes)).map(none),
        ["append", path, bytes] => fill(OpenOptions::new().append(true).open(path)?, number(bytes)).map(none),
        ["size", path, bytes] => {
            OpenOptions::new().write(true).open(path)?.set_len(bytes.parse().expect("a number")).map(none)
        }
        ["read", path] => fs::read(path).map(|bytes| bytes.len().to_string()),
        ["text", path] => fs::read_to_string(path),
        ["len", path] => fs::metadata(path).map(|metadata| metadata.len().to_string()),
        ["mkdir", path] => fs::create_dir(path).map(none),
        ["rm", path] => fs::remove_file(path).map(none),
        ["rmdir", path] => fs::remove_dir(path).map(none),
        ["rmall", path] => fs::remove_dir_all(path).map(none),
        ["mv", from, to] => fs::rename(from, to).map(none),
        ["link", from, to] => fs::hard_link(from, to).map(none),
        #[expect(deprecated, reason = "the one that is stable for this target")]
        ["symlink", from, to] => fs::soft_link(from, to).map(none),
        ["ls", path] => list(path),
        ["count", path] => Ok(fs::read_dir(path)?.count().to_string()),
        ["many", path, times] => Ok(repeat(number(times), |time| File::create_new(format!("{path}/{time}")).map(drop))),
        ["deep", path, times] => {
            let mut path = (*path).to_owned();
            Ok(repeat(number(times), |_| {
                path.push_str("/d");
                fs::create_dir(&path)
            }))
        }
        ["keep", path] => {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            KEPT.with_borrow_mut(|kept| kept.push(file));
            Ok(String::new())
        }
        ["keep-read", path] => {
            let file = File::open(path)?;
            KEPT.with_borrow_mut(|kept| kept.push(file));
            Ok(String::new())
        }
        // Opens a file again and again and keeps it open, until it is refused or has been opened ten thousand times.
        ["hoard", path] => Ok(repeat(10_000, |_| {
            let file = File::open(path)?;
            KEPT.with_borrow_mut(|kept| kept.push(file));
            Ok(())
        })),
        ["kwrite", bytes] => kept(|file| fill(file, number(bytes))).map(none),
        ["kread"] => kept(|file| {
            file.seek(SeekFrom::Start(0))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map(|read| read.to_string())
        }),
        ["close"] => Ok(drop(KEPT.take())).map(none),
        // Makes and removes files, each kept open, so that nothing of them can be seen any more.
        ["ghosts", path, bytes, times] => Ok(repeat(number(times), |_| {
            let path = format!("{path}/ghost");
            let file = File::create(&path)?;
            let filled = fill(&file, number(bytes));
            KEPT.with_borrow_mut(|kept| kept.push(file));
            fs::remove_file(&path)?;
            filled
        })),
        other => panic!("what is {other:?}?"),
    }
}

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        let want = Want {
            capability: "files".to_owned(),
            name: "task".to_owned(),
            reason: "to have somewhere to write".to_owned(),
            required: false,
        };
        Description { wants: vec![want], ..plain() }
    }

    async fn start(task: Task) -> Result<Step, Failure> {
        for command in task.spec.trim_matches('"').split(';').map(str::trim).filter(|text| !text.is_empty()) {
            if command == "wait" {
                sink::state(Some("waiting".to_owned())).await.map_err(refused)?;
                HEARD.with(Rc::clone).wait().await;
                continue;
            }
            if command == "hibernate" {
                return Ok(Step::Wait);
            }
            let words: Vec<&str> = command.split_whitespace().collect();
            let came = match perform(&words) {
                Ok(text) if text.is_empty() => "ok".to_owned(),
                Ok(text) => text,
                Err(error) => told(&error),
            };
            sink::output(format!("{command}: {came}\n")).await.map_err(refused)?;
        }
        succeeded("done")
    }

    async fn reconcile(task: Task) -> Result<Step, Failure> {
        // What follows the word.
        let spec = task.spec.split_once("hibernate;").map_or(String::new(), |(_, rest)| rest.to_owned());
        Self::start(Task { spec, ..task }).await
    }

    async fn deliver(_task: Task, _message: Message) -> Result<(), Failure> {
        HEARD.with(Rc::clone).set(());
        Ok(())
    }
}

taskwright_test_guests::guest!(Guest);
