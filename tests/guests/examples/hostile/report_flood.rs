//! Makes one sort of report over and over, as often as its specification says, whatever it is answered; and then tells how
//! many were accepted and what the last refusal was.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::contract::taskwright::task::types::ProgressReport as Progress;

struct Guest;

/// `SORT COUNT BYTES`, in quotation marks.
fn asked(spec: &str) -> Option<(String, u64, usize)> {
    let mut words = spec.trim_matches('"').split(' ');
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

async fn report(sort: &str, number: u64, bytes: usize) -> Result<(), Refusal> {
    let text = || format!("{number:08}{}", "x".repeat(bytes));
    let entry = |name: String, content| sink::ArtifactEntry { name, media_type: "text/plain".to_owned(), content };
    match sort {
        "output" => sink::output(text()).await,
        "state" => sink::state(Some(text())).await,
        "progress" => sink::progress(Progress { current: number, total: None, unit: None, label: Some(text()) }).await,
        "post" => sink::post(vec![Part::Text(text())], None).await.map(|_| ()),
        "ask" => sink::request_input(text(), None).await.map(|_| ()),
        "link" => {
            let links = sink::LinkSet { child_session_id: None, remote_task_id: None, resource_ids: vec![text()] };
            sink::link(links).await
        }
        "artifact" => sink::artifact(entry(format!("a{number}"), sink::ArtifactContent::Bytes(vec![7; bytes]))).await,
        "draft" => sink::draft("one".to_owned(), vec![7; bytes]).await,
        "drafts" => sink::draft(format!("d{number}"), vec![7; bytes]).await,
        "checkpoint" => sink::checkpoint(text().into_bytes()).await,
        "sleep" => {
            clock::sleep(0).await;
            Ok(())
        }
        other => Err(Refusal::Other(format!("no such sort: {other}"))),
    }
}

impl Behaviour for Guest {
    async fn start(task: Task) -> Result<Step, Failure> {
        let (sort, count, bytes) = asked(&task.spec).ok_or_else(|| failure("bad_spec", "SORT COUNT BYTES"))?;
        let (mut accepted, mut last) = (0, "nothing".to_owned());
        for number in 0..count {
            match report(&sort, number, bytes).await {
                Ok(()) => accepted += 1,
                Err(Refusal::LimitExceeded(limit)) => last = limit.dimension,
                Err(other) => last = format!("{other:?}"),
            }
        }
        succeeded(&format!("{accepted} accepted, refused: {last}"))
    }
}

taskwright_test_guests::guest!(Guest);
