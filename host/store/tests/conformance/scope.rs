//! Sessions: what one cannot see or do of another.
//! Does not test creation under a foreign id: `create` does.

use taskwright_registry::{CancelEffect, State, TaskUpdate};
use taskwright_store::{MessagePage, StoreError, TaskQuery};

use crate::world::{World, stranger, to};

// L3, L23
async fn a_foreign_task_is_answered_exactly_like_an_unknown_one(world: World, state: State) {
    let task = world.in_state(state).await;
    let before = world.all_of(&task).await;
    let (store, stranger, unknown) = (&world.store, stranger(), world.task_id());
    let message = world.inbound("psst");
    for id in [&task.id, &unknown] {
        // One answer for both, apart from the id that was asked for.
        let missing = StoreError::NotFound { session: stranger.clone(), id: id.clone() };
        assert_eq!(store.get(&stranger, id).await, Err(missing.clone()));
        assert_eq!(store.update(&stranger, id, TaskUpdate::default()).await, Err(missing.clone()));
        assert_eq!(store.update(&stranger, id, to(&task, State::Failed)).await, Err(missing.clone()));
        let canceled: Result<(_, CancelEffect), _> = store.request_cancel(&stranger, id, None).await;
        assert_eq!(canceled, Err(missing.clone()));
        assert_eq!(store.record_message(&stranger, id, message.clone()).await, Err(missing.clone()));
        let taken = store.mark_delivered(&stranger, id, task.fence(), &message.id).await;
        assert_eq!(taken, Err(missing.clone()));
        assert_eq!(store.checkpoint(&stranger, id).await, Err(missing.clone()));
        assert_eq!(store.result(&stranger, id).await, Err(missing));
        assert_eq!(store.messages(&stranger, id, &MessagePage::default()).await.unwrap(), []);
        assert_eq!(store.unread(&stranger, id, 10).await.unwrap(), []);
        let after = TaskQuery { after: Some(id.clone()), ..TaskQuery::default() };
        assert_eq!(store.list(&stranger, &after).await.unwrap().tasks, []);
    }
    assert_eq!(store.list(&stranger, &TaskQuery::default()).await.unwrap().tasks, []);
    assert_eq!(world.all_of(&task).await, before);
}

mod in_every_state {
    use super::a_foreign_task_is_answered_exactly_like_an_unknown_one;
    for_every_store_and_state!(a_foreign_task_is_answered_exactly_like_an_unknown_one);
}
