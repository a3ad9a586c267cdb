//! Children: who may begin them, how many, and how their parent hears of their end.
//! Does not test what a child is granted: the runner does.

use chrono::TimeDelta;
use serde_json::json;
use taskwright_registry::{
    Budget, ChildLimits, DispatchChange, Fence, GrantedWithin, Lineage, NewChild, NewTask, Phase, Rejection, State,
    Supersede, Task, TaskUpdate,
};
use taskwright_store::{Created, StoreError, TaskFilter, TaskQuery};

use crate::world::{KIND, World, stranger, to};

const LIMITS: ChildLimits = ChildLimits { max_depth: 3, max_live: 5, per_minute: 8 };

fn child(world: &World, parent: &Task, call: &str) -> NewChild {
    NewChild {
        fence: parent.fence(),
        call: call.to_owned(),
        limits: LIMITS,
        within: GrantedWithin::Parent,
        task: world.new_task(),
    }
}

async fn try_begin(world: &World, parent: &Task, new: NewChild) -> Result<Created, StoreError> {
    world.store.create_child(&parent.session_id, &parent.id, new).await
}

async fn begin(world: &World, parent: &Task, call: &str) -> Task {
    try_begin(world, parent, child(world, parent, call)).await.expect("a child").task
}

async fn count(world: &World) -> usize {
    let filter = TaskFilter { ..TaskFilter::all() };
    world
        .store
        .list(&world.session, &TaskQuery { filter, limit: 500, ..TaskQuery::default() })
        .await
        .unwrap()
        .tasks
        .len()
}

fn hibernate(task: &Task) -> TaskUpdate {
    let dispatch = Some(DispatchChange::Hibernate { until: None, ignored: 0 });
    TaskUpdate { fence: Some(task.fence()), dispatch, ..TaskUpdate::default() }
}

// L41
async fn a_child_has_its_parents_session_and_lineage_and_no_more_than_it(world: World) {
    let deadline = world.store.now() + TimeDelta::hours(1);
    let lineage = Lineage { run_id: Some("run".to_owned()), call_id: Some("call".to_owned()), ..Lineage::default() };
    let budget = Budget { cpu_ms: 500, messages: 7, ..Budget::UNLIMITED };
    let new = NewTask { parent: lineage.clone(), deadline: Some(deadline), budget, ..world.new_task() };
    let parent = world.store.create(new).await.unwrap().task;
    let parent = world.claim(&parent).await.task;
    let wider = NewTask {
        session_id: stranger(),
        parent: Lineage {
            task_id: Some("task_forged".to_owned()),
            agent_id: Some("forged".to_owned()),
            ..lineage.clone()
        },
        budget: Budget { cpu_ms: 9_000, messages: 3, ..Budget::UNLIMITED },
        deadline: Some(deadline + TimeDelta::hours(1)),
        idempotency_key: Some("mine".to_owned()),
        ..world.new_task()
    };
    let first = try_begin(&world, &parent, NewChild { task: wider, ..child(&world, &parent, "a") }).await.unwrap().task;
    assert_eq!(first.session_id, parent.session_id);
    assert_eq!(first.parent, Lineage { task_id: Some(parent.id.to_string()), ..lineage });
    assert_eq!((first.budget.cpu_ms, first.budget.messages), (500, 3));
    assert_eq!((first.deadline, first.depth), (Some(deadline), 1));
    assert_eq!(first.granted_within, [KIND]);
    let stored = world.get(&first).await;
    assert_eq!(stored, first);
    let first = world.claim(&first).await.task;
    let second = begin(&world, &first, "b").await;
    assert_eq!((second.depth, second.deadline, second.budget.cpu_ms), (2, Some(deadline), 500));
}

// L5, L41: a straggler's child would run beside its successor's.
async fn a_straggler_begins_no_child(world: World) {
    let first = world.running().await;
    let lost = TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() };
    let ready = world.update(&first, lost).await;
    let before = count(&world).await;
    let refused = try_begin(&world, &first, child(&world, &first, "a")).await;
    assert!(matches!(refused, Err(StoreError::Rejected(Rejection::Superseded { .. }))), "{refused:?}");
    let second = world.claim(&ready).await.task;
    let refused = try_begin(&world, &first, child(&world, &first, "a")).await;
    assert!(matches!(refused, Err(StoreError::Rejected(Rejection::Superseded { .. }))), "{refused:?}");
    assert_eq!(count(&world).await, before);
    begin(&world, &second, "a").await;
    // An instance that has lain down has the newest claim and no say.
    world.update(&second, hibernate(&second)).await;
    let refused = try_begin(&world, &second, child(&world, &second, "b")).await;
    assert!(matches!(refused, Err(StoreError::Rejected(Rejection::OutOfPhase { .. }))), "{refused:?}");
}

// L23, L41
async fn no_child_of_a_task_that_is_over_or_asked_to_end_or_foreign(world: World, state: State) {
    let parent = world.in_state(state).await;
    let before = count(&world).await;
    let begun = try_begin(&world, &parent, child(&world, &parent, "a")).await;
    match state {
        State::Running | State::AwaitingInput => {
            begun.unwrap();
            world.store.request_cancel(&world.session, &parent.id, None).await.unwrap();
            let refused = try_begin(&world, &parent, child(&world, &parent, "b")).await;
            assert_eq!(refused, Err(StoreError::Rejected(Rejection::Canceling)));
        }
        _ => {
            assert!(matches!(begun, Err(StoreError::Rejected(_))), "{begun:?}");
            assert_eq!(count(&world).await, before);
        }
    }
    let foreign = world.store.create_child(&stranger(), &parent.id, child(&world, &parent, "c")).await;
    assert_eq!(foreign, Err(StoreError::NotFound { session: stranger(), id: parent.id }));
}

// L21, L41: a re-attached attempt began its children a second time.
async fn the_same_call_is_the_same_child_whichever_attempt_asks(world: World) {
    let first = world.running().await;
    let made = begin(&world, &first, "a").await;
    let lost = TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() };
    let ready = world.update(&first, lost).await;
    let second = world.claim(&ready).await.task;
    let again = child(&world, &second, "a");
    // It wishes for something else beside kind and specification, as after a change of the operator's.
    let again = NewChild { task: NewTask { budget: Budget { cpu_ms: 1, ..Budget::UNLIMITED }, ..again.task }, ..again };
    let again = try_begin(&world, &second, again).await.unwrap();
    assert_eq!((again.fresh, &again.task.id), (false, &made.id));
    let other = child(&world, &second, "a");
    let other = NewChild { task: NewTask { spec: json!({"n": 2}), ..other.task }, ..other };
    assert!(matches!(try_begin(&world, &second, other).await, Err(StoreError::Conflict { .. })));
    assert_ne!(begin(&world, &second, "b").await.id, again.task.id);
}

// L41
async fn depth_number_and_rate_are_limited(world: World) {
    let limited = |refused: Result<Created, StoreError>, which: &str| match refused {
        Err(StoreError::Rejected(Rejection::TooManyChildren { limit, .. })) => assert_eq!(limit, which),
        other => panic!("{other:?}"),
    };
    let mut parent = world.running().await;
    for depth in 1..=3 {
        let next = begin(&world, &parent, "down").await;
        assert_eq!(next.depth, depth);
        parent = world.claim(&next).await.task;
    }
    limited(try_begin(&world, &parent, child(&world, &parent, "down")).await, "children_depth");
    let wide = world.running().await;
    for n in 0..5 {
        begin(&world, &wide, &n.to_string()).await;
    }
    limited(try_begin(&world, &wide, child(&world, &wide, "more")).await, "children_live");
    let ended = begin(&world, &wide, "0").await;
    let ended = world.claim(&ended).await.task;
    world.update(&ended, to(&ended, State::Succeeded)).await;
    begin(&world, &wide, "more").await;
    let fast = world.running().await;
    for n in 0..8 {
        let quick = begin(&world, &fast, &n.to_string()).await;
        let quick = world.claim(&quick).await.task;
        world.update(&quick, to(&quick, State::Succeeded)).await;
    }
    limited(try_begin(&world, &fast, child(&world, &fast, "more")).await, "children_per_minute");
    // The same call again is no further child.
    begin(&world, &fast, "7").await;
    world.clock.advance(60_001);
    begin(&world, &fast, "more").await;
    // Trusted code has no limits but the one on generations.
    let free =
        NewChild { limits: ChildLimits::NONE, within: GrantedWithin::ParentsBounds, ..child(&world, &fast, "free") };
    assert!(try_begin(&world, &fast, free).await.unwrap().task.granted_within.is_empty());
}

// L42
async fn a_hibernating_parent_is_due_when_a_child_ends_however_it_ends(world: World) {
    for state in [State::Succeeded, State::Failed, State::Canceled] {
        let parent = world.running().await;
        let one = begin(&world, &parent, "one").await;
        begin(&world, &parent, "two").await;
        let asleep = world.update(&parent, hibernate(&parent)).await;
        assert_eq!(asleep.dispatch.due_at, None);
        world.clock.advance(10);
        if state == State::Canceled {
            // It was never started, so it is over at once.
            world.store.request_cancel(&world.session, &one.id, None).await.unwrap();
        } else {
            let one = world.claim(&one).await.task;
            assert_eq!(world.get(&parent).await.dispatch.due_at, None);
            world.update(&one, to(&one, state)).await;
        }
        assert_eq!(world.get(&parent).await.dispatch.due_at, Some(world.store.now()));
        let woken = world.claim(&parent).await;
        assert!(woken.resumed);
        let asleep = world.update(&woken.task, hibernate(&woken.task)).await;
        assert_eq!((asleep.dispatch.phase, asleep.dispatch.due_at), (Phase::Hibernating, None));
    }
}

// L42: the end of a child between the parent's last look and its lying down was never heard of.
async fn an_end_that_comes_before_the_parent_lies_down_is_not_missed(world: World) {
    let parent = world.running().await;
    let one = begin(&world, &parent, "one").await;
    let one = world.claim(&one).await.task;
    world.update(&one, to(&one, State::Succeeded)).await;
    let asleep = world.update(&parent, hibernate(&parent)).await;
    assert_eq!(asleep.dispatch.due_at, Some(world.store.now()));
    // What a session says of a task's parent is its own affair, and wakes nobody.
    let woken = world.claim(&asleep).await.task;
    let named =
        NewTask { parent: Lineage { task_id: Some(parent.id.to_string()), ..Lineage::default() }, ..world.new_task() };
    let named = world.store.create(named).await.unwrap().task;
    assert_eq!((named.depth, named.granted_within.len()), (0, 0));
    let named = world.claim(&named).await.task;
    world.update(&named, to(&named, State::Failed)).await;
    assert_eq!(world.update(&woken, hibernate(&woken)).await.dispatch.due_at, None);
}

// L41
async fn two_at_once_do_not_both_take_the_last_place(world: World) {
    let parent = world.running().await;
    for n in 0..4 {
        begin(&world, &parent, &n.to_string()).await;
    }
    let all = (0..8).map(|n| {
        let (store, new) = (world.store.clone(), child(&world, &parent, &format!("race {n}")));
        let (session, id) = (parent.session_id.clone(), parent.id.clone());
        tokio::spawn(async move { store.create_child(&session, &id, new).await.is_ok() })
    });
    let mut begun = 0;
    for one in all.collect::<Vec<_>>() {
        begun += usize::from(one.await.unwrap());
    }
    assert_eq!(begun, 1);
    let old = Fence { claim: 0, ..parent.fence() };
    assert!(try_begin(&world, &parent, NewChild { fence: old, ..child(&world, &parent, "x") }).await.is_err());
}

for_every_store!(
    a_child_has_its_parents_session_and_lineage_and_no_more_than_it,
    a_hibernating_parent_is_due_when_a_child_ends_however_it_ends,
    a_straggler_begins_no_child,
    an_end_that_comes_before_the_parent_lies_down_is_not_missed,
    depth_number_and_rate_are_limited,
    the_same_call_is_the_same_child_whichever_attempt_asks,
    two_at_once_do_not_both_take_the_last_place,
);

mod in_every_state {
    use super::no_child_of_a_task_that_is_over_or_asked_to_end_or_foreign;
    for_every_store_and_state!(no_child_of_a_task_that_is_over_or_asked_to_end_or_foreign);
}
