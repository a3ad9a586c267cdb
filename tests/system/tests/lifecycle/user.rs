//! What a session's user does when a call fails or its reply is lost: the same again. Each call of a user's day fails once.
//! Does not run anything: hosts have an explorer of their own.

use std::sync::Arc;

use serde_json::json;
use taskwright_runner::registry::{
    Direction, HostId, HostRef, LeaseLength, MessageId, NewInputRequest, NewMessage, NewTask, Part, SessionId, State,
    TaskId, TaskUpdate, WakePolicy,
};
use taskwright_runner::store::{ClaimRequest, MemoryStore, SqliteOptions, SqliteStore, Store, StoreError};
use taskwright_system_tests::{Fault, FaultPlan, FaultStore, as_user, check_session};

/// Calls until the store says yes or no.
async fn again<T, F: Future<Output = Result<T, StoreError>>>(mut call: impl FnMut() -> F) -> T {
    loop {
        match call().await {
            Err(StoreError::Unavailable { .. } | StoreError::Unknown { .. }) => {}
            other => return other.expect("accepted"),
        }
    }
}

/// A day: two tasks, one that asks and is answered, one that is canceled; a word to the first; wakes acknowledged.
async fn a_day(store: &dyn Store, seen: &dyn Store) -> Vec<String> {
    let session: SessionId = "here".parse().unwrap();
    let now = store.now();
    let task = |bits: u8| NewTask {
        wake_policy: WakePolicy::OnTerminal,
        idempotency_key: Some(format!("key {bits}")),
        ..NewTask::new(TaskId::new(now, [bits; 10]), session.clone(), "kind", json!({}))
    };
    let word = |bits: u8, in_reply_to: Option<String>| NewMessage {
        id: MessageId::new(now, [bits; 10]),
        fence: None,
        direction: Direction::Inbound,
        parts: vec![Part::Text("this".to_owned())],
        in_reply_to,
    };
    let first = again(|| seen.create(task(1))).await.task;
    let second = again(|| seen.create(task(2))).await.task;
    // The host's part, which is not what fails here.
    let asked = as_user(async {
        let host = HostRef { id: HostId::new(now, [9; 10]), epoch: 1 };
        store.open_lease(&host, LeaseLength::default()).await.unwrap();
        let request = ClaimRequest::only(host, vec!["kind".into()], first.id.clone());
        let claimed = store.claim(&request).await.unwrap().pop().unwrap().task;
        let question = NewInputRequest { prompt: "Which?".to_owned(), expected: None, random: [5; 10] };
        let ask = TaskUpdate { fence: Some(claimed.fence()), input_request: Some(question), ..TaskUpdate::default() };
        store.update(&session, &first.id, ask).await.unwrap()
    })
    .await;
    let question = asked.input_request.unwrap().id.to_string();
    again(|| seen.record_message(&session, &first.id, word(3, None))).await;
    again(|| seen.record_message(&session, &first.id, word(4, Some(question.clone())))).await;
    again(|| seen.request_cancel(&session, &second.id, Some("enough".to_owned()))).await;
    as_user(async {
        let running = store.get(&session, &first.id).await.unwrap();
        let end = TaskUpdate { fence: Some(running.fence()), state: Some(State::Succeeded), ..TaskUpdate::default() };
        store.update(&session, &first.id, end).await.unwrap();
    })
    .await;
    let wakes = again(|| seen.wakes(&session, 10)).await;
    let ids: Vec<u64> = wakes.iter().map(|wake| wake.id).collect();
    again(|| seen.acknowledge_wakes(&session, &ids)).await;
    as_user(async {
        assert_eq!(check_session(store, &session).await, Vec::<String>::new());
        assert_eq!(store.wakes(&session, 10).await.unwrap(), []);
        assert_eq!(wakes.len(), 2);
        let log = store.events(&session, 0, 100).await.unwrap().events;
        let which = |id: &TaskId| if *id == first.id { "first" } else { "second" };
        log.iter().map(|event| format!("{} {}", which(&event.task_id), event.body.type_name())).collect()
    })
    .await
}

async fn explore(open: impl Fn() -> (Arc<dyn Store>, Option<tempfile::TempDir>)) {
    let (store, _folder) = open();
    let undisturbed = a_day(store.as_ref(), store.as_ref()).await;
    let mut runs = 0;
    for fault in [Fault::Before, Fault::After] {
        for nth in 1.. {
            let ((store, _folder), plan) = (open(), FaultPlan::new(nth, fault));
            let seen = FaultStore::new(store.clone(), plan.clone());
            assert_eq!(a_day(store.as_ref(), &seen).await, undisturbed, "call {nth}, {fault:?}: {:?}", plan.hit());
            runs += 1;
            if plan.hit().is_none() {
                break;
            }
        }
    }
    assert!(runs > 14, "every call was met: {runs}");
}

// L3, L17, L19, L21, L29, L32
#[tokio::test]
async fn whatever_a_user_repeats_in_memory_happens_once() {
    explore(|| (Arc::new(MemoryStore::new()), None)).await;
}

// L3, L17, L19, L21, L29, L32
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_user_repeats_in_sqlite_happens_once() {
    explore(|| {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("registry.db"), SqliteOptions::default()).unwrap();
        (Arc::new(store), Some(folder))
    })
    .await;
}
