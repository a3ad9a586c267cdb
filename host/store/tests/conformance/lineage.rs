//! Wanting the end of many tasks at once, and what may not begin any more under them.
//! Does not test how one task is canceled: `cancel` does.

use taskwright_registry::{Lineage, NewTask, Rejection, SessionId, SessionOwner, SessionRejection, State, Task};
use taskwright_store::{CancelCount, CancelScope, CancelWalk, StoreError};

use crate::world::{World, stranger, to};

async fn below(world: &World, session: &SessionId, parent: Option<&Task>, run: Option<&str>) -> Task {
    let parent = Lineage {
        task_id: parent.map(|task| task.id.to_string()),
        run_id: run.map(str::to_owned),
        ..Lineage::default()
    };
    let new = NewTask { session_id: session.clone(), parent, ..world.new_task() };
    world.store.create(new).await.unwrap().task
}

/// Takes all steps; says how many, what they have reached and what has ended with them.
async fn cancel_in_steps(world: &World, scope: CancelScope) -> (usize, CancelCount, Vec<Task>) {
    let (mut steps, mut count, mut ended) = (0, CancelCount::default(), Vec::new());
    let mut walk = Some(CancelWalk::new(&world.session, scope));
    while let Some(next) = walk {
        let step = world.store.cancel_step(&world.session, next, Some("enough".to_owned())).await.unwrap();
        steps += 1;
        count.add(step.count);
        ended.extend(step.ended);
        walk = step.rest;
    }
    (steps, count, ended)
}

/// How many were asked, and how many had been before.
async fn cancel(world: &World, scope: CancelScope) -> (usize, usize) {
    let (_, count, ended) = cancel_in_steps(world, scope).await;
    assert!(ended.iter().all(|task| task.state == State::Canceled && task.dispatch.claim == 0));
    assert_eq!(count.first.len(), count.signalled, "there are few");
    (count.signalled, count.again)
}

async fn state(world: &World, task: &Task) -> State {
    world.store.get(&task.session_id, &task.id).await.unwrap().state
}

// L49
async fn a_tree_is_canceled_through_what_is_over_and_nothing_begins_under_it_any_more(world: World) {
    let root = world.running_with(taskwright_registry::WakePolicy::Silent).await;
    let over = below(&world, &world.session, Some(&root), None).await;
    let leaf = below(&world, &world.session, Some(&over), None).await;
    let beside = below(&world, &world.session, None, None).await;
    world.store.request_cancel(&world.session, &over.id, None).await.unwrap();
    world.update(&root, to(&root, State::Succeeded)).await;
    assert_eq!(cancel(&world, CancelScope::Tree(root.id.clone())).await, (1, 0));
    assert_eq!((state(&world, &leaf).await, state(&world, &beside).await), (State::Canceled, State::Queued));
    assert_eq!(cancel(&world, CancelScope::Tree(root.id.clone())).await, (0, 0));
    for parent in [&root, &over, &leaf] {
        let lineage = Lineage { task_id: Some(parent.id.to_string()), ..Lineage::default() };
        let refused = world.store.create(NewTask { parent: lineage, ..world.new_task() }).await.unwrap_err();
        assert_eq!(refused, Rejection::CanceledLineage { lineage: parent.id.to_string() }.into());
    }
}

// L49
async fn lineage_that_goes_in_a_circle_is_canceled_once_round(world: World) {
    let (one, two) = (world.task_id(), world.task_id());
    for (id, parent) in [(&one, &two), (&two, &one)] {
        let parent = Lineage { task_id: Some(parent.to_string()), ..Lineage::default() };
        world.store.create(NewTask { id: id.clone(), parent, ..world.new_task() }).await.unwrap();
    }
    assert_eq!(cancel(&world, CancelScope::Tree(one)).await, (2, 0));
}

// L49
async fn a_run_is_canceled_with_what_is_below_it_and_begins_nothing_more(world: World) {
    let root = below(&world, &world.session, None, Some("run-1")).await;
    let leaf = below(&world, &world.session, Some(&root), None).await;
    let other = below(&world, &world.session, None, Some("run-2")).await;
    assert_eq!(cancel(&world, CancelScope::Run("run-1".to_owned())).await, (2, 0));
    assert_eq!((state(&world, &leaf).await, state(&world, &other).await), (State::Canceled, State::Queued));
    let lineage = Lineage { run_id: Some("run-1".to_owned()), ..Lineage::default() };
    let refused = world.store.create(NewTask { parent: lineage, ..world.new_task() }).await.unwrap_err();
    assert_eq!(refused, Rejection::CanceledLineage { lineage: "the run run-1".to_owned() }.into());
    let repeated = NewTask {
        id: root.id.clone(),
        parent: Lineage { run_id: Some("run-1".to_owned()), ..Lineage::default() },
        ..world.new_task()
    };
    assert!(!world.store.create(repeated).await.unwrap().fresh, "what had begun is still found");
    assert_eq!(cancel(&world, CancelScope::Run("nobody knows it".to_owned())).await, (0, 0));
}

// L49: one store failed, one remembered it for a session to come, and one did neither.
async fn a_run_of_a_session_that_is_not_there_has_no_tasks_and_leaves_nothing_behind(world: World) {
    let walk = CancelWalk::new(&stranger(), CancelScope::Run("run-1".to_owned()));
    let step = world.store.cancel_step(&stranger(), walk, None).await.unwrap();
    assert_eq!((step.count, step.ended), (CancelCount::default(), vec![]));
    below(&world, &stranger(), None, Some("run-1")).await;
}

// L49, L17
async fn all_of_a_session_is_canceled_but_for_what_is_kept(world: World) {
    let (kept, first, hidden) = (world.created().await, world.created().await, world.new_task());
    let hidden = NewTask { visibility: taskwright_registry::Visibility::Hidden, ..hidden };
    let hidden = world.store.create(hidden).await.unwrap().task;
    let foreign = below(&world, &stranger(), None, None).await;
    let running = world.running_with(taskwright_registry::WakePolicy::Silent).await;
    let keep = vec![kept.id.clone(), foreign.id.clone()];
    assert_eq!(cancel(&world, CancelScope::AllBut(keep)).await, (3, 0));
    for (task, expected) in [
        (&kept, State::Queued),
        (&first, State::Canceled),
        (&hidden, State::Canceled),
        (&foreign, State::Queued),
        (&running, State::Running),
    ] {
        assert_eq!(state(&world, task).await, expected);
    }
    assert_eq!(cancel(&world, CancelScope::All).await, (1, 1), "the running one had been asked");
    world.created().await;
}

// L49, L23
async fn a_cancel_crosses_into_sessions_that_were_opened_for_it_and_into_no_others(world: World) {
    let root = world.running_with(taskwright_registry::WakePolicy::Silent).await;
    let [child, grandchild, unrelated]: [SessionId; 3] =
        ["child", "grandchild", "unrelated"].map(|name| name.parse().unwrap());
    let owner = |session: &SessionId, task: &Task| {
        Some(SessionOwner { session_id: session.clone(), task_id: Some(task.id.clone()) })
    };
    world.store.open_session(&child, owner(&world.session, &root)).await.unwrap();
    let in_child = below(&world, &child, None, None).await;
    world.store.open_session(&grandchild, owner(&child, &in_child)).await.unwrap();
    let in_grandchild = below(&world, &grandchild, None, None).await;
    let elsewhere = below(&world, &unrelated, Some(&root), None).await;
    let foreign = CancelWalk::new(&unrelated, CancelScope::Tree(root.id.clone()));
    let foreign = world.store.cancel_step(&unrelated, foreign, None).await.unwrap_err();
    assert_eq!(foreign, StoreError::NotFound { session: unrelated.clone(), id: root.id.clone() });
    assert_eq!(cancel(&world, CancelScope::Tree(root.id.clone())).await, (3, 0));
    assert_eq!(state(&world, &in_child).await, State::Canceled);
    assert_eq!(state(&world, &in_grandchild).await, State::Canceled);
    assert_eq!(state(&world, &elsewhere).await, State::Queued, "it only says that it came from there");
    let new = NewTask { session_id: grandchild.clone(), ..world.new_task() };
    let refused = world.store.create(new).await.unwrap_err();
    assert!(matches!(refused, StoreError::SessionRejected { reason: SessionRejection::Canceled { .. }, .. }));
}

// L49: a cancel of many kept everybody else from writing for as long as it took.
async fn a_cancel_of_many_is_taken_in_steps_and_misses_nothing_that_begins_between_them(world: World) {
    let root = world.running_with(taskwright_registry::WakePolicy::Silent).await;
    let mut tasks = Vec::new();
    for _ in 0..1_100 {
        tasks.push(below(&world, &world.session, Some(&root), Some("run-1")).await);
    }
    let running = world.claim(&tasks[1_099]).await.task;
    let mut walk = CancelWalk::new(&world.session, CancelScope::Tree(root.id.clone()));
    let (mut count, mut ended, mut late) = (CancelCount::default(), 0, None);
    for number in 1.. {
        let step = world.store.cancel_step(&world.session, walk, None).await.unwrap();
        assert!(step.count.signalled <= 1_000, "{}", step.count.signalled);
        count.add(step.count);
        ended += step.ended.len();
        if number == 1 {
            let refused = world.store.create(NewTask {
                parent: Lineage { task_id: Some(root.id.to_string()), ..Lineage::default() },
                ..world.new_task()
            });
            assert!(matches!(refused.await, Err(StoreError::Rejected(Rejection::CanceledLineage { .. }))));
            late = Some(below(&world, &world.session, Some(&running), None).await);
        }
        let Some(rest) = step.rest else {
            assert!(number > 2, "{number} steps");
            break;
        };
        walk = rest;
    }
    let late = late.expect("there was more than one step");
    assert_eq!(state(&world, &late).await, State::Canceled);
    assert_eq!((count.signalled, count.again, ended), (1_102, 0, 1_100), "the root and one below it run");
    let named: Vec<_> = std::iter::once(&root.id).chain(tasks.iter().map(|task| &task.id)).take(1_000).collect();
    assert_eq!(count.first.iter().collect::<Vec<_>>(), named);
    assert_eq!(cancel_in_steps(&world, CancelScope::Run("run-1".to_owned())).await.1.again, 1, "it runs still");
    for _ in 0..600 {
        below(&world, &world.session, None, None).await;
    }
    let (steps, count, ended) = cancel_in_steps(&world, CancelScope::All).await;
    assert_eq!((steps, count.signalled, count.again, ended.len()), (2, 600, 2, 600));
}

for_every_store!(
    a_cancel_of_many_is_taken_in_steps_and_misses_nothing_that_begins_between_them,
    a_tree_is_canceled_through_what_is_over_and_nothing_begins_under_it_any_more,
    lineage_that_goes_in_a_circle_is_canceled_once_round,
    a_run_is_canceled_with_what_is_below_it_and_begins_nothing_more,
    a_run_of_a_session_that_is_not_there_has_no_tasks_and_leaves_nothing_behind,
    all_of_a_session_is_canceled_but_for_what_is_kept,
    a_cancel_crosses_into_sessions_that_were_opened_for_it_and_into_no_others,
);
