//! A registry that moves from a file to a PostgreSQL: whole, or not at all, wherever it is broken off.
//! Does not repeat what a store promises: what can be seen of both is compared.

mod registry;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use registry::{Registry, seen};
use taskwright_registry::{LeaseLength, NewTask, State};
use taskwright_store::{
    ClaimRequest, MigrateError, MigrateOptions, Migrated, PostgresOptions, PostgresStore, Reaped, Sessions,
    SqliteOptions, SqliteStore, Step, Store, StoreError, migrate,
};

/// A server and a schema of the case's own; nothing where there is no server.
fn target() -> Option<(&'static str, MigrateOptions)> {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    match taskwright_test_postgres::address() {
        Ok(address) => {
            let schema = format!("moved_{}_{}", std::process::id(), SCHEMAS.fetch_add(1, Ordering::SeqCst));
            Some((address, MigrateOptions { schema, batch_rows: 3, ..MigrateOptions::default() }))
        }
        Err(why) => {
            taskwright_test_postgres::skipped(why);
            None
        }
    }
}

async fn open(address: &str, options: &MigrateOptions) -> Result<PostgresStore, StoreError> {
    let options = PostgresOptions { connections: 4, schema: options.schema.clone(), ..PostgresOptions::default() };
    PostgresStore::open(address, options).await
}

fn file(path: &Path) -> SqliteStore {
    SqliteStore::open(path, SqliteOptions::default()).unwrap()
}

fn go_on(_: &Step) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_could_be_seen_is_there_after_it_was_broken_off_at_every_step() {
    let Some((address, options)) = target() else { return };
    let registry = Registry::filled().await;
    let (mut runs, mut copied) = (0, 0);
    let sums = loop {
        let step = |step: &Step| {
            assert!(step.copied >= copied, "nothing is copied twice");
            copied = step.copied;
            ControlFlow::Break(())
        };
        // The first comparison of a run comes after everything was copied: from there on it is let through.
        let outcome = match runs {
            0..40 => migrate(&registry.path, address, &options, step).await,
            _ => migrate(&registry.path, address, &options, go_on).await,
        };
        match outcome.unwrap() {
            Migrated::Complete(sums) => break sums,
            Migrated::BrokenOff => {
                let refused = open(address, &options).await.map(drop).unwrap_err().to_string();
                assert!(refused.contains("is not complete; run `taskwright migrate` again"), "{refused}");
            }
        }
        runs += 1;
    };
    assert!(runs > 20, "{runs} runs");
    assert_eq!(sums.iter().map(|sum| sum.rows).sum::<u64>(), copied);
    assert!(sums.iter().all(|sum| sum.rows > 0 && sum.checksum.len() == 64), "{sums:?}");
    let (before, after) = (file(&registry.path), open(address, &options).await.unwrap());
    assert_eq!(seen(&before).await, seen(&after).await);
    let hosts = after.hosts().await.unwrap();
    assert!(!hosts.is_empty() && hosts.iter().all(|host| !host.alive), "{hosts:?}");
}

// L36
#[tokio::test(flavor = "multi_thread")]
async fn a_host_goes_on_where_the_old_ones_have_stopped() {
    let Some((address, options)) = target() else { return };
    let registry = Registry::filled().await;
    migrate(&registry.path, address, &options, go_on).await.unwrap();
    let store = open(address, &options).await.unwrap();
    // What a dead host had is taken over, and its instance has no say any more.
    let left = store.lapsed(0, 100).await.unwrap().tasks;
    let running = (registry.session.clone(), registry.running.id.clone());
    assert!(left.contains(&running), "{left:?}");
    let Reaped::Reattached(task) = store.reap(&running.0, &running.1, 20).await.unwrap() else {
        panic!("not taken over")
    };
    assert_eq!(task.attempt, registry.running.attempt + 1);
    let late = registry::detail(&registry.running);
    assert!(matches!(store.update(&running.0, &running.1, late).await, Err(StoreError::Rejected(_))));

    let host = registry.host(9);
    store.open_lease(&host, LeaseLength::default()).await.unwrap();
    let request = ClaimRequest::only(host, vec!["probe".into()], running.1.clone());
    let claimed = store.claim(&request).await.unwrap().pop().expect("it is due");
    assert_eq!(claimed.checkpoint.as_deref(), Some(&b"so far"[..]));
    assert_eq!(claimed.unread.len(), 1, "a message that was taken and not kept is given again");
    let over = registry::to(&claimed.task, State::Succeeded);
    assert_eq!(store.update(&running.0, &running.1, over).await.unwrap().state, State::Succeeded);

    // Numbers go on behind the old ones.
    let log = store.events(&registry.session, 0, 1_000).await.unwrap();
    let old = file(&registry.path).events(&registry.session, 0, 1_000).await.unwrap();
    assert_eq!(log.events[..old.events.len()], old.events[..]);
    assert!(log.events.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
    let new = NewTask::new(registry.forgotten.clone(), registry.session.clone(), "probe", serde_json::Value::Null);
    let again = store.create(new).await.unwrap().task;
    assert!(again.dispatch.birth > 0, "what was forgotten is not what has its id now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_host_works_off_is_not_moved() {
    let Some((address, options)) = target() else { return };
    let registry = Registry::filled().await;
    let store = file(&registry.path);
    store.open_lease(&registry.host(7), LeaseLength::default()).await.unwrap();
    let refused = migrate(&registry.path, address, &options, go_on).await.unwrap_err();
    assert!(
        matches!(&refused, MigrateError::SourceInUse { host, .. } if *host == registry.host(7).id.as_str()),
        "{refused}"
    );
    store.close_lease(&registry.host(7)).await.unwrap();
    migrate(&registry.path, address, &options, go_on).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_holds_anything_else_is_refused() {
    let Some((address, options)) = target() else { return };
    let registry = Registry::filled().await;
    let there = open(address, &options).await.unwrap();
    there.open_session(&"here-before".parse().unwrap(), None).await.unwrap();
    let refused = migrate(&registry.path, address, &options, go_on).await.unwrap_err();
    assert!(matches!(refused, MigrateError::TargetNotEmpty), "{refused}");
    assert!(there.session(&"here-before".parse().unwrap()).await.is_ok());
    let restarted = MigrateOptions { restart: true, ..options };
    let refused = migrate(&registry.path, address, &restarted, go_on).await.unwrap_err();
    assert!(matches!(refused, MigrateError::TargetNotEmpty), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_written_to_in_between_begins_anew_when_it_is_told_to() {
    let Some((address, options)) = target() else { return };
    let registry = Registry::filled().await;
    let stop = |_: &Step| ControlFlow::Break(());
    assert_eq!(migrate(&registry.path, address, &options, stop).await.unwrap(), Migrated::BrokenOff);
    file(&registry.path).open_session(&"one-more".parse().unwrap(), None).await.unwrap();
    registry.write_more().await;
    let refused = migrate(&registry.path, address, &options, go_on).await.unwrap_err();
    assert!(matches!(refused, MigrateError::OtherSource { .. }), "{refused}");
    let restarted = MigrateOptions { restart: true, ..options.clone() };
    assert!(matches!(migrate(&registry.path, address, &restarted, go_on).await, Ok(Migrated::Complete(_))));
    assert_eq!(seen(&file(&registry.path)).await, seen(&open(address, &options).await.unwrap()).await);
    let again = migrate(&registry.path, address, &restarted, go_on).await.unwrap_err();
    assert!(matches!(again, MigrateError::AlreadyComplete { .. }), "what is complete is not thrown away: {again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_to_the_file_while_it_moves() {
    let Some((address, options)) = target() else { return };
    let registry = Registry::filled().await;
    let mut asked = 0;
    let impatient = SqliteOptions { busy_timeout: std::time::Duration::ZERO, ..SqliteOptions::default() };
    let path = registry.path.clone();
    let told = |_: &Step| {
        let taken = rusqlite::Connection::open(&path).and_then(|other| {
            other.busy_timeout(impatient.busy_timeout)?;
            other.execute("UPDATE forgotten SET count = count + 1", [])
        });
        assert!(taken.is_err());
        asked += 1;
        ControlFlow::Continue(())
    };
    migrate(&registry.path, address, &options, told).await.unwrap();
    assert!(asked > 20);
}

#[tokio::test]
async fn where_there_is_no_file_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let refused = migrate(&path, "postgres://nobody@127.0.0.1:1/none", &MigrateOptions::default(), go_on).await;
    assert!(matches!(refused, Err(MigrateError::NoSource { .. })));
    assert!(!path.exists());
}
