//! Hosts that share a PostgreSQL and a bucket, and no folder.
//! Does not repeat what is promised of files anywhere: the runner's own tests have that.

use std::path::Path;

use serde_json::json;
use taskwright_test_bucket::TestBucket;

use crate::place::Place;

/// Two folders of two hosts, and what they share.
struct Shared {
    bucket: TestBucket,
    address: String,
}

impl Shared {
    fn new() -> Option<Self> {
        match taskwright_test_postgres::database("bucket") {
            Ok(address) => Some(Self { bucket: TestBucket::start(), address }),
            Err(why) => {
                taskwright_test_postgres::skipped(&why);
                None
            }
        }
    }

    /// A host of its own folder.
    fn host(&self) -> Place {
        let mut variables = self.bucket.environment();
        variables.push(("TASKWRIGHT_STORE", self.address.clone()));
        variables.push(("TASKWRIGHT_FILES", format!("s3://{}/prod", taskwright_test_bucket::NAME)));
        Place::with(variables)
    }
}

#[cfg(unix)]
#[test]
fn what_a_task_leaves_behind_in_one_host_is_read_in_another() {
    let Some(shared) = Shared::new() else { return };
    let (runs, reads) = (shared.host(), shared.host());
    let spec = json!({"steps": [
        {"say": "at work"},
        {"artifact": {"name": "report.txt", "text": "all is well\n"}},
        {"draft": {"name": "long.txt", "chunks": ["0123456789".repeat(300), "0123456789".repeat(200)]}},
        {"ask": {"prompt": "Go on?"}},
        {"say": "done"},
    ]});
    let created = reads.json(&["--session", "files", "create", "walkthrough", "--spec", &spec.to_string(), "--json"]);
    let id = created["task"]["id"].as_str().or(created["id"].as_str()).expect("an id").to_owned();
    let mut watch = reads.start(&["--session", "files", "watch", &id]);
    let mut serve = runs.start(&["serve"]);
    serve.until_out("serving");

    // It follows a task that runs elsewhere, while it runs.
    watch.until_out("at work");
    let answered = reads.run(&["--session", "files", "answer", &id, "yes"]);
    assert_eq!(answered.status, 0, "{answered:?}");
    let watched = watch.end();
    assert_eq!(watched.status, 0, "{watched:?}");
    assert!(watched.out.contains("done"), "{watched:?}");

    let text = reads.run(&["--session", "files", "result", &id, "--artifact", "report.txt"]);
    assert_eq!((text.status, text.out.as_str()), (0, "all is well\n"), "{text:?}");
    let long = reads.run(&["--session", "files", "result", &id, "--artifact", "long.txt", "-o", "long.txt"]);
    assert_eq!(long.status, 0, "{long:?}");
    assert_eq!(std::fs::read_to_string(reads.path().join("long.txt")).unwrap(), "0123456789".repeat(500));
    let shown = reads.run(&["--session", "files", "show", &id]);
    assert!(shown.out.contains(&format!("s3://tasks/prod/.tasks/{id}/result.json")), "{}", shown.out);
    // The outcome is in the store before the copy is in the bucket, and the host that stops waits for the copy.
    assert_eq!(serve.terminate().status, 0);
    let copy = std::fs::read(shared.bucket.object(&format!("prod/.tasks/{id}/result.json"))).unwrap();
    let copy: serde_json::Value = serde_json::from_slice(&copy).unwrap();
    let result = reads.json(&["--session", "files", "result", &id, "--json"]);
    assert_eq!(result["result"], copy);
    assert!(!reads.path().join(format!(".taskwright/files/.tasks/{id}")).exists(), "nothing of it lies here");

    // Forgotten anywhere, it is gone everywhere.
    let pruned = reads.run(&["prune", "--older-than", "0s", "--all-sessions"]);
    assert_eq!(pruned.status, 0, "{pruned:?}");
    assert_eq!(files_below(&shared.bucket.object("prod/.tasks")), 0);
}

fn files_below(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let count = |entry: std::fs::DirEntry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 };
    entries.flatten().map(count).sum()
}

#[test]
fn a_bucket_that_is_not_there_is_said_before_anything_is_run() {
    let bucket = TestBucket::start();
    let place = Place::with(bucket.environment());
    let ended = place.run(&["--files", "s3://elsewhere/prod", "run", "walkthrough", "--spec", r#"{"steps": []}"#]);
    assert_eq!((ended.status, ended.err.contains("make the bucket first")), (1, true), "{ended:?}");
    assert_eq!(place.tasks(), Vec::<serde_json::Value>::new());
}

#[test]
fn a_result_is_kept_when_the_bucket_is_lost_before_its_copy() {
    let bucket = TestBucket::start();
    let place = Place::with(bucket.environment());
    let files = ["--files", "s3://tasks/prod"];
    let run =
        [&files[..], &["run", "walkthrough", "--spec", r#"{"steps": [{"say": "hi"}, {"sleep_ms": 3000}]}"#]].concat();
    let mut running = place.start(&run);
    running.until_out("hi");
    drop(bucket.stop());
    let ended = running.end();
    assert_eq!(ended.status, 0, "{ended:?}");
    let id = place.tasks()[0]["id"].as_str().unwrap().to_owned();
    let result = place.json(&["result", &id, "--json"]);
    assert_eq!(result["state"], "succeeded", "{result}");
}

#[test]
fn an_address_that_names_no_bucket_is_refused_before_anything_is_made() {
    let place = Place::new();
    let ended = place.run(&["--files", "https://somewhere/tasks", "list"]);
    assert_eq!((ended.status, ended.err.contains("s3://BUCKET/PREFIX")), (2, true), "{ended:?}");
    assert!(!place.path().join(".taskwright").exists());
}

#[test]
fn files_may_be_in_another_folder_than_the_records() {
    let place = Place::new();
    let spec = r#"{"steps": [{"artifact": {"name": "a.txt", "text": "here"}}]}"#;
    let ended = place.run(&["--files", "elsewhere", "run", "walkthrough", "--spec", spec]);
    assert_eq!(ended.status, 0, "{ended:?}");
    let id = place.tasks()[0]["id"].as_str().unwrap().to_owned();
    assert!(place.path().join(format!("elsewhere/.tasks/{id}/result.json")).exists());
    let read = place.run(&["--files", "elsewhere", "result", &id, "--artifact", "a.txt"]);
    assert_eq!((read.status, read.out.as_str()), (0, "here"), "{read:?}");
}
