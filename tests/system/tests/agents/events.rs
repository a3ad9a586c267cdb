//! Following a session's log with a filter.
//! Does not have many subscribers: `many_subscribers` has.

use taskwright_runner::registry::{Event, EventBody, NewTask, Part, State, TaskId};
use taskwright_runner::{EventFilter, EventStream};

use crate::stage::{Stage, child_of, in_run};

/// What is there to be read.
async fn there(mut stream: EventStream) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = stream.try_next().await.expect("the log") {
        events.push(event);
    }
    events
}

/// Which task, and its state or what else it was.
fn told(events: &[Event]) -> Vec<(&TaskId, &str)> {
    let what = |event: &Event| match &event.body {
        EventBody::Created { task } | EventBody::Updated { task, .. } => task.state.as_str(),
        other => other.type_name(),
    };
    events.iter().map(|event| (&event.task_id, what(event))).collect()
}

fn live() -> EventFilter {
    EventFilter { states: vec![State::Queued, State::Running], ..EventFilter::default() }
}

async fn a_filter_of_live_states_shows_the_end_of_what_it_has_shown(stage: Stage) {
    let id = stage.task().await.id;
    stage.to(&id, State::Running).await;
    let question = stage.ask(&id).await.input_request.unwrap().id;
    stage.session.send(&id, vec![Part::Text("this".to_owned())], Some(question.to_string())).await.unwrap();
    stage.to(&id, State::Succeeded).await;
    let shown = there(stage.session.events(0).only(live())).await;
    let states = [(&id, "queued"), (&id, "running"), (&id, "running"), (&id, "succeeded")];
    assert_eq!(told(&shown), states, "not the question, nor the message that came while it was open");
    let asks = EventFilter { states: vec![State::AwaitingInput], ..EventFilter::default() };
    let shown = there(stage.session.events(0).only(asks)).await;
    assert_eq!(told(&shown), [(&id, "awaiting_input"), (&id, "task.message.sent"), (&id, "succeeded")]);
}

async fn the_end_of_a_task_that_was_never_shown_is_not_shown(stage: Stage) {
    let id = stage.task().await.id;
    stage.to(&id, State::Failed).await;
    let asks = || EventFilter { states: vec![State::AwaitingInput], ..EventFilter::default() };
    assert_eq!(there(stage.session.events(0).only(asks())).await, []);
    // Behind a cursor nobody can say what an earlier subscription has shown: an end is rather shown once too often.
    let shown = there(stage.session.events(1).only(asks())).await;
    assert_eq!(told(&shown), [(&id, "failed")]);
}

async fn a_subscription_that_goes_on_from_its_cursor_is_shown_the_end(stage: Stage) {
    let id = stage.task().await.id;
    let mut first = stage.session.events(0).only(live());
    assert_eq!(first.next().await.unwrap().seq, 1);
    stage.ask(&id).await;
    assert_eq!(first.try_next().await.unwrap(), None);
    let cursor = first.cursor();
    assert_eq!(cursor, 2, "what is not shown is passed all the same");
    drop(first);
    stage.to(&id, State::Canceled).await;
    let shown = there(stage.session.events(cursor).only(live())).await;
    assert_eq!(told(&shown), [(&id, "canceled")]);
}

async fn content_after_the_end_is_judged_by_the_state_alone(stage: Stage) {
    let id = stage.task().await.id;
    stage.to(&id, State::Succeeded).await;
    let late = taskwright_runner::registry::TaskUpdate {
        summary: Some("said afterwards".to_owned()),
        ..taskwright_runner::registry::TaskUpdate::default()
    };
    stage.update(&id, late).await;
    assert_eq!(told(&there(stage.session.events(0).only(live())).await), [(&id, "queued"), (&id, "succeeded")]);
    let over = EventFilter { states: vec![State::Succeeded], ..EventFilter::default() };
    assert_eq!(there(stage.session.events(0).only(over)).await.len(), 2);
}

async fn kind_parent_run_and_task_narrow_together_for_messages_too(stage: Stage) {
    let parent = stage.task().await.id;
    let kid = NewTask { parent: child_of(&parent), ..stage.new_task("scout") };
    let kid = stage.create(kid).await.id;
    let runs = stage.create(NewTask { parent: in_run("run-1"), ..stage.new_task("scout") }).await.id;
    for id in [&parent, &kid, &runs] {
        stage.post(id, Part::Text("news".to_owned())).await;
        stage.session.send(id, vec![Part::Text("thanks".to_owned())], None).await.unwrap();
        stage.to(id, State::Succeeded).await;
    }
    let kinds = |kind: &str| vec![kind.to_owned()];
    let all = EventFilter::default();
    for (filter, expected) in [
        (all.clone(), vec![&parent, &kid, &runs]),
        (EventFilter { task: Some(kid.clone()), ..all.clone() }, vec![&kid]),
        (EventFilter { kinds: kinds("scout"), ..all.clone() }, vec![&kid, &runs]),
        (EventFilter { kinds: kinds("nobody"), ..all.clone() }, vec![]),
        (EventFilter { parent_task_id: Some(parent.to_string()), ..all.clone() }, vec![&kid]),
        (EventFilter { run_id: Some("run-1".to_owned()), ..all.clone() }, vec![&runs]),
        (EventFilter { kinds: kinds("scout"), run_id: Some("run-1".to_owned()), ..all.clone() }, vec![&runs]),
        (EventFilter { kinds: kinds("probe"), run_id: Some("run-1".to_owned()), ..all.clone() }, vec![]),
        (EventFilter { task: Some(parent.clone()), kinds: kinds("scout"), ..all.clone() }, vec![]),
    ] {
        for after in [0, 3] {
            // From the beginning the tasks are known from the log; behind their creation they are read from the store.
            let shown = there(stage.session.events(after).only(filter.clone())).await;
            let each = if after == 0 { 4 } else { 3 };
            assert_eq!(shown.len(), expected.len() * each, "{filter:?} after {after}: {:?}", told(&shown));
            assert!(shown.iter().all(|event| expected.contains(&&event.task_id)), "{filter:?} after {after}");
        }
    }
}

async fn a_message_of_a_task_that_is_forgotten_is_not_shown_as_anybody_elses(stage: Stage) {
    let id = stage.task().await.id;
    stage.post(&id, Part::Text("news".to_owned())).await;
    stage.to(&id, State::Succeeded).await;
    let later = stage.store.now() + chrono::TimeDelta::days(1);
    assert!(stage.store.forget(&crate::stage::here(), &id, later).await.unwrap());
    let probes = EventFilter { kinds: vec!["probe".to_owned()], ..EventFilter::default() };
    let shown = there(stage.session.events(1).only(probes.clone())).await;
    assert_eq!(told(&shown), [(&id, "succeeded")], "what says whose it is is shown");
    assert_eq!(there(stage.session.events(0).only(probes)).await.len(), 3);
}

// L23
async fn no_filter_shows_an_event_of_another_session(stage: Stage) {
    let foreign = stage.foreign().await;
    let own = stage.task().await.id;
    for filter in [
        EventFilter::default(),
        live(),
        EventFilter { kinds: vec!["probe".to_owned()], ..EventFilter::default() },
        EventFilter { states: State::ALL.to_vec(), ..EventFilter::default() },
    ] {
        let shown = there(stage.session.events(0).only(filter.clone())).await;
        assert_eq!(told(&shown), [(&own, "queued")], "{filter:?}");
    }
    let theirs = EventFilter { task: Some(foreign.id), ..EventFilter::default() };
    assert_eq!(there(stage.session.events(0).only(theirs)).await, []);
}

// L25: a subscriber that was slow lost the oldest events without a word.
async fn a_subscriber_that_reads_after_thousands_of_events_gets_each_of_them(stage: Stage) {
    let ids = stage.tasks(42).await;
    let mut stream = stage.session.events(0);
    assert_eq!(stream.next().await.unwrap().seq, 1);
    for round in 0..100 {
        let text = round.to_string();
        futures::future::join_all(ids.iter().map(|id| stage.detail(id, &text))).await;
    }
    let rest: Vec<u64> = there(stream).await.iter().map(|event| event.seq).collect();
    assert!(rest.iter().copied().eq(2..=4_242), "{} of 4241", rest.len());
}

async fn a_wait_that_is_dropped_again_and_again_loses_nothing(stage: Stage) {
    let id = stage.task().await.id;
    let post = async |number: usize| stage.post(&id, Part::Text(format!("{number}"))).await;
    for number in 0..20 {
        post(number).await;
    }
    let probes = EventFilter { kinds: vec!["probe".to_owned()], ..EventFilter::default() };
    // Behind the creation, so that the record has to be read for the first message.
    let mut stream = stage.session.events(1).only(probes);
    let (mut seen, mut posted, mut dropped, mut patience) = (Vec::new(), 20, 0, 1);
    while seen.len() < 40 {
        let turns = async {
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            event = stream.next() => {
                seen.push(event.unwrap().seq);
                patience = 1;
            }
            () = turns => {
                dropped += 1;
                if posted == seen.len() {
                    // The rest comes when a wait for it was dropped.
                    post(posted).await;
                    posted += 1;
                }
                // A little longer each time, so that it is dropped at another place, and comes through in the end.
                patience += 1 + patience / 8;
            }
        }
    }
    assert_eq!(seen, (2..=41).collect::<Vec<_>>(), "{dropped} waits were dropped");
    assert!(dropped >= 20, "only {dropped} waits were dropped");
}

crate::in_each_store!(
    a_filter_of_live_states_shows_the_end_of_what_it_has_shown,
    the_end_of_a_task_that_was_never_shown_is_not_shown,
    a_subscription_that_goes_on_from_its_cursor_is_shown_the_end,
    content_after_the_end_is_judged_by_the_state_alone,
    kind_parent_run_and_task_narrow_together_for_messages_too,
    a_message_of_a_task_that_is_forgotten_is_not_shown_as_anybody_elses,
    no_filter_shows_an_event_of_another_session,
    a_subscriber_that_reads_after_thousands_of_events_gets_each_of_them,
    a_wait_that_is_dropped_again_and_again_loses_nothing,
);
