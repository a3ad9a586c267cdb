//! Connections that are lost at each message of each important verb: nothing is written, or nobody knows, and a repetition does it
//! once.
//! Does not restart the server: `refused` does.

use serde_json::json;
use taskwright_registry::{
    Direction, EventBody, HostId, HostRef, LeaseLength, NewMessage, NewTask, Part, SessionId, State, Task, TaskId,
    TaskUpdate, WakePolicy,
};
use taskwright_store::{
    ClaimRequest, MessagePage, PostgresOptions, PostgresStore, Sessions, Store, StoreError, TaskQuery,
};

use crate::place::{database, new_task, open, server};
use crate::wire::{Side, Wire};

/// What is done while the connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Claim,
    Report,
    Finish,
    Message,
    Cancel,
    Transfer,
    Acknowledge,
}

const VERBS: [Verb; 8] = [
    Verb::Create,
    Verb::Claim,
    Verb::Report,
    Verb::Finish,
    Verb::Message,
    Verb::Cancel,
    Verb::Transfer,
    Verb::Acknowledge,
];

/// What a verb is done to, in sessions of its own.
struct Stage {
    verb: Verb,
    host: HostRef,
    from: SessionId,
    to: SessionId,
    new: NewTask,
    message: NewMessage,
    task: Task,
    wakes: Vec<u64>,
}

/// Everything that a stage's sessions show.
#[derive(Debug, PartialEq)]
struct Seen {
    records: Vec<Task>,
    /// How much there is: tasks, held tasks, events, messages, wakes.
    counts: [usize; 5],
}

impl Stage {
    async fn set(direct: &PostgresStore, host: &HostRef, verb: Verb, number: usize) -> Self {
        let session = |name: &str| -> SessionId { format!("{name}-{verb:?}-{number}").parse().expect("a session id") };
        let (from, to) = (session("from"), session("to"));
        let new = |wake_policy| NewTask { session_id: from.clone(), wake_policy, ..new_task(direct) };
        let mut task = direct.create(new(WakePolicy::OnActivity)).await.expect("a task").task;
        if verb != Verb::Claim {
            task = direct.claim(&claim(host, &task.id)).await.expect("a claim").pop().expect("it is due").task;
        }
        if verb == Verb::Acknowledge {
            task = direct.update(&from, &task.id, finish(&task)).await.expect("an end");
        }
        let wakes = direct.wakes(&from, 10).await.expect("wakes").iter().map(|wake| wake.id).collect();
        let message = NewMessage {
            id: taskwright_registry::MessageId::new(
                direct.now(),
                new_task(direct).id.as_str().as_bytes()[27..37].try_into().expect("ten"),
            ),
            fence: Some(task.fence()),
            direction: Direction::Outbound,
            parts: vec![Part::Text("hello".to_owned())],
            in_reply_to: None,
        };
        Self { verb, host: host.clone(), new: new(WakePolicy::Silent), from, to, message, task, wakes }
    }

    async fn act(&self, store: &PostgresStore) -> Result<(), StoreError> {
        let (from, id) = (&self.from, &self.task.id);
        match self.verb {
            Verb::Create => store.create(self.new.clone()).await.map(drop),
            Verb::Claim => store.claim(&claim(&self.host, id)).await.map(drop),
            Verb::Report => {
                let state_detail = Some(Some("at work".to_owned()));
                let links = taskwright_registry::Links { resource_ids: vec!["r".to_owned()], ..Default::default() };
                let fence = Some(self.task.fence());
                let checkpoint = Some(b"here".to_vec());
                let update = TaskUpdate { fence, state_detail, links, checkpoint, ..TaskUpdate::default() };
                store.update(from, id, update).await.map(drop)
            }
            Verb::Finish => store.update(from, id, finish(&self.task)).await.map(drop),
            Verb::Message => store.record_message(from, id, self.message.clone()).await.map(drop),
            Verb::Cancel => store.request_cancel(from, id, Some("enough".to_owned())).await.map(drop),
            Verb::Transfer => store.transfer(from, std::slice::from_ref(id), &self.to).await.map(drop),
            Verb::Acknowledge => store.acknowledge_wakes(from, &self.wakes).await.map(drop),
        }
    }

    async fn seen(&self, direct: &PostgresStore) -> Seen {
        let mut seen = Seen { records: Vec::new(), counts: [0; 5] };
        for session in [&self.from, &self.to] {
            let tasks = direct.list(session, &TaskQuery::default()).await.expect("a list").tasks;
            for task in &tasks {
                let page = MessagePage::default();
                seen.counts[3] += direct.messages(session, &task.id, &page).await.expect("messages").len();
                seen.counts[1] += usize::from(task.dispatch.host.is_some());
            }
            seen.counts[0] += tasks.len();
            let log = direct.events(session, 0, 100).await.expect("a log").events;
            assert!(log.iter().zip(1..).all(|(event, seq)| event.seq == seq), "a gap: {log:?}");
            // A result that is written again says so: nobody compares it.
            let again = |body: &EventBody| matches!(body, EventBody::Updated { changes, .. } if *changes == ["result"]);
            seen.counts[2] += log.iter().filter(|event| !again(&event.body)).count();
            seen.counts[4] += direct.wakes(session, 100).await.expect("wakes").len();
            seen.records.extend(tasks);
        }
        seen
    }
}

fn claim(host: &HostRef, task: &TaskId) -> ClaimRequest {
    let kinds = vec!["probe".into()];
    ClaimRequest::only(host.clone(), kinds, task.clone())
}

fn finish(task: &Task) -> TaskUpdate {
    let result = Some(json!({"sum": 3}));
    TaskUpdate { fence: Some(task.fence()), state: Some(State::Succeeded), result, ..TaskUpdate::default() }
}

/// Repeats a verb until the store knows what has become of it: a fence or an end that refuses it says that it was done.
async fn repeat(stage: &Stage, store: &PostgresStore) {
    for _ in 0..10 {
        match stage.act(store).await {
            // The pool may hold connections that were cut with the other.
            Err(StoreError::Unavailable { .. } | StoreError::Unknown { .. }) => {}
            _ => return,
        }
    }
    panic!("{:?}: the store does not come back", stage.verb);
}

// L25, L29
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_lost_at_any_message_of_any_verb_loses_and_doubles_nothing() {
    let Some(server) = server() else { return };
    let address = database(server).await;
    let direct = open(&address).await.expect("a store");
    let wire = Wire::to(&address).await;
    // One that writes, so that what is counted is the verb's.
    let options = PostgresOptions { connections: 1, ..PostgresOptions::default() };
    let cut = PostgresStore::open(&wire.address, options).await.expect("a store");
    let host = HostRef { id: HostId::new(direct.now(), [1; 10]), epoch: 1 };
    let length = LeaseLength::new(std::time::Duration::from_mins(10)).expect("a length");
    direct.open_lease(&host, length).await.expect("a lease");
    for verb in VERBS {
        let mut number = 0;
        // What there is when nothing was lost.
        let stage = Stage::set(&direct, &host, verb, number).await;
        let before = stage.seen(&direct).await;
        stage.act(&direct).await.expect("nothing is lost");
        let whole = stage.seen(&direct).await;
        assert_ne!(before, whole, "{verb:?} does something");
        let (mut outcomes, mut cuts) = ([0; 3], 0);
        for side in [Side::Before, Side::After] {
            for behind in 0.. {
                number += 1;
                let stage = Stage::set(&direct, &host, verb, number).await;
                let before = stage.seen(&direct).await;
                // There is a connection that works.
                repeat_read(&stage, &cut).await;
                wire.cut(behind, side);
                let outcome = stage.act(&cut).await;
                let lost = wire.mend();
                cuts += usize::from(lost);
                let after = stage.seen(&direct).await;
                let place = format!("{verb:?}, cut {side:?} message {behind}");
                match &outcome {
                    Ok(()) => {
                        outcomes[0] += 1;
                        assert_eq!(after.counts, whole.counts, "{place}: what is said to be done is done");
                    }
                    Err(StoreError::Unavailable { .. }) => {
                        outcomes[1] += 1;
                        assert_eq!(after, before, "{place}: nothing has happened");
                    }
                    Err(StoreError::Unknown { .. }) => outcomes[2] += 1,
                    Err(error) => panic!("{place}: {error}"),
                }
                repeat(&stage, &cut).await;
                let after = stage.seen(&direct).await;
                assert_eq!(after.counts, whole.counts, "{place}: {outcome:?}, and then repeated");
                if !lost {
                    assert!(outcome.is_ok(), "{place}: {outcome:?}");
                    break;
                }
            }
        }
        eprintln!("{verb:?}: {} done, {} not, {} unknown", outcomes[0], outcomes[1], outcomes[2]);
        // One before the commit is made good on another connection, or told; one of the commit itself can only be told.
        assert!(
            cuts > 4 && outcomes[2] > 0,
            "{verb:?}: {cuts}, {outcomes:?}: a cut that nobody notices proves nothing"
        );
    }
}

/// Reads until a read succeeds.
async fn repeat_read(stage: &Stage, store: &PostgresStore) {
    for _ in 0..10 {
        if store.get(&stage.from, &stage.task.id).await.is_ok() {
            return;
        }
    }
    panic!("{:?}: the store does not come back", stage.verb);
}

// L35: a process that was stopped in the middle of a transaction kept everybody else out of its session for as long as it stood.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stands_still_in_the_middle_of_a_transaction_is_not_waited_for() {
    let Some(server) = server() else { return };
    let address = database(server).await;
    let direct = open(&address).await.expect("a store");
    let wire = Wire::to(&address).await;
    let host = HostRef { id: HostId::new(direct.now(), [1; 10]), epoch: 1 };
    let length = LeaseLength::new(std::time::Duration::from_mins(10)).expect("a length");
    direct.open_lease(&host, length).await.expect("a lease");
    for behind in 1.. {
        let still = open(&wire.address).await.expect("a store");
        let stage = Stage::set(&direct, &host, Verb::Message, behind).await;
        wire.cut(i64::try_from(behind).expect("small"), Side::Still);
        let begun = std::time::Instant::now();
        // The write is made good on another connection, which waits for the locks of the one that stands still.
        let outcome = tokio::time::timeout(std::time::Duration::from_secs(20), stage.act(&still)).await;
        assert!(wire.mend() && outcome.is_ok(), "{outcome:?}: it never stood in anybody's way, or for too long");
        let other = stage.act(&direct);
        let other =
            tokio::time::timeout(std::time::Duration::from_secs(20), other).await.expect("it is not waited for");
        other.expect("a message");
        // Before it has locked anything nobody waits for it.
        if begun.elapsed() > std::time::Duration::from_secs(2) {
            break;
        }
    }
}
