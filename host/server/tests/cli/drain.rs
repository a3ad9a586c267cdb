//! A process that is told to stop, and another that goes on.
//! Does not test what a drain costs: `cargo run -p taskwright-bench -- reliability` measures it.

use serde_json::json;
use taskwright_registry::{Part, Phase, Recovery, State};

use crate::place::Place;
use crate::user::User;

// L6, L7
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stopped_process_was_at_goes_on_in_the_next_within_the_same_attempt() {
    let place = Place::new();
    std::fs::create_dir_all(place.path().join(".taskwright")).unwrap();
    let user = User::of(&place).await;
    let mut first = place.start(&["serve", "--drain-grace", "500ms"]);
    first.until_out("serving");
    let staying = user.walk(json!([{"say": "one"}, {"stay": true}])).await;
    let asking = user.walk(json!([{"ask": {"prompt": "Which?"}}])).await;
    let sleeping = user.walk(json!([{"hibernate_ms": 600_000}])).await;
    let bound = user.session.task("walkthrough", json!({"steps": [{"stay": true}]})).recovery(Recovery::HostBound);
    let bound = bound.create().await.unwrap();
    user.when(&staying.id, |task| task.checkpoint.is_some()).await;
    user.when(&asking.id, |task| task.state == State::AwaitingInput).await;
    user.when(&sleeping.id, |task| task.dispatch.phase == Phase::Hibernating).await;
    user.when(&bound.id, |task| task.dispatch.phase == Phase::Resident).await;
    let ended = first.terminate();
    assert_eq!((ended.status, ended.err.contains("given back")), (0, true), "{ended:?}");
    assert!(user.store.hosts().await.unwrap().is_empty(), "it gave up its lease");
    for (task, phase) in [(&staying, Phase::Ready), (&asking, Phase::Ready), (&sleeping, Phase::Hibernating)] {
        let task = user.session.get(&task.id).await.unwrap();
        assert_eq!((task.dispatch.phase, task.attempt, task.crashes, task.retries), (phase, 1, 0, 0));
    }
    let lost = user.session.get(&bound.id).await.unwrap();
    assert_eq!((lost.state, lost.error.unwrap().kind.as_str()), (State::Failed, "interrupted"));
    let mut second = place.start(&["serve"]);
    second.until_out("serving");
    user.session.send(&staying.id, vec![Part::Text("finish".to_owned())], None).await.unwrap();
    user.session.answer(&asking.id, Part::Text("this".to_owned())).await.unwrap();
    for task in [&staying, &asking] {
        let over = user.session.outcome(&task.id).await.unwrap();
        assert_eq!((over.state, over.attempt), (State::Succeeded, 1), "{:?}", over.error);
    }
    assert_eq!(
        user.session.output(&staying.id).await.unwrap().read().await.unwrap(),
        "one\n",
        "no step was taken twice"
    );
    assert_eq!(second.terminate().status, 0);
}
