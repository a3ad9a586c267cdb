//! Sleep, wait, and what brings a task back.

use serde_json::json;
use taskwright_runner::registry::{Direction, Part, Phase, State};

use crate::bench_of_one::Bench;

async fn a_sleeping_task_has_no_instance_and_comes_back_in_time(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"hibernate_ms": 300}, {"say": "awake"}])).await;
    let asleep = bench.when(&task, |task| task.dispatch.phase == Phase::Hibernating).await;
    assert_eq!(asleep.state, State::Running);
    assert!(asleep.dispatch.host.is_none());
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!((done.state, done.attempt, done.usage.instances), (State::Succeeded, 1, 2), "{:?}", done.error);
    assert!(done.finished_at.unwrap() >= asleep.dispatch.due_at.unwrap(), "not before its time");
    assert_eq!(bench.session.result(&task.id).await.unwrap().unwrap()["wakes"], 1);
}

async fn a_message_wakes_a_waiting_task_and_is_taken_once(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"wait": true}, {"say": "back"}])).await;
    bench.when(&task, |task| task.dispatch.phase == Phase::Hibernating).await;
    bench.session.send(&task.id, vec![Part::Text("wake up".into())], None).await.unwrap(); // L16
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!((done.state, done.dispatch.unread), (State::Succeeded, 0), "{:?}", done.error);
    assert_eq!(bench.session.result(&task.id).await.unwrap().unwrap()["messages"], json!(["wake up"]));
}

async fn messages_reach_a_resident_task_in_their_order(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"stay": true}])).await;
    for n in 0..20 {
        bench.session.send(&task.id, vec![Part::Text(format!("{n}"))], None).await.unwrap();
    }
    bench.session.send(&task.id, vec![Part::Text("finish".into())], None).await.unwrap();
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!(done.state, State::Succeeded, "{:?}", done.error);
    let messages = bench.session.messages(&task.id, &Default::default()).await.unwrap();
    let echoes: Vec<_> = messages.iter().filter(|message| message.direction == Direction::Outbound).collect();
    let sent: Vec<_> = messages.iter().filter(|message| message.direction == Direction::Inbound).collect();
    assert_eq!(echoes.len(), 20);
    for (echo, sent) in echoes.iter().zip(sent) {
        assert_eq!(echo.in_reply_to.as_deref(), Some(sent.id.as_str()));
    }
}

async fn a_deadline_ends_a_task_that_sleeps_past_it(bench: Bench) {
    bench.runner.serve();
    let spec = json!({"steps": [{"wait": true}]});
    let request = bench.session.task("walkthrough", spec).deadline_in(std::time::Duration::from_millis(200));
    let task = request.create().await.unwrap();
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!(done.state, State::Failed);
    assert_eq!(done.error.unwrap().kind, "timeout");
    assert!(done.finished_at.unwrap() >= done.deadline.unwrap());
}

crate::over_each_store_and_code!(
    a_sleeping_task_has_no_instance_and_comes_back_in_time,
    a_message_wakes_a_waiting_task_and_is_taken_once,
    messages_reach_a_resident_task_in_their_order,
    a_deadline_ends_a_task_that_sleeps_past_it,
);
