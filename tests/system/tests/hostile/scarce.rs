//! What is scarce: the table of it is true of the code and of the page, and a disk without room stops guests and not the host.
//! Does not play the guests that it names: their own tests do.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use taskwright_runner::registry::{Dimension, State};
use taskwright_runner::store::{SqliteOptions, SqliteStore, Store};
use taskwright_runner::{KindSettings, Runner, RunnerConfig, SCARCE};
use taskwright_test_guests as guests;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn each_scarce_thing_stands_in_the_table_of_the_page() {
    let page = read("docs/security.md");
    let shown: Vec<&str> = page
        .lines()
        .skip_while(|line| *line != "## Scarce things")
        .skip_while(|line| !line.starts_with('|'))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let expected: Vec<String> = SCARCE
        .iter()
        .map(|thing| {
            let tried: Vec<String> = thing.tried_by.iter().map(|(_, name)| format!("`{name}`")).collect();
            format!(
                "| {} | `{}` | {} | {} | {} | {} | {} |",
                thing.name,
                thing.counted_in,
                thing.dimensions,
                thing.share,
                thing.reserve,
                thing.at_the_limit,
                tried.join(", ")
            )
        })
        .collect();
    for (shown, expected) in shown.iter().zip(&expected) {
        assert_eq!(shown, expected);
    }
    assert_eq!(shown.len(), expected.len());
}

#[test]
fn each_scarce_thing_has_an_owner_and_a_guest_that_wants_all() {
    for thing in SCARCE {
        assert!(!read(thing.counted_in).is_empty());
        for dimension in thing.dimensions.split(", ").filter(|name| *name != "–") {
            dimension.parse::<Dimension>().unwrap_or_else(|error| panic!("{}: {error}", thing.name));
        }
        assert!(!thing.tried_by.is_empty(), "nobody tries to take all of: {}", thing.name);
        for (file, name) in thing.tried_by {
            let text = read(file);
            let found = text.contains(&format!("fn {name}(")) || text.contains(&format!("\"{name}\""));
            assert!(found, "{}: there is no `{name}` in {file}", thing.name);
        }
        for word in [thing.share, thing.reserve, thing.at_the_limit] {
            assert!(!word.is_empty() && !word.contains("`internal`"), "{}", thing.name);
        }
    }
}

/// A host with a file for its records, which keeps so much of the disk free.
async fn host(folder: &Path, keep_free: u64) -> Runner {
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(folder.join("registry.db"), SqliteOptions::default()).unwrap());
    let config = RunnerConfig { keep_free_bytes: Some(keep_free), ..RunnerConfig::default() };
    let runner = Runner::open_shared(store, folder.join("files"), config).unwrap();
    runner.add_kind(guests::REPORT_FLOOD, KindSettings::default()).await.unwrap();
    runner.serve();
    runner
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_guests_and_not_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let runner = host(folder.path(), u64::MAX).await;
    let session = runner.session("greedy".parse().unwrap());
    for (spec, accepted) in [
        ("state 5 10", 0),
        ("output 5 10", 0),
        ("post 5 10", 0),
        ("ask 5 10", 0),
        ("link 5 10", 0),
        ("artifact 5 10", 0),
        ("drafts 5 10", 0),
        ("checkpoint 5 10", 0),
        // It is stored with the end, which is the host's.
        ("progress 5 10", 5),
    ] {
        let task = session.task("test-guest", json!(spec)).create().await.unwrap();
        let task = session.outcome(&task.id).await.unwrap();
        let (said, refused) = (task.summary.unwrap_or_default(), if accepted == 0 { "host_disk" } else { "nothing" });
        assert!(said.starts_with(&format!("{accepted} accepted")) && said.ends_with(refused), "{spec}: {said}");
        assert_eq!(task.state, State::Succeeded);
        assert_eq!(task.progress.is_some(), accepted > 0, "{spec}");
    }
    runner.drain().await;
    // There is room again: what was refused is not refused any more.
    let runner = host(folder.path(), 0).await;
    let session = runner.session("greedy".parse().unwrap());
    let task = session.task("test-guest", json!("state 5 10")).create().await.unwrap();
    let task = session.outcome(&task.id).await.unwrap();
    assert_eq!(task.summary.as_deref(), Some("5 accepted, refused: nothing"));
    runner.drain().await;
}
