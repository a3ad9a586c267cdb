//! Tables that are removed, or replaced by others, while a store is open: every verb says so from the next renewal of a lease on.
//! Does not cut connections: `loss` does.

use taskwright_registry::{HostId, HostRef, LeaseLength};
use taskwright_store::{ErrorClass, PostgresStore, Store, StoreError};

use crate::place::{database, new_task, open, server, talk};

fn gone<T: std::fmt::Debug>(outcome: Result<T, StoreError>, why: &str) {
    let Err(error @ StoreError::Gone { .. }) = outcome else { panic!("{outcome:?}") };
    assert!(error.to_string().contains(why) && error.class() == ErrorClass::Permanent, "{error}");
}

async fn with_a_lease(address: &str) -> (PostgresStore, HostRef) {
    let store = open(address).await.expect("a store");
    let host = HostRef { id: HostId::new(store.now(), [1; 10]), epoch: 1 };
    store.open_lease(&host, LeaseLength::default()).await.expect("a lease");
    store.renew_lease(&host).await.expect("the same database");
    (store, host)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_whose_tables_were_removed_says_so() {
    let Some(server) = server() else { return };
    let address = database(server).await;
    let (store, host) = with_a_lease(&address).await;
    talk(&address).await.batch_execute("DROP SCHEMA taskwright CASCADE").await.expect("removed");
    gone(store.renew_lease(&host).await, "were removed");
    gone(store.create(new_task(&store)).await, "were removed");
    gone(store.hosts().await, "were removed");
    // Somebody makes it anew: it is another store.
    let other = open(&address).await.expect("a store");
    gone(store.create(new_task(&store)).await, "were removed");
    assert!(other.hosts().await.expect("its hosts").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_whose_tables_were_replaced_says_so() {
    let Some(server) = server() else { return };
    let address = database(server).await;
    let (store, host) = with_a_lease(&address).await;
    talk(&address).await.batch_execute("DROP SCHEMA taskwright CASCADE").await.expect("removed");
    let other = open(&address).await.expect("a store");
    gone(store.renew_lease(&host).await, "were put in the place");
    gone(store.create(new_task(&store)).await, "were put in the place");
    assert!(other.hosts().await.expect("its hosts").is_empty(), "nothing was written there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_whose_database_was_dropped_says_so() {
    let Some(server) = server() else { return };
    let address = database(server).await;
    let (store, host) = with_a_lease(&address).await;
    let (_, name) = address.rsplit_once('/').unwrap();
    talk(server).await.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.expect("dropped");
    // Connections that the server has ended are noticed with their next use.
    let said = loop {
        match store.renew_lease(&host).await {
            Err(error) if error.may_pass() => {}
            said => break said,
        }
    };
    gone(said, "does not exist");
    gone(store.create(new_task(&store)).await, "does not exist");
}
