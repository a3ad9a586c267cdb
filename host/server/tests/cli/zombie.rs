//! A process that stands still beyond its lease and then goes on as if nothing had happened.
//! Does not kill it: `kills` does.

use std::time::Duration;

use serde_json::{Value, json};
use taskwright_registry::{HostId, HostRef, LeaseLength, Part, State, Task};
use taskwright_store::{SqliteOptions, SqliteStore, Store};

use crate::place::{Place, Running, signal};
use crate::user::User;

/// What anybody can see of a task.
async fn all_of(user: &User, task: &Task) -> impl PartialEq + std::fmt::Debug + use<> {
    let (session, id) = (&task.session_id, &task.id);
    let mut output = user.session.output(id).await.expect("output");
    (
        user.session.get(id).await.expect("the task"),
        user.memory(task).await,
        user.session.result(id).await.expect("a result"),
        user.session.messages(id, &Default::default()).await.expect("messages"),
        output.read().await.expect("output") + &output.read().await.expect("output"),
        user.store.wakes(session, 100).await.expect("wakes"),
    )
}

fn serve(place: &Place) -> Running {
    let mut serving = place.start(&["serve", "--lease", "1s"]);
    serving.until_out("serving");
    serving
}

/// The process that holds a task.
async fn holder(user: &User, task: &Task) -> HostId {
    let task = user.when(&task.id, |task| task.dispatch.host.is_some() && task.checkpoint.is_some()).await;
    task.dispatch.host.expect("a holder").id
}

/// Stops a process at a moment at which it does not hold the file's write lock: a lock of SQLite's is the operating system's,
/// which takes it from the dead and not from those who stand still.
#[cfg(unix)]
async fn freeze(place: &Place, process: &Running) {
    let options = SqliteOptions { busy_timeout: Duration::from_millis(100), ..SqliteOptions::default() };
    let probe = SqliteStore::open(place.path().join(".taskwright/registry.db"), options).expect("a store");
    let nobody = HostRef { id: HostId::new(probe.now(), [7; 10]), epoch: 1 };
    for _ in 0..100 {
        signal(process, "STOP");
        if probe.open_lease(&nobody, LeaseLength::default()).await.is_ok() {
            return probe.close_lease(&nobody).await.expect("the lock is free");
        }
        signal(process, "CONT");
    }
    panic!("it always holds the lock");
}

// L5, L36, L37
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_stood_still_beyond_its_lease_changes_nothing_any_more() {
    let place = Place::new();
    std::fs::create_dir_all(place.path().join(".taskwright")).unwrap();
    let user = User::of(&place).await;
    let zombie = serve(&place);
    // One waits; others are always just about to write something.
    let waiting = user.walk(json!([{"say": "here"}, {"stay": true}])).await;
    let writes = |n: usize| json!([{"say": format!("line {n}")}, {"state": format!("{n}")}, {"post": format!("{n}")}, {"link": [format!("{n}")]}]);
    let steps: Vec<Value> = (0..120).flat_map(|n| writes(n).as_array().unwrap().clone()).collect();
    let mut tasks = vec![waiting.clone()];
    for _ in 0..4 {
        tasks.push(user.walk(json!(steps)).await);
    }
    let first = holder(&user, &waiting).await;
    for task in &tasks {
        holder(&user, task).await;
    }
    freeze(&place, &zombie).await;
    let heir = serve(&place);
    for task in &tasks {
        // Not what was over before: a fast machine may have got there.
        user.when(&task.id, |task| task.crashes == 1 || task.state.is_terminal()).await;
    }
    assert_eq!(user.session.get(&waiting.id).await.unwrap().crashes, 1);
    user.session.send(&waiting.id, vec![Part::Text("finish".to_owned())], None).await.expect("accepted");
    let mut before = Vec::new();
    for task in &tasks {
        let over = user.session.outcome(&task.id).await.expect("an outcome");
        assert_eq!(over.state, State::Succeeded, "{:?}", over.error);
        before.push(all_of(&user, task).await);
    }
    let log = user.store.events(user.session.id(), 0, 1).await.unwrap().last;
    signal(&zombie, "CONT");
    let noticed = async {
        // It begins a new epoch when its instances are gone and the loss of the old one is accepted.
        loop {
            let hosts = user.store.hosts().await.expect("hosts");
            if hosts.iter().any(|status| status.host.id == first && status.host.epoch == 2 && status.alive) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), noticed).await.expect("it notices");
    for (task, before) in tasks.iter().zip(before) {
        assert_eq!(all_of(&user, task).await, before);
    }
    assert_eq!(user.store.events(user.session.id(), 0, 1).await.unwrap().last, log, "nothing was said");
    assert_eq!((zombie.terminate().status, heir.terminate().status), (0, 0));
    let left = user.store.hosts().await.unwrap();
    assert!(left.is_empty(), "both gave up their leases: {left:?}");
}
