//! Guests as they were built against each version of the contract that this host serves.
//! Does not build any: they lie in `tests/guests/recorded`.

use std::path::{Path, PathBuf};

use taskwright_sandbox::{OutputStream, SERVED_CONTRACTS, Step};
use taskwright_test_guests as guests;

use crate::http_server::*;
use crate::support::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/recorded")
}

fn recorded(version: &str) -> Vec<u8> {
    let path = folder().join(format!("{version}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "version {version} of the contract is served and has no recorded guest ({}: {error}); \
             record one with `cargo run -p taskwright-test-guests --bin record-guest`",
            path.display()
        )
    })
}

/// Runs a guest through every export, and says how many reports of each sort it made.
async fn whole_life(wasm: &'static [u8], version: &str) {
    let kind = PATIENT.load(wasm).await.unwrap();
    assert_eq!(kind.contract_version(), version);
    let about = kind.description();
    assert_eq!((about.kind.as_str(), about.wants.len()), ("whole-contract", 3), "{version}");
    assert_eq!(kind.default_budget().memory_bytes, 32 << 20, "{version}");

    let server = serve(async |exchange| exchange.respond("200 OK", "", "from elsewhere, in pieces").await).await;
    let grants = || granted(vec![to(&server.origin(), &["GET"])]);
    let mut running = self::running(&PATIENT, wasm, *kind.default_budget(), grants()).await;
    let task = context_with(serde_json::json!(server.origin()));
    assert_eq!(running.instance.start(task).await.unwrap(), Step::Wait, "{version}");
    let reports = running.rest();
    let one = |what: &str, is: fn(&Report) -> bool| {
        assert_eq!(reports.iter().filter(|report| is(report)).count(), 1, "{version}: {what}: {reports:?}");
    };
    one("state", |report| *report == Report::State(Some("working".to_owned())));
    one("progress", |report| matches!(report, Report::Progress(progress) if progress.total == Some(2)));
    let wrote: Vec<&str> = reports
        .iter()
        .filter_map(|report| match report {
            Report::Output(OutputStream::Output, text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(wrote[1..], ["200 from elsewhere, in pieces", &["denied"; 7].join(" ")], "{version}");
    assert!(wrote[0].len() > 16, "{version}: the key of a call: {wrote:?}");
    one("post", |report| matches!(report, Report::Post(parts) if parts.len() == 2));
    one("ask", |report| matches!(report, Report::Ask(prompt, Some(_)) if prompt == "Go on?"));
    one("draft", |report| matches!(report, Report::Draft(..)));
    one("artifact", |report| matches!(report, Report::Artifact(..)));
    one("link", |report| matches!(report, Report::Link(links) if links.remote_task_id.as_deref() == Some("remote")));
    one("checkpoint", |report| matches!(report, Report::Checkpoint(..)));

    let again = self::running(&PATIENT, wasm, *kind.default_budget(), grants()).await;
    again.instance.deliver(context(), message("hello")).await.unwrap();
    again.instance.cancel(context()).await.unwrap();
    let Step::Succeeded { summary, result } = again.instance.reconcile(context()).await.unwrap() else {
        panic!("{version}: it is done");
    };
    assert_eq!((summary.as_deref(), result), (Some("done"), Some(serde_json::json!({"ok": true}))), "{version}");
}

#[tokio::test]
async fn a_guest_of_each_served_version_runs_as_it_was_recorded() {
    assert!(!SERVED_CONTRACTS.is_empty());
    for version in SERVED_CONTRACTS {
        whole_life(recorded(version).leak(), version).await;
    }
}

#[test]
fn nothing_is_recorded_that_is_not_served() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(version) = name.strip_suffix(".wasm") else { continue };
        assert!(SERVED_CONTRACTS.contains(&version), "kinds of version {version} are out there, and no host runs them");
    }
}

pub(crate) mod whole_contract {
    use super::*;

    #[tokio::test]
    async fn the_guest_that_is_recorded_next_calls_the_whole_contract() {
        whole_life(guests::WHOLE_CONTRACT, SERVED_CONTRACTS.last().unwrap()).await;
    }
}
