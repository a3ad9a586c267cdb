//! Listing tasks.
//! Does not test how words of a filter are read: whoever reads them refuses unknown ones (L24).

use taskwright_registry::{Lineage, NewTask, Rejection, State, Task, TaskId, TaskUpdate, Visibility};
use taskwright_store::{Hidden, Order, StoreError, TaskFilter, TaskQuery};

use crate::world::World;

async fn ids(world: &World, query: TaskQuery) -> Vec<TaskId> {
    world.store.list(&world.session, &query).await.unwrap().tasks.into_iter().map(|task| task.id).collect()
}

fn filter(filter: TaskFilter) -> TaskQuery {
    TaskQuery { filter, ..TaskQuery::default() }
}

async fn several(world: &World, count: usize) -> Vec<Task> {
    let mut tasks = Vec::new();
    for _ in 0..count {
        tasks.push(world.created().await);
    }
    tasks
}

// L23
async fn tasks_are_listed_by_creation_in_pages(world: World) {
    // Ids that do not sort by creation: the caller makes them.
    let mut tasks = Vec::new();
    for _ in 0..7 {
        world.clock.advance(-1_000);
        tasks.push(world.created().await);
    }
    let mut expected: Vec<TaskId> = tasks.iter().map(|task| task.id.clone()).collect();
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let mut read = Vec::new();
        let mut after = None;
        loop {
            let query = TaskQuery { order, after, limit: 3, ..TaskQuery::default() };
            let page = world.store.list(&world.session, &query).await.unwrap();
            assert!(page.tasks.iter().all(|task| tasks.contains(task)), "records come whole");
            read.extend(page.tasks.into_iter().map(|task| task.id));
            after = page.next;
            if after.is_none() {
                break;
            }
            assert_eq!(after.as_ref(), read.last());
        }
        assert_eq!(read, expected);
        expected.reverse();
    }
}

// L23
async fn a_full_last_page_has_no_next(world: World) {
    several(&world, 4).await;
    let query = TaskQuery { limit: 4, ..TaskQuery::default() };
    assert_eq!(world.store.list(&world.session, &query).await.unwrap().next, None);
    let query = TaskQuery { limit: 0, ..TaskQuery::default() };
    assert_eq!(world.store.list(&world.session, &query).await.unwrap().tasks.len(), 1, "a limit is clamped to 1");
    let unknown = TaskQuery { after: Some(world.task_id()), ..TaskQuery::default() };
    assert_eq!(ids(&world, unknown).await, []);
}

// L24: a default filter could never see an end.
async fn a_filter_by_state_finds_exactly_that_state(world: World, state: State) {
    let mut of_state = Vec::new();
    for each in State::ALL {
        let task = world.in_state(each).await;
        if each == state {
            of_state.push(task.id);
        }
    }
    let only = TaskFilter { states: vec![state], ..TaskFilter::default() };
    assert_eq!(ids(&world, filter(only)).await, of_state);
    let both = TaskFilter { states: vec![state, State::Succeeded], ..TaskFilter::default() };
    assert_eq!(ids(&world, filter(both)).await.len(), if state == State::Succeeded { 1 } else { 2 });
    assert_eq!(ids(&world, TaskQuery::default()).await.len(), 6, "the default sees every state");
}

// L24
async fn filters_narrow_together(world: World) {
    let parent = Lineage { task_id: Some("task_p".to_owned()), run_id: Some("run-1".to_owned()), ..Lineage::default() };
    let child = NewTask { parent, name: Some("kid".to_owned()), ..world.new_task() };
    let child = world.store.create(child).await.unwrap().task;
    let other = NewTask { kind: "other".to_owned(), ..world.new_task() };
    let other = world.store.create(other).await.unwrap().task;
    let hidden = NewTask { visibility: Visibility::Hidden, ..world.new_task() };
    let hidden = world.store.create(hidden).await.unwrap().task;
    let kinds = |kind: &str| vec![kind.to_owned()];
    let cases = [
        (TaskFilter::default(), vec![&child, &other]),
        (TaskFilter { ..TaskFilter::all() }, vec![&child, &other, &hidden]),
        (TaskFilter { kinds: kinds("other"), ..TaskFilter::default() }, vec![&other]),
        (TaskFilter { kinds: kinds("unknown"), ..TaskFilter::default() }, vec![]),
        (TaskFilter { name: Some("kid".to_owned()), ..TaskFilter::default() }, vec![&child]),
        (TaskFilter { parent_task_id: Some("task_p".to_owned()), ..TaskFilter::default() }, vec![&child]),
        (TaskFilter { run_id: Some("run-1".to_owned()), ..TaskFilter::default() }, vec![&child]),
        (TaskFilter { run_id: Some("run".to_owned()), ..TaskFilter::default() }, vec![]),
        (TaskFilter { kinds: kinds("other"), name: Some("kid".to_owned()), ..TaskFilter::default() }, vec![]),
        (TaskFilter { kinds: kinds("other"), run_id: Some("run-1".to_owned()), ..TaskFilter::default() }, vec![]),
        (
            TaskFilter {
                kinds: kinds("probe"),
                states: vec![State::Queued],
                name: Some("kid".to_owned()),
                id_prefix: Some(child.id.as_str()[..20].to_owned()),
                parent_task_id: Some("task_p".to_owned()),
                run_id: Some("run-1".to_owned()),
                hidden: Hidden::Included,
            },
            vec![&child],
        ),
    ];
    for (case, expected) in cases {
        let expected: Vec<TaskId> = expected.into_iter().map(|task| task.id.clone()).collect();
        assert_eq!(ids(&world, filter(case.clone())).await, expected, "{case:?}");
    }
}

async fn a_task_is_found_by_the_beginning_of_its_id(world: World) {
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(world.created().await);
        // Ids begin with the time at which they were made.
        world.clock.advance(1);
    }
    let found = async |prefix: &str| {
        let only = TaskFilter { id_prefix: Some(prefix.to_owned()), ..TaskFilter::default() };
        ids(&world, filter(only)).await
    };
    let all: Vec<TaskId> = tasks.iter().map(|task| task.id.clone()).collect();
    for id in &all {
        for length in ["task_".len() + 12, id.as_str().len() - 1, id.as_str().len()] {
            assert_eq!(found(&id.as_str()[..length]).await, std::slice::from_ref(id));
        }
        assert_eq!(found(&format!("{id}0")).await, []);
    }
    for prefix in ["", "task_", &all[0].as_str()[..10]] {
        assert_eq!(found(prefix).await, all, "{prefix}");
    }
    for nobodys in ["task_g", "Task_", "%", "task%", "_", "~", "task_~", "\u{e4}", "'"] {
        assert_eq!(found(nobodys).await, [], "{nobodys}");
    }
}

// L23: what belongs to one run, or to one parent, says nothing about other sessions.
async fn a_run_of_another_session_is_not_seen(world: World) {
    let parent = Lineage { task_id: Some("task_p".to_owned()), run_id: Some("run".to_owned()), ..Lineage::default() };
    let own = NewTask { parent: parent.clone(), ..world.new_task() };
    let own = world.store.create(own).await.unwrap().task;
    let foreign = NewTask { parent, session_id: crate::world::stranger(), ..world.new_task() };
    world.store.create(foreign).await.unwrap();
    for only in [
        TaskFilter { run_id: Some("run".to_owned()), ..TaskFilter::default() },
        TaskFilter { parent_task_id: Some("task_p".to_owned()), ..TaskFilter::default() },
        TaskFilter { id_prefix: Some("task_".to_owned()), ..TaskFilter::default() },
    ] {
        assert_eq!(ids(&world, filter(only)).await, std::slice::from_ref(&own.id));
    }
}

// L54
async fn the_end_of_a_hidden_task_is_found_until_it_was_taken_note_of(world: World) {
    let hidden = NewTask { visibility: Visibility::Hidden, ..world.new_task() };
    let (listed, task) = (world.created().await, world.store.create(hidden).await.unwrap().task);
    let noted = TaskUpdate { reported: true, ..TaskUpdate::default() };
    for one in [&listed, &task] {
        let refused = world.try_update(one, noted.clone()).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Rejected(Rejection::Invalid { field, .. }) if field == "reported"));
    }
    let failed = TaskUpdate { state: Some(State::Failed), ..TaskUpdate::default() };
    for one in [&listed, &task] {
        world.update(one, failed.clone()).await;
    }
    let found = async |hidden| {
        let filter = TaskFilter { hidden, states: vec![State::Failed], ..TaskFilter::default() };
        let page = world.store.list(&world.session, &TaskQuery { filter, ..TaskQuery::default() }).await.unwrap();
        page.tasks.into_iter().map(|task| task.id).collect::<Vec<_>>()
    };
    assert_eq!(found(Hidden::LeftOut).await, std::slice::from_ref(&listed.id));
    assert_eq!(found(Hidden::Unreported).await, std::slice::from_ref(&task.id));
    let events = world.log().await.len();
    world.update(&task, noted.clone()).await;
    let once = world.get(&task).await;
    assert_eq!(world.update(&task, noted).await, once);
    assert_eq!(world.log().await.len(), events, "nobody else is told");
    assert_eq!(found(Hidden::Unreported).await, []);
    assert_eq!(found(Hidden::Only).await, std::slice::from_ref(&task.id));
    assert_eq!(found(Hidden::Included).await, [listed.id, task.id]);
}

for_every_store!(
    the_end_of_a_hidden_task_is_found_until_it_was_taken_note_of,
    tasks_are_listed_by_creation_in_pages,
    a_full_last_page_has_no_next,
    filters_narrow_together,
    a_task_is_found_by_the_beginning_of_its_id,
    a_run_of_another_session_is_not_seen,
);

mod in_every_state {
    use super::a_filter_by_state_finds_exactly_that_state;
    for_every_store_and_state!(a_filter_by_state_finds_exactly_that_state);
}
