//! A transaction in PostgreSQL: begins, locks the sessions that verbs are about, reads what they will look up, commits.
//! Does not know any verb, nor which of them share a transaction: `group` does.
//!
//! A session is what is locked: everything that belongs to one changes under the lock of its row alone, so that what a verb reads
//! to decide by is still so when it writes, and the numbers of its log become visible in their order. Sessions do not wait for
//! each other, and could lie in several databases.

use std::sync::{Arc, Mutex};

use deadpool_postgres::{Object, Pool};
use futures::FutureExt;
use futures::future::BoxFuture;
use taskwright_registry::{MessageId, SessionId, Task, TaskId, Timestamp};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_postgres::{Row, Statement};

use super::about::About;
use super::decode::{MESSAGES, borrowed, get, stored_message};
use super::failure::{met_another, of_commit, of_pool};
use super::group::Queue;
use super::looks::Looks;
use super::notices::ToTell;
use super::options::PostgresOptions;
use super::partitions::Partitions;
use super::rows::{Given, PgRows};
use super::unit::{KnownSession, KnownTask};
use crate::column::{of_row, rank, read, time};
use crate::committed::Committed;
use crate::{Change, LeaseTime, StoreError, UnreadableRow, clock};

/// Says what the type of a verb that writes is.
pub(super) fn verb_of<T, V>(verb: V) -> V
where
    V: for<'r> Fn(&'r mut PgRows, Now) -> BoxFuture<'r, Result<T, StoreError>> + Send + Sync + 'static,
{
    verb
}

/// Says what the type of a verb that only reads is.
pub(super) fn read_of<T, V>(verb: V) -> V
where
    V: for<'r> FnOnce(&'r mut PgRows) -> BoxFuture<'r, Result<T, StoreError>> + Send + 'static,
{
    verb
}

/// What the server's clock says.
#[derive(Debug, Clone)]
pub(super) struct Now {
    /// For records.
    pub(super) at: Timestamp,
    /// For leases.
    pub(super) lease: LeaseTime,
}

impl Now {
    /// A time of the server's clock, for leases.
    pub(super) fn server_lease(millis: i64) -> LeaseTime {
        LeaseTime { era: Arc::from("server"), millis: u64::try_from(millis).unwrap_or_default() }
    }
}

/// A verb that writes. It may be run several times.
pub(super) type Verb<T> =
    Box<dyn for<'r> Fn(&'r mut PgRows, Now) -> BoxFuture<'r, Result<T, StoreError>> + Send + Sync>;

/// A verb that only reads.
pub(super) type Read<T> = Box<dyn for<'r> FnOnce(&'r mut PgRows) -> BoxFuture<'r, Result<T, StoreError>> + Send>;

/// What the clones of a store share.
pub(super) struct Shared {
    pub(super) pool: Pool,
    /// Writes that wait for others to be committed.
    pub(super) queue: Mutex<Queue>,
    /// Looks that wait for others to be read.
    pub(super) looks: Mutex<Looks>,
    pub(super) options: PostgresOptions,
    /// The database that was opened.
    pub(super) identity: super::identity::Identity,
    /// Why it is not there any more, once that was noticed.
    pub(super) gone: std::sync::OnceLock<String>,
    pub(super) partitions: Partitions,
    pub(super) changes: broadcast::Sender<Change>,
    /// To whoever tells other processes.
    pub(super) to_tell: mpsc::UnboundedSender<ToTell>,
    /// How far the server's clock is ahead of this one's, in milliseconds.
    pub(super) ahead: std::sync::atomic::AtomicI64,
    /// Ends what listens.
    pub(super) _alive: oneshot::Sender<()>,
    /// Where the connections live.
    pub(super) runtime: tokio::runtime::Handle,
}

impl Shared {
    pub(super) async fn rows(self: &Arc<Self>, writes: bool) -> Result<PgRows, StoreError> {
        self.still_there()?;
        let client = self.pool.get().await.map_err(|error| of_pool(&error))?;
        Ok(PgRows::new(client, writes, self.clone()))
    }

    /// Tells whoever listens in this process. What it returns ends when the others were told: a process that ends right after its write
    /// has told of it.
    pub(super) fn tell(&self, committed: Committed) -> impl Future<Output = ()> + Send + use<> {
        let changes = committed.changes().to_vec();
        committed.tell(&self.changes);
        let (told, heard) = oneshot::channel();
        if !changes.is_empty() {
            // Nobody is told any more when the store is going away.
            let _ = self.to_tell.send(ToTell { changes, told });
        }
        heard.map(|_| ())
    }

    /// Runs a verb that only reads, over one state of the database.
    pub(super) async fn read<T: Send + 'static>(self: Arc<Self>, verb: Read<T>) -> Result<T, StoreError> {
        let mut rows = self.rows(false).await?;
        rows.begin = Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        let outcome = verb(&mut rows).await;
        rows.leave_unheard("COMMIT");
        outcome
    }

    /// The same without a transaction: each statement sees the state of its own moment.
    pub(super) async fn glance<T: Send + 'static>(self: Arc<Self>, verb: Read<T>) -> Result<T, StoreError> {
        let mut rows = self.rows(false).await?;
        verb(&mut rows).await
    }
}

/// What locks sessions. Whoever locks several does so in one order.
const LOCK: &str = "SELECT id, no, last_seq, record FROM sessions WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
const MAKE: &str = "INSERT INTO sessions (id) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING id";
/// What a transaction looks up first.
const TASKS: &str =
    "SELECT t.id, t.record, s.spec, t.priority FROM tasks t LEFT JOIN specs s ON s.task = t.no WHERE t.id = ANY($1)";
const KEYS: &str = "SELECT s.id, t.idempotency_key, t.id FROM unnest($1::text[], $2::text[]) AS k(session, key)
    JOIN sessions s ON s.id = k.session JOIN tasks t ON t.session = s.no AND t.idempotency_key = k.key";
const PARENTS: &str =
    "SELECT n.id FROM unnest($1::text[], $2::text[]) AS n(session, id) JOIN sessions s ON s.id = n.session
    WHERE EXISTS (SELECT 1 FROM tasks t WHERE t.session = s.no AND t.parent_task_id = n.id)";
const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, (SELECT last_value FROM forgotten)";

impl PgRows {
    /// Begins, locks, and reads what was announced, all in one go, and the time behind the locks.
    pub(super) async fn begin(&mut self, about: &About) -> Result<Now, StoreError> {
        let ids = |ids: &[SessionId]| {
            let ids: std::collections::BTreeSet<&str> = ids.iter().map(SessionId::as_str).collect();
            ids.into_iter().map(str::to_owned).collect::<Vec<String>>()
        };
        let sessions = ids(&about.sessions);
        let tasks: Vec<&str> = about.tasks.iter().map(TaskId::as_str).collect();
        let messages: Vec<&str> = about.messages.iter().map(MessageId::as_str).collect();
        let (of, keys): (Vec<&str>, Vec<&str>) =
            about.keys.iter().map(|(session, key)| (session.as_str(), key.as_str())).unzip();
        let (in_session, parents): (Vec<&str>, Vec<&str>) =
            about.parents.iter().map(|(session, id)| (session.as_str(), id.as_str())).unzip();
        let clocks = self.shared.options.clock.is_none() || self.shared.options.lease_clock.is_none();
        let (locked, found, keyed, heard, begat, clock);
        {
            let client = &self.client;
            let lock = Asked::of(client, LOCK, !sessions.is_empty()).await;
            let look = Asked::of(client, TASKS, !tasks.is_empty()).await;
            let key = Asked::of(client, KEYS, !keys.is_empty()).await;
            let hear = Asked::of(client, &format!("{MESSAGES} WHERE m.id = ANY($1)"), !messages.is_empty()).await;
            let beget = Asked::of(client, PARENTS, !parents.is_empty()).await;
            let ask = Asked::of(client, CLOCK, clocks || about.births).await;
            let given: [&[Given<'_>]; 5] =
                [&[&sessions], &[&tasks], &[&of, &keys], &[&messages], &[&in_session, &parents]];
            // In this order: each of them sees what was committed before the locks were had.
            let began;
            (began, locked, found, keyed, heard, begat, clock) = futures::join!(
                client.batch_execute("BEGIN"),
                lock.rows(client, given[0]),
                look.rows(client, given[1]),
                key.rows(client, given[2]),
                hear.rows(client, given[3]),
                beget.rows(client, given[4]),
                ask.rows(client, &[]),
            );
            self.began = true;
            began.map_err(|error| self.failed(&error))?;
        }
        let locked = locked.map_err(|error| self.failed(&error))?;
        self.know_sessions(&locked)?;
        let missing: Vec<SessionId> =
            about.begun.iter().filter(|id| !self.unit.sessions.contains_key(*id)).cloned().collect();
        if !missing.is_empty() {
            let missing = ids(&missing);
            let made = self.all(MAKE, &[&missing], |row| get::<String>(row, 0)).await?;
            let rows = self.rows(LOCK, &[&missing]).await?;
            self.know_sessions(&rows)?;
            for id in made {
                let id = id.parse().map_err(crate::column::of_id)?;
                if let Some(session) = self.unit.sessions.get_mut(&id) {
                    session.made = true;
                }
            }
        }
        for id in &about.tasks {
            self.unit.tasks.insert(id.clone(), None);
        }
        let found = found.map_err(|error| self.failed(&error))?;
        self.know_tasks(&found)?;
        self.unit.keys.extend(about.keys.iter().cloned().map(|key| (key, None)));
        for row in keyed.map_err(|error| self.failed(&error))? {
            let (session, id): (String, String) = (get(&row, 0)?, get(&row, 2)?);
            let (session, id) =
                (session.parse().map_err(crate::column::of_id)?, id.parse().map_err(crate::column::of_id)?);
            self.unit.keys.insert((session, get(&row, 1)?), Some(id));
        }
        self.unit.messages.extend(about.messages.iter().cloned().map(|id| (id, None)));
        for row in heard.map_err(|error| self.failed(&error))? {
            let id: MessageId = get::<String>(&row, 3)?.parse().map_err(crate::column::of_id)?;
            self.unit.messages.insert(id, Some(stored_message(&row)?));
        }
        self.unit.parents.extend(about.parents.iter().map(|(_, id)| (id.clone(), false)));
        for row in begat.map_err(|error| self.failed(&error))? {
            let id: String = get(&row, 0)?;
            self.unit.parents.insert(id.parse().map_err(crate::column::of_id)?, true);
        }
        let mut server = 0;
        if let Some(row) = clock.map_err(|error| self.failed(&error))?.first() {
            server = get(row, 0)?;
            self.unit.forgotten = Some(u64::try_from(get::<i64>(row, 1)?).unwrap_or_default());
        }
        self.time(server)
    }

    /// Notes sessions that were read with `LOCK`.
    pub(super) fn know_sessions(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        for row in rows {
            let id: SessionId = get::<String>(row, 0)?.parse().map_err(crate::column::of_id)?;
            let record: Option<&str> = row.try_get(3).map_err(|error| of_row("a session", error))?;
            let record = record.map(|record| read(record).map_err(|reason| UnreadableRow::session(&id, &reason)));
            let (no, last_seq) = (get(row, 1)?, get(row, 2)?);
            let known = KnownSession { no, record, last_seq, changed: false, logged: false, made: false };
            self.unit.sessions.insert(id, known);
        }
        Ok(())
    }

    /// Notes tasks that were read with their specifications.
    pub(super) fn know_tasks(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        for row in rows {
            let (record, spec): (&str, Option<String>) = (borrowed(row, 1)?, get(row, 2)?);
            let priority = rank(get::<i16>(row, 3)?.into());
            let task: Task = match read(record).and_then(|task| priority.map(|_| task)) {
                Ok(task) => task,
                Err(reason) => {
                    let id: TaskId = get::<String>(row, 0)?.parse().map_err(crate::column::of_id)?;
                    self.unit.tasks.insert(id.clone(), None);
                    self.unit.unreadable.insert(id, reason);
                    continue;
                }
            };
            let stored = Some(task.version);
            let known = KnownTask { text: None, spec, stored, waits: false, task };
            self.unit.tasks.insert(known.task.id.clone(), Some(known));
        }
        Ok(())
    }

    /// Reads tasks with their specifications, to have them at hand.
    pub(super) async fn look_at(&mut self, ids: &[TaskId]) -> Result<(), StoreError> {
        let names: Vec<&str> = ids.iter().map(TaskId::as_str).collect();
        let rows = self.rows(TASKS, &[&names]).await?;
        for id in ids {
            self.unit.tasks.insert(id.clone(), None);
        }
        self.know_tasks(&rows)
    }

    /// A session that this transaction has locked, or locks now.
    pub(super) async fn locked_session(&mut self, id: &SessionId) -> Result<Option<&mut KnownSession>, StoreError> {
        if !self.unit.sessions.contains_key(id) {
            let rows = self.rows(LOCK, &[&vec![id.as_str()]]).await?;
            self.know_sessions(&rows)?;
        }
        Ok(self.unit.sessions.get_mut(id))
    }

    /// Writes what waits, and commits; nothing is committed where nothing was written.
    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        self.flush().await?;
        if self.unit.writes == 0 {
            // Also takes back names that were locked for sessions which then did not begin.
            self.roll_back().await;
            return Ok(());
        }
        let empty: Vec<i64> =
            self.unit.sessions.values().filter(|s| s.made && s.record.is_none()).map(|s| s.no).collect();
        if !empty.is_empty() {
            self.run("DELETE FROM sessions WHERE no = ANY($1) AND record IS NULL", &[&empty]).await?;
        }
        let committed = self.client.batch_execute("COMMIT").await;
        self.began = false;
        committed.map_err(|error| {
            self.met_another |= met_another(&error);
            of_commit(&error)
        })
    }

    /// Leaves nothing behind.
    pub(super) async fn roll_back(&mut self) {
        if self.began && self.client.batch_execute("ROLLBACK").await.is_err() {
            self.lost = true;
        }
        self.began = false;
    }

    /// What the clocks say.
    pub(super) async fn now(&mut self) -> Result<Now, StoreError> {
        let options = &self.shared.options;
        if options.clock.is_some() && options.lease_clock.is_some() {
            return self.time(0);
        }
        let server = self.one(CLOCK, &[], |row| get::<i64>(row, 0)).await?.unwrap_or_default();
        self.time(server)
    }

    fn time(&self, server: i64) -> Result<Now, StoreError> {
        let at = match &self.shared.options.clock {
            Some(clock) => clock::read(clock),
            None => time(server)?,
        };
        let lease = match &self.shared.options.lease_clock {
            Some(clock) => clock(),
            None => Now::server_lease(server),
        };
        Ok(Now { at, lease })
    }

    /// Gives the connection back. Nobody else gets one that may be in the middle of something.
    pub(super) fn give_back(self) {
        if self.lost || self.began {
            drop(Object::take(self.client));
        }
    }

    /// Ends what was begun without waiting for the answer: whoever has the connection next speaks behind it.
    fn leave_unheard(mut self, how: &str) {
        if std::mem::take(&mut self.began) {
            let _ = self.client.batch_execute(how).now_or_never();
        }
    }
}

/// A statement that is asked together with others, if there is something to ask.
struct Asked(Option<Result<Statement, tokio_postgres::Error>>);

impl Asked {
    async fn of(client: &Object, sql: &str, wanted: bool) -> Self {
        Self(if wanted { Some(client.prepare_cached(sql).await) } else { None })
    }

    async fn rows(self, client: &Object, given: &[Given<'_>]) -> Result<Vec<Row>, tokio_postgres::Error> {
        match self.0 {
            Some(statement) => client.query(&statement?, given).await,
            None => Ok(Vec::new()),
        }
    }
}
