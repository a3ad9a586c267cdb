//! Who waits and who ends a task at the same time, a hundred thousand times.
//! Does not measure how long it takes to be woken.

use std::sync::Arc;
use std::time::Duration;

use taskwright_runner::Until;
use taskwright_runner::registry::State;
use taskwright_runner::store::MemoryStore;
use taskwright_runner::store::store_through;

use crate::stage::Stage;

/// A store whose replies are late: between what was read and whoever reads it there is time for everybody else.
struct LateStore {
    inner: MemoryStore,
}

impl LateStore {
    async fn through<T>(&self, _verb: &'static str, call: impl Future<Output = T>) -> T {
        let reply = call.await;
        tokio::task::yield_now().await;
        reply
    }
}

store_through!(LateStore);

const ROUNDS: usize = 100_000;
/// Rounds that go on at one time, over one store.
const AT_ONCE: usize = 1_000;

/// Who waits has no timeout of its own: that would look at the record once more, and hide that nothing was heard.
async fn in_time<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("a wake-up was lost")
}

async fn after_turns(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_in_a_hundred_thousand_races() {
    for _ in 0..ROUNDS / AT_ONCE {
        let store = MemoryStore::new();
        let late = Arc::new(LateStore { inner: store.clone() });
        let stage = Arc::new(Stage::seeing(Arc::new(store), late, None));
        let ids = stage.tasks(AT_ONCE).await;
        let all = tokio::spawn({
            let (session, ids) = (stage.session.clone(), ids.clone());
            async move { in_time(session.wait_all(&ids, Until::Over, None)).await.expect("all tasks") }
        });
        let mut waits = Vec::with_capacity(AT_ONCE);
        for (round, id) in ids.iter().enumerate() {
            let wait = {
                let (session, ids) = (stage.session.clone(), [id.clone()]);
                async move {
                    after_turns(round % 3).await;
                    in_time(session.wait_any(&ids, Until::Over, None)).await.expect("the task")
                }
            };
            let end = {
                let (stage, id) = (stage.clone(), id.clone());
                async move {
                    after_turns(round % 5).await;
                    // Two changes, so that the second can come while the first is looked at.
                    stage.to(&id, State::Running).await;
                    stage.to(&id, State::Succeeded).await
                }
            };
            // Now the one begins first and now the other.
            if round % 2 == 0 {
                waits.push(tokio::spawn(wait));
                tokio::spawn(end);
            } else {
                tokio::spawn(end);
                waits.push(tokio::spawn(wait));
            }
        }
        for wait in waits {
            assert_eq!(wait.await.unwrap().first, Some(0));
        }
        assert_eq!(all.await.unwrap().tasks.len(), AT_ONCE);
    }
}
