//! The place in a trace that a task's creator was at.
//! Does not test what makes one valid: the core does.

use taskwright_registry::{ChildLimits, GrantedWithin, NewChild, NewTask, TraceParent};

use crate::world::World;

fn place(last: u8) -> Option<TraceParent> {
    let text = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902{last:02x}-01");
    Some(text.parse().expect("a traceparent"))
}

// L21
async fn a_task_keeps_its_creators_place_and_a_repetition_from_another_place_is_the_same_task(world: World) {
    assert_eq!(world.created().await.traceparent, None);
    let new = NewTask { traceparent: place(1), ..world.new_task() };
    let task = world.store.create(new.clone()).await.unwrap().task;
    assert_eq!((&task.traceparent, &world.get(&task).await.traceparent), (&place(1), &place(1)));
    for other in [place(2), None] {
        let again = world.store.create(NewTask { traceparent: other, ..new.clone() }).await.unwrap();
        assert_eq!((again.fresh, again.task.traceparent), (false, place(1)), "the first stands");
    }
}

// L41
async fn a_child_has_its_parents_place(world: World) {
    let new = NewTask { traceparent: place(1), ..world.new_task() };
    let parent = world.store.create(new).await.unwrap().task;
    let parent = world.claim(&parent).await.task;
    let child = NewChild {
        fence: parent.fence(),
        call: "first".to_owned(),
        limits: ChildLimits { max_depth: 3, max_live: 5, per_minute: 8 },
        within: GrantedWithin::Parent,
        task: NewTask { traceparent: place(2), ..world.new_task() },
    };
    let child = world.store.create_child(&world.session, &parent.id, child).await.unwrap().task;
    assert_eq!(child.traceparent, place(1));
}

for_every_store!(
    a_task_keeps_its_creators_place_and_a_repetition_from_another_place_is_the_same_task,
    a_child_has_its_parents_place,
);
