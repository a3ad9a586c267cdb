//! A server that takes no writes, has no room, no connection or no such user: what is said, and that it goes on afterwards.
//! Does not cut connections: `loss` does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use taskwright_registry::NewTask;
use taskwright_store::{ErrorClass, Store, StoreError, TaskQuery};
use taskwright_test_postgres::{Server, Stop, skipped};

use crate::place::{as_writer, database, new_task, open, server, session, talk, unavailable};

/// All tasks of the session.
async fn tasks(store: &impl Store) -> usize {
    let query = TaskQuery { limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() };
    store.list(&session(), &query).await.expect("a list").tasks.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_is_read_and_written_to_when_it_does_again() {
    let Some(server) = server() else { return };
    let address = database(server).await;
    let (_, name) = address.rsplit_once('/').unwrap();
    let store = open(&address).await.expect("a store");
    let task = store.create(new_task(&store)).await.expect("a task").task;
    let other = talk(server).await;
    other.batch_execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await.unwrap();
    // Connections keep what they began with.
    drop(store);
    let store = open(&address).await.expect("a store that is read");
    let refused = unavailable(store.create(new_task(&store)).await);
    assert!(refused.contains("25006") && refused.contains("point the store at the primary"), "{refused}");
    assert_eq!(store.get(&session(), &task.id).await.expect("the task"), task);
    assert_eq!(tasks(&store).await, 1);
    other.batch_execute(&format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await.unwrap();
    drop(store);
    let store = open(&address).await.expect("a store");
    store.create(new_task(&store)).await.expect("a task");
    assert_eq!(tasks(&store).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_only_write_rows_uses_tables_that_another_one_has_made() {
    let Some(server) = server() else { return };
    let address = database(server).await;
    drop(open(&address).await.expect("a store"));
    let owner = talk(&address).await;
    let role = format!("writer_{}", std::process::id());
    let writers = as_writer(&address, &role).await;
    let store = open(&writers).await.expect("a store");
    store.create(new_task(&store)).await.expect("a task");
    let nothing = format!("REVOKE ALL ON SCHEMA taskwright FROM {role}");
    owner.batch_execute(&nothing).await.unwrap();
    let refused = unavailable(open(&writers).await);
    assert!(refused.contains("grant the role"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_no_connection_left_is_named_and_used_when_it_has() {
    let Some(server) = server() else { return };
    let address = database(server).await;
    let role = format!("limited_{}", std::process::id());
    let owner = talk(&address).await;
    let (_, name) = address.rsplit_once('/').unwrap();
    let limited = format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT 2; GRANT CREATE ON DATABASE {name} TO {role}");
    owner.batch_execute(&limited).await.unwrap();
    let address = address.replace("taskwright@", &format!("{role}@"));
    // One listens, and one is all that it gets of two.
    let store = open(&address).await.expect("a store");
    let task = store.create(new_task(&store)).await.expect("a task").task;
    let refused = unavailable(open(&address).await);
    assert!(refused.contains("53300") && refused.contains("lower the number of connections"), "{refused}");
    assert_eq!(store.get(&session(), &task.id).await.expect("the task"), task);
    owner.batch_execute(&format!("ALTER ROLE {role} CONNECTION LIMIT 10")).await.unwrap();
    open(&address).await.expect("another store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_user_and_a_missing_database_are_said_with_what_to_do() {
    let Some(server) = server() else { return };
    let (before, _) = server.rsplit_once('/').unwrap();
    let missing = unavailable(open(&format!("{before}/not_there")).await);
    assert!(missing.contains("3D000") && missing.contains("create the database"), "{missing}");
    let stranger = unavailable(open(&server.replace("taskwright@", "stranger@")).await);
    assert!(stranger.contains("28000") && stranger.contains("the user and the password"), "{stranger}");

    let mut other = match Server::make() {
        Ok(other) => other,
        Err(why) => return skipped(&why),
    };
    other.begin().expect("a server");
    talk(&other.address()).await.batch_execute("ALTER ROLE taskwright PASSWORD 'right'").await.unwrap();
    other.stop(Stop::Fast);
    other.put("pg_hba.conf", "host all all 127.0.0.1/32 scram-sha-256\n").unwrap();
    other.begin().expect("a server");
    let with = |password: &str| other.address().replace("taskwright@", &format!("taskwright:{password}@"));
    open(&with("right")).await.expect("a store");
    let wrong = unavailable(open(&with("wrong")).await);
    assert!(wrong.contains("28P01") && wrong.contains("the user and the password"), "{wrong}");
    assert!(!wrong.contains("wrong"), "no password is repeated: {wrong}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_utf8_is_refused() {
    let Some(server) = server() else { return };
    let (before, _) = server.rsplit_once('/').unwrap();
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let name = format!("{}_{}", encoding.to_lowercase(), std::process::id());
        let make = format!("CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'");
        talk(server).await.batch_execute(&make).await.expect("a database");
        let address = format!("{before}/{name}");
        let refused = open(&address).await.expect_err("it cannot hold every text");
        assert_eq!(refused.class(), ErrorClass::Permanent);
        let told = refused.to_string();
        assert!(told.contains(encoding) && told.contains("ENCODING 'UTF8' TEMPLATE template0"), "{told}");
        let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'taskwright'";
        let made: i64 = talk(&address).await.query_one(made, &[]).await.unwrap().get(0);
        assert_eq!(made, 0, "nothing was made there");
    }
}

// L3: each shares a transaction with others, and none fails for its neighbour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_write_does_not_fail_its_neighbours() {
    let Some(server) = server() else { return };
    let address = database(server).await;
    let store = open(&address).await.expect("a store");
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                  $$ BEGIN RAISE EXCEPTION USING ERRCODE = TG_ARGV[0], MESSAGE = 'cannot be held'; END $$;
                  CREATE TRIGGER text BEFORE INSERT ON taskwright.specs FOR EACH ROW WHEN (NEW.spec LIKE '%22P05%')
                  EXECUTE FUNCTION refuse('22P05');
                  CREATE TRIGGER rule BEFORE INSERT ON taskwright.specs FOR EACH ROW WHEN (NEW.spec LIKE '%23514%')
                  EXECUTE FUNCTION refuse('23514');
                  CREATE TRIGGER row BEFORE INSERT ON taskwright.specs FOR EACH ROW WHEN (NEW.spec LIKE '%54000%')
                  EXECUTE FUNCTION refuse('54000')";
    talk(&address).await.batch_execute(refuse).await.expect("triggers");
    let bad = ["22P05", "23514", "54000"];
    let created = (0..32).map(|number| {
        let spec = serde_json::json!({"text": bad.get(number / 4).filter(|_| number % 4 == 0)});
        let session = format!("session-{number}").parse().unwrap();
        store.create(NewTask { spec, session_id: session, ..new_task(&store) })
    });
    for (number, outcome) in futures::future::join_all(created).await.into_iter().enumerate() {
        match (bad.get(number / 4).filter(|_| number % 4 == 0), outcome) {
            (None, outcome) => assert!(outcome.expect("a task").fresh),
            (Some(code), Err(error @ StoreError::Refused { .. })) => {
                assert!(error.to_string().contains(code) && error.class() == ErrorClass::Permanent, "{error}");
            }
            (Some(code), other) => panic!("{code}: {other:?}"),
        }
    }
}

/// A file system of its own that is full after some megabytes, gone with the value.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// None if this process may mount none.
    fn mount(number: u16) -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("taskwright-small-disk-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mounted = Self::run("mount", &["-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs"], &folder);
        // Only root may mount, and the server does not run as root.
        assert!(!mounted || Self::run("chown", &["postgres"], &folder), "a user `postgres`");
        if !mounted {
            let _ = std::fs::remove_dir(&folder);
        }
        mounted.then_some(Self(folder))
    }

    fn run(program: &str, args: &[&str], folder: &std::path::Path) -> bool {
        let done = std::process::Command::new(program).args(args).arg(folder).output();
        done.is_ok_and(|done| done.status.success())
    }

    fn make_room(&self) {
        assert!(Self::run("mount", &["-o", "remount,size=64m"], &self.0), "more room");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Self::run("umount", &[], &self.0);
        let _ = std::fs::remove_dir(&self.0);
    }
}

// L25: what did not fit has left nothing, and the same call does it when there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_disk_is_full_keeps_nothing_of_what_did_not_fit_and_goes_on_when_there_is_room() {
    let mut server = match Server::make() {
        Ok(server) => server,
        Err(why) => return skipped(&why),
    };
    server.begin().expect("a server");
    let owner = talk(&server.address()).await;
    let disk = SmallDisk::mount(server.port());
    let address = server.address().replace("/postgres", "/small");
    match &disk {
        Some(disk) => {
            let folder = disk.0.display();
            owner.batch_execute(&format!("CREATE TABLESPACE small LOCATION '{folder}'")).await.expect("a tablespace");
            owner.batch_execute("CREATE DATABASE small TABLESPACE small").await.expect("a database");
        }
        None => owner.batch_execute("CREATE DATABASE small").await.expect("a database"),
    }
    let store = open(&address).await.expect("a store");
    let inside = talk(&address).await;
    if disk.is_none() {
        // Where none may be mounted, the server says it when the log is written, which comes after most of the rest.
        let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE disk_full USING MESSAGE = 'No space left on device'; END $$;
                    CREATE TRIGGER full_disk BEFORE INSERT ON taskwright.events FOR EACH ROW WHEN (NEW.seq > 20)
                    EXECUTE FUNCTION full_disk()";
        inside.batch_execute(full).await.expect("a trigger");
    }
    let large = |new: NewTask| {
        // Nothing that could be compressed.
        let mut state = 1_u32;
        let text = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'0' + u8::try_from(state >> 26).expect("six bits"))
        });
        NewTask { spec: serde_json::json!({"text": text.take(100_000).collect::<String>()}), ..new }
    };
    let mut created = 0;
    let (refused, new) = loop {
        let new = large(new_task(&store));
        match store.create(new.clone()).await {
            Ok(_) => created += 1,
            refused => break (unavailable(refused), new),
        }
        assert!(created < 1_000, "it never fills up");
    };
    assert!(refused.contains("53100") && refused.contains("make room on the server's disk"), "{refused}");
    assert_eq!(tasks(&store).await, created);
    assert_eq!(store.events(&session(), 0, 1).await.expect("the log").last, created as u64);
    match &disk {
        Some(disk) => disk.make_room(),
        None => inside.batch_execute("DROP TRIGGER full_disk ON taskwright.events").await.expect("room"),
    }
    assert!(store.create(new).await.expect("a task").fresh, "nothing was there of it");
    assert_eq!(store.events(&session(), 0, 1).await.expect("the log").last, created as u64 + 1);
    drop((store, owner, inside));
    drop(server);
}

// L25
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_while_it_is_written_to_loses_and_doubles_nothing() {
    let mut server = match Server::make() {
        Ok(server) => server,
        Err(why) => return skipped(&why),
    };
    // What was promised has to be there after it was gone at once.
    server.set("synchronous_commit=on");
    server.begin().expect("a server");
    let store = open(&server.address()).await.expect("a store");
    let enough = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (store, enough) = (store.clone(), enough.clone());
        async move {
            let mut created = Vec::new();
            let mut troubles = 0;
            while !enough.load(Ordering::SeqCst) {
                let new = new_task(&store);
                loop {
                    match store.create(new.clone()).await {
                        Ok(made) => break created.push(made.task.id),
                        // It is repeated as it was: by then it has happened, or it happens now.
                        Err(StoreError::Unavailable { .. } | StoreError::Unknown { .. }) => {
                            troubles += 1;
                            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            (created, troubles)
        }
    });
    for how in [Stop::Immediate, Stop::Fast, Stop::Immediate] {
        for _ in 0..2 {
            let before = store.events(&session(), 0, 1).await.map_or(0, |page| page.last);
            while store.events(&session(), 0, 1).await.map_or(0, |page| page.last) < before + 20 {
                tokio::task::yield_now().await;
            }
            server.stop(how);
            server.begin().expect("a server");
        }
    }
    enough.store(true, Ordering::SeqCst);
    let (created, troubles) = writer.await.expect("the writer");
    assert!(troubles > 0, "a restart that nobody notices proves nothing");
    let mut log = Vec::new();
    loop {
        let page = store.events(&session(), log.len() as u64, 1_000).await.expect("the log");
        if page.events.is_empty() {
            break;
        }
        log.extend(page.events);
    }
    assert_eq!(log.len(), created.len(), "each task was created once");
    assert!(log.iter().zip(1..).all(|(event, seq)| event.seq == seq), "no gap");
    let mut logged: Vec<_> = log.into_iter().map(|event| event.task_id).collect();
    let mut created = created;
    logged.sort();
    created.sort();
    assert_eq!(logged, created);
}
