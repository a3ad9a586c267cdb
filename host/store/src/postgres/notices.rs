//! Tells other processes what was committed here, and hears what was committed there: one connection that listens.
//! Does not guarantee that anything is heard: whoever waits looks by itself from time to time, and a gap is told as `Elsewhere`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Weak;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::connection::Connector;
use super::listening::Listening;
use super::partitions;
use super::transaction::Shared;
use crate::Change;

/// The most that one notice can hold; PostgreSQL takes 8,000 bytes.
const LONGEST: usize = 7_000;
/// How long to wait before another connection is tried.
const AGAIN: Duration = Duration::from_millis(250);
/// How often to look whether something was committed of which nobody told, because its process died in between.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What a transaction has to tell, and who waits until it was.
pub(super) struct ToTell {
    pub(super) changes: Vec<Change>,
    pub(super) told: oneshot::Sender<()>,
}

/// A notice: who sends it, and what was committed.
#[derive(Serialize, Deserialize)]
struct Notice {
    from: String,
    changes: Vec<Change>,
}

/// What a store calls itself. It differs from all others, also of this process and of other machines.
pub(super) fn own_name() -> String {
    format!("{:x}-{:016x}", std::process::id(), RandomState::new().build_hasher().finish())
}

/// A notice that says nothing to anybody.
pub(super) fn of_nothing(from: &str) -> String {
    let notice = Notice { from: from.to_owned(), changes: Vec::new() };
    serde_json::to_string(&notice).unwrap_or_default()
}

/// Notices with all changes, each short enough. More than a few at one time are told as one word.
fn notices(from: &str, changes: Vec<Change>) -> Vec<String> {
    let mut notices = Vec::new();
    let mut notice = Notice { from: from.to_owned(), changes: Vec::new() };
    let mut bytes = 0;
    for change in changes {
        let more = serde_json::to_string(&change).map_or(0, |text| text.len() + 1);
        if bytes + more > LONGEST {
            notices.extend(serde_json::to_string(&notice).ok());
            (notice.changes, bytes) = (Vec::new(), 0);
        }
        notice.changes.push(change);
        bytes += more;
    }
    notices.extend(serde_json::to_string(&notice).ok());
    if notices.len() > 4 {
        let elsewhere = Notice { from: from.to_owned(), changes: vec![Change::Elsewhere] };
        return serde_json::to_string(&elsewhere).into_iter().collect();
    }
    notices
}

/// Tells other processes, for as long as the store is there: what is committed while a notice is on its way is told with the next
/// one. It is no part of the transaction: that would make all commits of the server queue up behind each other.
pub(super) async fn tell(
    shared: Weak<Shared>,
    mut queue: mpsc::UnboundedReceiver<ToTell>,
    channel: String,
    from: String,
) {
    while let Some(first) = queue.recv().await {
        let (mut changes, mut waiting) = (first.changes, vec![first.told]);
        while let Ok(next) = queue.try_recv() {
            for change in next.changes {
                if !changes.contains(&change) {
                    changes.push(change);
                }
            }
            waiting.push(next.told);
        }
        let Some(shared) = shared.upgrade() else { return };
        for notice in notices(&from, changes) {
            let told = async {
                let client = shared.pool.get().await.map_err(|error| error.to_string())?;
                let statement =
                    client.prepare_cached("SELECT pg_notify($1, $2)").await.map_err(|error| error.to_string())?;
                client.execute(&statement, &[&channel, &notice]).await.map_err(|error| error.to_string())
            };
            if let Err(error) = told.await {
                tracing::warn!(error, "other processes were not told of a commit; they will see when they look");
            }
        }
        for told in waiting {
            // Who has gone has nothing to wait for.
            let _ = told.send(());
        }
    }
}

/// Looks from time to time whether there is something new, for what nobody told of, and makes the log's next table in time.
pub(super) async fn look(shared: Weak<Shared>) {
    let mut seen: Option<i64> = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(shared) = shared.upgrade() else { return };
        if let Err(error) = shared.check_identity().await
            && !error.may_pass()
        {
            // Whoever waits for news would wait for ever. Nobody listening is fine.
            let _ = shared.changes.send(Change::Elsewhere);
            continue;
        }
        let newest = async {
            let client = shared.pool.get().await.ok()?;
            if let Err(error) = partitions::make_ahead(&client, &shared.options).await {
                tracing::debug!(%error, "no table was made for the next events; they go to the one for the rest");
            }
            let sql = "SELECT last_value FROM pg_sequences
                       WHERE schemaname = current_schema() AND sequencename = 'events_no_seq'";
            let statement = client.prepare_cached(sql).await.ok()?;
            client.query_opt(&statement, &[]).await.ok()??.get::<_, Option<i64>>(0)
        };
        let Some(newest) = newest.await else { continue };
        if seen.replace(newest).is_some_and(|seen| seen != newest) {
            // Nobody listening is fine.
            let _ = shared.changes.send(Change::Elsewhere);
        }
    }
}

/// Hears what other processes tell, until the store is gone: `alive` is dropped with it.
pub(super) async fn hear(
    connector: Connector,
    listening: Listening,
    channel: String,
    own: String,
    changes: broadcast::WeakSender<Change>,
    alive: oneshot::Receiver<()>,
) {
    tokio::select! {
        biased;
        _ = alive => {}
        () = listen_again_and_again(&connector, listening, &channel, &own, &changes) => {}
    }
}

async fn listen_again_and_again(
    connector: &Connector,
    first: Listening,
    channel: &str,
    own: &str,
    changes: &broadcast::WeakSender<Change>,
) {
    let mut begun = Ok(first);
    loop {
        let ended = match begun {
            Ok(listening) => listen(listening, own, changes).await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            tracing::warn!(error, "commits of other processes are not heard now");
        }
        if changes.strong_count() == 0 {
            return;
        }
        tokio::time::sleep(AGAIN).await;
        begun = Listening::begin(connector, channel).await.map_err(|error| error.to_string());
        let Some(changes) = changes.upgrade() else { return };
        // What was told meanwhile was missed. Nobody listening is fine.
        let _ = changes.send(Change::Elsewhere);
    }
}

async fn listen(mut listening: Listening, own: &str, changes: &broadcast::WeakSender<Change>) -> Result<(), String> {
    loop {
        let heard = listening.next().await?;
        let Some(changes) = changes.upgrade() else { return Ok(()) };
        match serde_json::from_str::<Notice>(&heard) {
            Ok(notice) if notice.from == own => {}
            Ok(notice) => {
                for change in notice.changes {
                    // Nobody listening is fine.
                    let _ = changes.send(change);
                }
            }
            // Of another version: it is known that there was something.
            Err(_) => {
                let _ = changes.send(Change::Elsewhere);
            }
        }
    }
}
