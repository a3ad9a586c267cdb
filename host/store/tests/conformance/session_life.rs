//! The life of a session: opened, suspended, closed with what that means for each of its tasks, deleted.
//! Does not test moving tasks for its own sake: `transfer` does.

use taskwright_registry::{
    ChildLimits, CloseOrder, ClosePolicy, GrantedWithin, NewChild, NewTask, SessionId, SessionOwner, SessionRejection,
    SessionState, State, Task, WakePolicy,
};
use taskwright_store::{Change, CloseStep, SessionQuery, StoreError};

use crate::world::{World, stranger, to};

fn successor() -> SessionId {
    "successor".parse().unwrap()
}

fn to_successor() -> CloseOrder {
    CloseOrder { successor: Some(successor()), ..CloseOrder::default() }
}

async fn with_policy(world: &World, policy: ClosePolicy) -> Task {
    let new = NewTask { close_policy: policy, ..world.new_task() };
    world.store.create(new).await.unwrap().task
}

fn rejection(error: StoreError) -> SessionRejection {
    match error {
        StoreError::SessionRejected { reason, .. } => reason,
        other => panic!("expected a word about the session: {other:?}"),
    }
}

// L45
async fn a_session_is_open_from_its_first_task_on_and_not_known_before(world: World) {
    let unknown = world.store.session(&world.session).await.unwrap_err();
    assert_eq!(unknown, StoreError::NoSession { session: world.session.clone() });
    let opened_at = world.store.now();
    world.created().await;
    world.clock.advance(1_000);
    world.created().await;
    let session = world.store.session(&world.session).await.unwrap();
    assert_eq!((session.state, session.opened_at, session.version), (SessionState::Open, opened_at, 1));
}

// L45
async fn opening_is_idempotent_and_another_owner_is_refused(world: World) {
    let owner = SessionOwner { session_id: stranger(), task_id: None };
    let opened = world.store.open_session(&world.session, Some(owner.clone())).await.unwrap();
    world.clock.advance(5);
    assert_eq!(world.store.open_session(&world.session, Some(owner)).await.unwrap(), opened);
    let refused = world.store.open_session(&world.session, None).await.unwrap_err();
    assert!(matches!(rejection(refused), SessionRejection::OtherOwner { .. }));
    assert_eq!(world.store.session(&world.session).await.unwrap(), opened);
}

// L47
async fn the_tasks_of_a_suspended_session_go_on_and_its_wakes_wait(world: World) {
    let task = world.running_with(WakePolicy::OnTerminal).await;
    let suspended = world.store.suspend_session(&world.session).await.unwrap();
    assert_eq!((suspended.state, suspended.version), (SessionState::Suspended, 2));
    assert_eq!(world.store.suspend_session(&world.session).await.unwrap(), suspended);
    world.created().await;
    world.update(&task, to(&task, State::Succeeded)).await;
    assert_eq!(world.store.wakes(&world.session, 10).await.unwrap(), []);
    assert!(world.store.sessions_with_wakes(None, 10).await.unwrap().sessions.is_empty());
    let mut changes = world.store.changes();
    let resumed = world.store.resume_session(&world.session).await.unwrap();
    assert_eq!((resumed.state, resumed.suspended_at), (SessionState::Open, None));
    assert_eq!(changes.recv().await.unwrap(), Change::Session { session_id: world.session.clone() });
    assert_eq!(changes.recv().await.unwrap(), Change::Woken { session_id: world.session.clone() });
    assert_eq!(world.store.wakes(&world.session, 10).await.unwrap().len(), 1);
}

// L46
async fn closing_cancels_moves_or_keeps_each_live_task_as_its_policy_says(world: World) {
    let keep = with_policy(&world, ClosePolicy::Keep).await;
    let cancel = with_policy(&world, ClosePolicy::Cancel).await;
    let moves = with_policy(&world, ClosePolicy::Transfer).await;
    let over = world.running_with(WakePolicy::Silent).await;
    world.update(&over, to(&over, State::Succeeded)).await;
    let order = CloseOrder { reason: Some("the work is done".to_owned()), ..to_successor() };
    let closed = world.store.close_session(&world.session, order.clone()).await.unwrap();
    let ended: Vec<_> = closed.ended.iter().map(|task| (&task.id, task.state)).collect();
    assert_eq!(ended, [(&cancel.id, State::Canceled)]);
    let closed = closed.session;
    assert_eq!((closed.state, closed.closed_at), (SessionState::Closed, Some(world.store.now())));
    assert_eq!(world.store.get(&world.session, &keep.id).await.unwrap().state, State::Queued);
    let canceled = world.store.get(&world.session, &cancel.id).await.unwrap();
    assert_eq!(canceled.state, State::Canceled);
    assert_eq!(canceled.cancel.unwrap().reason.as_deref(), Some("the work is done"));
    assert!(matches!(world.store.get(&world.session, &moves.id).await, Err(StoreError::NotFound { .. })));
    assert_eq!(world.store.get(&successor(), &moves.id).await.unwrap().session_id, successor());
    assert_eq!(
        world.store.close_session(&world.session, order).await.unwrap(),
        CloseStep { session: closed, ended: Vec::new() },
        "once"
    );
    let refused = world.store.create(world.new_task()).await.unwrap_err();
    assert_eq!(rejection(refused), SessionRejection::Over { state: SessionState::Closed });
    let repeated = NewTask { id: keep.id.clone(), close_policy: ClosePolicy::Keep, ..world.new_task() };
    assert!(!world.store.create(repeated).await.unwrap().fresh, "what was created is still found");
}

// L46, L18, L32: what a task told was gone with the run of its owner.
async fn what_is_kept_is_logged_and_wakes_after_its_session_has_closed(world: World) {
    let task = world.running_with(WakePolicy::OnActivity).await;
    let closed = world.store.close_session(&world.session, CloseOrder::default()).await.unwrap().session;
    assert_eq!(closed.state, SessionState::Closed);
    let (before, woken) = (world.log().await.len(), world.store.wakes(&world.session, 10).await.unwrap().len());
    let posted = world.outbound(task.fence(), "still at it");
    world.store.record_message(&world.session, &task.id, posted).await.unwrap();
    world.update(&task, to(&task, State::Succeeded)).await;
    let log = world.log().await;
    let told: Vec<_> = log[before..].iter().map(|event| event.body.type_name()).collect();
    assert_eq!(told, ["task.message.received", "task.updated"]);
    assert_eq!(world.store.wakes(&world.session, 10).await.unwrap().len(), woken + 2);
    let sessions = world.store.sessions_with_wakes(None, 10).await.unwrap().sessions;
    assert_eq!(sessions, std::slice::from_ref(&world.session));
}

// L46, L3
async fn a_close_that_cannot_be_carried_out_closes_nothing(world: World) {
    with_policy(&world, ClosePolicy::Cancel).await;
    let moves = NewTask { close_policy: ClosePolicy::Transfer, name: Some("watch".to_owned()), ..world.new_task() };
    let moves = world.store.create(moves).await.unwrap().task;
    let refused = world.store.close_session(&world.session, CloseOrder::default()).await.unwrap_err();
    assert_eq!(rejection(refused), SessionRejection::NeedsSuccessor { task: moves.id.clone() });
    let itself = CloseOrder { successor: Some(world.session.clone()), ..CloseOrder::default() };
    let refused = world.store.close_session(&world.session, itself).await.unwrap_err();
    assert_eq!(rejection(refused), SessionRejection::OwnSuccessor);
    let holder = NewTask { session_id: successor(), name: Some("watch".to_owned()), ..world.new_task() };
    let holder = world.store.create(holder).await.unwrap().task.id;
    let refused = world.store.close_session(&world.session, to_successor()).await.unwrap_err();
    assert_eq!(refused, StoreError::NameTaken { name: "watch".to_owned(), holder });
    let session = world.store.session(&world.session).await.unwrap();
    assert_eq!((session.state, session.version), (SessionState::Open, 1));
    assert!(world.store.ending_sessions(10).await.unwrap().is_empty());
}

// L46
async fn a_close_of_many_tasks_is_carried_out_in_steps_by_whoever_comes(world: World) {
    for _ in 0..1_200 {
        with_policy(&world, ClosePolicy::Cancel).await;
    }
    let first = world.store.close_session(&world.session, CloseOrder::default()).await.unwrap();
    let (closing, mut ended) = (first.session, first.ended.len());
    assert_eq!(closing.state, SessionState::Closing);
    assert_eq!(world.store.ending_sessions(10).await.unwrap(), [closing]);
    let refused = world.store.create(world.new_task()).await.unwrap_err();
    assert_eq!(rejection(refused), SessionRejection::Over { state: SessionState::Closing });
    let mut steps = 0;
    loop {
        let step = world.store.carry_out_close(&world.session, 200).await.unwrap();
        ended += step.ended.len();
        if step.session.state != SessionState::Closing {
            break;
        }
        steps += 1;
    }
    assert_eq!((steps, ended), (3, 1_200));
    assert!(world.store.ending_sessions(10).await.unwrap().is_empty());
    assert_eq!(world.log().await.iter().filter(|event| event.body.type_name() == "task.updated").count(), 1_200);
}

// L46, L48: a task that had begun too much to move was canceled by the close.
async fn a_close_says_beforehand_that_a_task_has_too_many_children_to_move(world: World) {
    let parent = with_policy(&world, ClosePolicy::Transfer).await;
    let parent = world.claim(&parent).await.task;
    for number in 0..1_000 {
        let (fence, call, limits) = (parent.fence(), number.to_string(), ChildLimits::NONE);
        let new = NewChild { fence, call, limits, within: GrantedWithin::Parent, task: world.new_task() };
        world.store.create_child(&world.session, &parent.id, new).await.unwrap();
    }
    let refused = world.store.close_session(&world.session, to_successor()).await.unwrap_err();
    assert_eq!(rejection(refused), SessionRejection::TooMany { allowed: 1_000, wanted: 1_001 });
    assert_eq!(world.store.session(&world.session).await.unwrap().state, SessionState::Open);
    assert_eq!(world.get(&parent).await, parent);
    assert!(matches!(world.store.session(&successor()).await, Err(StoreError::NoSession { .. })));
}

// L50
async fn a_session_is_deleted_when_nothing_in_it_is_live_with_everything_in_it(world: World) {
    let task = world.running_with(WakePolicy::OnTerminal).await;
    let refused = world.store.delete_session(&world.session).await.unwrap_err();
    assert_eq!(rejection(refused), SessionRejection::NotClosed { state: SessionState::Open });
    let order = CloseOrder { delete: true, ..CloseOrder::default() };
    world.store.close_session(&world.session, order).await.unwrap();
    assert!(world.store.to_erase(&world.session, 10).await.unwrap().is_empty(), "a task is kept and live");
    assert!(!world.store.erase(&world.session, std::slice::from_ref(&task.id)).await.unwrap());
    world.update(&task, to(&task, State::Succeeded)).await;
    let neighbour = NewTask { session_id: stranger(), ..world.new_task() };
    let neighbour = world.store.create(neighbour).await.unwrap().task;
    let erased = world.store.to_erase(&world.session, 10).await.unwrap();
    assert_eq!(erased, std::slice::from_ref(&task.id));
    assert!(world.store.erase(&world.session, &[neighbour.id.clone(), task.id.clone()]).await.unwrap());
    assert!(matches!(world.store.session(&world.session).await, Err(StoreError::NoSession { .. })));
    assert_eq!(world.log().await, []);
    assert_eq!(world.store.get(&stranger(), &neighbour.id).await.unwrap(), neighbour);
    assert!(world.store.erase(&world.session, &[]).await.unwrap(), "it is gone already");
    world.created().await;
    assert_eq!(world.log().await[0].seq, 1, "a new session of the same id begins anew");
}

async fn sessions_are_listed_by_id_and_state_in_pages(world: World) {
    for name in ["c", "a", "b"] {
        world.store.open_session(&name.parse().unwrap(), None).await.unwrap();
    }
    world.store.suspend_session(&"b".parse().unwrap()).await.unwrap();
    let query = SessionQuery { limit: 2, ..SessionQuery::default() };
    let first = world.store.sessions(&query).await.unwrap();
    let ids = |page: &taskwright_store::SessionPage| {
        page.sessions.iter().map(|session| session.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((ids(&first), first.next.clone()), (vec!["a".to_owned(), "b".to_owned()], Some("b".parse().unwrap())));
    let rest = world.store.sessions(&SessionQuery { after: first.next, ..query }).await.unwrap();
    assert_eq!((ids(&rest), rest.next), (vec!["c".to_owned()], None));
    let states = vec![SessionState::Suspended];
    let suspended = world.store.sessions(&SessionQuery { states, ..SessionQuery::default() }).await.unwrap();
    assert_eq!(ids(&suspended), ["b"]);
}

for_every_store!(
    a_session_is_open_from_its_first_task_on_and_not_known_before,
    opening_is_idempotent_and_another_owner_is_refused,
    the_tasks_of_a_suspended_session_go_on_and_its_wakes_wait,
    closing_cancels_moves_or_keeps_each_live_task_as_its_policy_says,
    what_is_kept_is_logged_and_wakes_after_its_session_has_closed,
    a_close_that_cannot_be_carried_out_closes_nothing,
    a_close_of_many_tasks_is_carried_out_in_steps_by_whoever_comes,
    a_close_says_beforehand_that_a_task_has_too_many_children_to_move,
    a_session_is_deleted_when_nothing_in_it_is_live_with_everything_in_it,
    sessions_are_listed_by_id_and_state_in_pages,
);
