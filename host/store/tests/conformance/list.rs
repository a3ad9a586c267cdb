//! Listing tasks.
//! Does not test how words of a filter are read: whoever reads them refuses unknown ones (L24).

use taskwright_registry::{Lineage, NewTask, State, Task, TaskId, Visibility};
use taskwright_store::{Order, TaskFilter, TaskQuery};

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
    let parent = Lineage { task_id: Some("task_p".to_owned()), ..Lineage::default() };
    let child = NewTask { parent, name: Some("kid".to_owned()), ..world.new_task() };
    let child = world.store.create(child).await.unwrap().task;
    let other = NewTask { kind: "other".to_owned(), ..world.new_task() };
    let other = world.store.create(other).await.unwrap().task;
    let hidden = NewTask { visibility: Visibility::Hidden, ..world.new_task() };
    let hidden = world.store.create(hidden).await.unwrap().task;
    let kinds = |kind: &str| vec![kind.to_owned()];
    let cases = [
        (TaskFilter::default(), vec![&child, &other]),
        (TaskFilter { include_hidden: true, ..TaskFilter::default() }, vec![&child, &other, &hidden]),
        (TaskFilter { kinds: kinds("other"), ..TaskFilter::default() }, vec![&other]),
        (TaskFilter { kinds: kinds("unknown"), ..TaskFilter::default() }, vec![]),
        (TaskFilter { name: Some("kid".to_owned()), ..TaskFilter::default() }, vec![&child]),
        (TaskFilter { parent_task_id: Some("task_p".to_owned()), ..TaskFilter::default() }, vec![&child]),
        (TaskFilter { kinds: kinds("other"), name: Some("kid".to_owned()), ..TaskFilter::default() }, vec![]),
        (
            TaskFilter {
                kinds: kinds("probe"),
                states: vec![State::Queued],
                name: Some("kid".to_owned()),
                parent_task_id: Some("task_p".to_owned()),
                include_hidden: true,
            },
            vec![&child],
        ),
    ];
    for (case, expected) in cases {
        let expected: Vec<TaskId> = expected.into_iter().map(|task| task.id.clone()).collect();
        assert_eq!(ids(&world, filter(case.clone())).await, expected, "{case:?}");
    }
}

for_every_store!(tasks_are_listed_by_creation_in_pages, a_full_last_page_has_no_next, filters_narrow_together);

mod in_every_state {
    use super::a_filter_by_state_finds_exactly_that_state;
    for_every_store_and_state!(a_filter_by_state_finds_exactly_that_state);
}
