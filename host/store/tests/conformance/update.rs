//! Updates: which steps there are, what a finished task takes, what a refusal leaves alone.
//! Does not test the fence: that has a module of its own.

use serde_json::json;
use taskwright_registry::{
    DispatchChange, NewInputRequest, Phase, Progress, Rejection, State, Supersede, TaskError, TaskUpdate,
};
use taskwright_store::StoreError;

use crate::world::{World, artifact, detail, to};

// L1, L3, L9, L28
async fn every_step_to_every_state_is_either_made_or_changes_nothing(world: World, from: State) {
    for target in State::ALL {
        let task = world.in_state(from).await;
        let before = world.all_of(&task).await;
        world.clock.advance(1_000);
        let outcome = world.try_update(&task, to(&task, target)).await;
        let legal = from == target || (from.is_live() && !matches!(target, State::Queued | State::AwaitingInput));
        match outcome {
            Ok(after) => {
                assert!(legal, "{from} to {target}");
                assert_eq!(after.state, target);
                assert_eq!(after.dispatch.phase == Phase::Over, target.is_terminal());
                assert_eq!(world.get(&task).await, after);
            }
            Err(error) => {
                assert!(!legal, "{from} to {target}: {error}");
                let expected = if from.is_terminal() {
                    Rejection::Terminal { state: from }
                } else {
                    Rejection::Illegal { from, to: target }
                };
                assert_eq!(error, StoreError::Rejected(expected));
                assert_eq!(world.all_of(&task).await, before);
            }
        }
    }
}

// L2, L3, L7, L26
async fn a_finished_task_takes_content_and_nothing_of_the_living(world: World, state: State) {
    if state.is_live() {
        return;
    }
    let task = world.in_state(state).await;
    let before = world.all_of(&task).await;
    world.clock.advance(1_000);
    let question = NewInputRequest { prompt: "?".to_owned(), expected: None, random: world.random() };
    let of_the_living = [
        TaskUpdate { state_detail: Some(Some("late".to_owned())), ..TaskUpdate::default() },
        TaskUpdate { progress: Some(Progress::default()), ..TaskUpdate::default() },
        TaskUpdate { input_request: Some(question), ..TaskUpdate::default() },
        TaskUpdate { checkpoint: Some(vec![1]), ..TaskUpdate::default() },
        TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() },
        TaskUpdate { dispatch: Some(DispatchChange::Release), ..TaskUpdate::default() },
        TaskUpdate { heartbeat: true, ..TaskUpdate::default() },
        // Content that travels with a refused wish is refused with it.
        TaskUpdate { heartbeat: true, summary: Some("late".to_owned()), ..TaskUpdate::default() },
    ];
    for update in of_the_living {
        let refused = world.try_update(&task, update.clone()).await;
        assert_eq!(refused, Err(StoreError::Rejected(Rejection::Terminal { state })), "{update:?}");
    }
    assert_eq!(world.all_of(&task).await, before);

    let content = TaskUpdate {
        state: Some(state),
        summary: Some("done".to_owned()),
        result: Some(json!({"ok": true})),
        artifacts: vec![artifact("a")],
        ..TaskUpdate::default()
    };
    let after = world.update(&task, content).await;
    assert_eq!((after.state, after.finished_at), (state, task.finished_at));
    assert_eq!((after.summary.as_deref(), after.artifacts.len()), (Some("done"), 1));
    assert_eq!(world.result(&task).await, Some(json!({"ok": true})));

    let error = TaskError { detail: None, kind: "late".to_owned(), message: String::new() };
    let outcome = world.try_update(&task, TaskUpdate { error: Some(error), ..TaskUpdate::default() }).await;
    assert_eq!(outcome.is_ok(), state != State::Succeeded);
}

// L1, L26: a success was overwritten by a late heartbeat.
async fn a_success_is_not_overwritten_by_a_late_write(world: World) {
    let task = world.running().await;
    let over = world.update(&task, to(&task, State::Succeeded)).await;
    for late in [
        TaskUpdate { heartbeat: true, fence: Some(task.fence()), ..TaskUpdate::default() },
        to(&task, State::Running),
        to(&task, State::Failed),
        detail(&task, "still here"),
    ] {
        assert!(matches!(world.try_update(&task, late).await, Err(StoreError::Rejected(Rejection::Terminal { .. }))));
    }
    assert_eq!(world.get(&task).await, over);
}

// L4, L26
async fn an_update_that_changes_nothing_writes_nothing(world: World, state: State) {
    let task = world.in_state(state).await;
    let before = world.all_of(&task).await;
    world.clock.advance(1_000);
    let same = world.update(&task, TaskUpdate::default()).await;
    assert_eq!(same, task);
    let same = world.update(&task, TaskUpdate { state: Some(state), ..TaskUpdate::default() }).await;
    assert_eq!(same, task);
    assert_eq!(world.all_of(&task).await, before);
}

// L4, L26
async fn a_heartbeat_makes_no_event_and_does_not_move_updated_at(world: World) {
    let task = world.running().await;
    let events = world.log().await.len();
    world.clock.advance(1_000);
    let beat = TaskUpdate { heartbeat: true, fence: Some(task.fence()), ..TaskUpdate::default() };
    let after = world.update(&task, beat).await;
    assert_eq!(after.heartbeat_at, Some(world.store.now()));
    assert_eq!((after.updated_at, after.version), (task.updated_at, task.version + 1));
    assert_eq!(world.log().await.len(), events);
    assert_eq!(world.get(&task).await, after);
}

// L4
async fn the_version_grows_by_one_with_each_stored_change(world: World) {
    let mut task = world.running().await;
    for number in 0..5 {
        let next = world.update(&task, detail(&task, &number.to_string())).await;
        assert_eq!(next.version, task.version + 1);
        task = next;
    }
}

// L8
async fn the_first_start_and_the_first_end_are_stamped_once(world: World) {
    let task = world.running().await;
    let started = task.started_at;
    world.clock.advance(500);
    let asked = world.update(&task, world.question(&task, "?")).await;
    world.clock.advance(500);
    let over = world.update(&asked, to(&asked, State::Failed)).await;
    let finished = over.finished_at;
    world.clock.advance(500);
    let last = world.update(&over, TaskUpdate { summary: Some("s".to_owned()), ..TaskUpdate::default() }).await;
    assert!(started.is_some() && finished == Some(started.unwrap() + chrono::TimeDelta::seconds(1)));
    assert_eq!((last.started_at, last.finished_at), (started, finished));
}

// L34
async fn updated_at_does_not_go_back_with_the_clock(world: World) {
    let task = world.running().await;
    world.clock.advance(-60_000);
    let after = world.update(&task, detail(&task, "x")).await;
    assert_eq!(after.updated_at, task.updated_at);
}

// L31, L3
async fn what_is_too_large_is_refused_whole(world: World) {
    let task = world.running().await;
    let before = world.all_of(&task).await;
    let large = TaskUpdate { summary: Some("x".repeat(5_000)), artifacts: vec![artifact("a")], ..detail(&task, "d") };
    let refused = world.try_update(&task, large).await;
    assert!(matches!(refused, Err(StoreError::Rejected(Rejection::TooLarge { field: "summary", .. }))), "{refused:?}");
    assert_eq!(world.all_of(&task).await, before);
}

// L32
async fn results_and_checkpoints_are_replaced_and_read_back(world: World) {
    let task = world.running().await;
    assert_eq!(world.result(&task).await, None);
    assert_eq!(world.store.checkpoint(&world.session, &task.id).await, Ok(None));
    for round in 1..=2_u8 {
        let update = TaskUpdate {
            fence: Some(task.fence()),
            result: Some(json!([round])),
            checkpoint: Some(vec![round; 10]),
            ..TaskUpdate::default()
        };
        world.update(&task, update).await;
        assert_eq!(world.result(&task).await, Some(json!([round])));
        assert_eq!(world.store.checkpoint(&world.session, &task.id).await, Ok(Some(vec![round; 10])));
    }
}

for_every_store!(
    a_success_is_not_overwritten_by_a_late_write,
    a_heartbeat_makes_no_event_and_does_not_move_updated_at,
    the_version_grows_by_one_with_each_stored_change,
    the_first_start_and_the_first_end_are_stamped_once,
    updated_at_does_not_go_back_with_the_clock,
    what_is_too_large_is_refused_whole,
    results_and_checkpoints_are_replaced_and_read_back,
);

mod in_every_state {
    use super::{
        a_finished_task_takes_content_and_nothing_of_the_living, an_update_that_changes_nothing_writes_nothing,
        every_step_to_every_state_is_either_made_or_changes_nothing,
    };
    for_every_store_and_state!(
        a_finished_task_takes_content_and_nothing_of_the_living,
        an_update_that_changes_nothing_writes_nothing,
        every_step_to_every_state_is_either_made_or_changes_nothing,
    );
}
