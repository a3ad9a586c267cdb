//! Content: artifacts and links that are added to a task.
//! Does not test many writers at once: `concurrency` does.

use taskwright_registry::{Links, TaskUpdate};

use crate::world::{World, artifact};

// L15
async fn links_merge_without_duplicates_and_in_order(world: World) {
    let task = world.running().await;
    let links =
        |ids: &[&str]| Links { resource_ids: ids.iter().map(|&id| id.to_owned()).collect(), ..Links::default() };
    let first = Links { child_session_id: Some("child".to_owned()), ..links(&["b", "a", "b"]) };
    world.update(&task, TaskUpdate { links: first, ..TaskUpdate::default() }).await;
    let after = world.update(&task, TaskUpdate { links: links(&["a", "c"]), ..TaskUpdate::default() }).await;
    assert_eq!(after.links.resource_ids, ["b", "a", "c"]);
    assert_eq!(after.links.child_session_id.as_deref(), Some("child"), "what is not named stays");
    let version = after.version;
    let same = world.update(&task, TaskUpdate { links: links(&["c"]), ..TaskUpdate::default() }).await;
    assert_eq!(same.version, version);
}

// L15
async fn artifacts_append_and_keep_what_is_there(world: World) {
    let task = world.running().await;
    for name in ["a", "b", "a"] {
        let update = TaskUpdate { artifacts: vec![artifact(name)], ..TaskUpdate::default() };
        world.update(&task, update).await;
    }
    let names: Vec<String> = world.get(&task).await.artifacts.into_iter().map(|artifact| artifact.name).collect();
    assert_eq!(names, ["a", "b", "a"]);
}

for_every_store!(links_merge_without_duplicates_and_in_order, artifacts_append_and_keep_what_is_there);
