//! What is asked of a store of each size, and how long it takes.
//! Does not print.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::random;
use taskwright_registry::{NewTask, Progress, SessionState, State, TaskUpdate, Timestamp};
use taskwright_runner::Until;
use taskwright_store::{KindOffer, Order, SessionQuery, TaskFilter, TaskQuery};

use super::subject::{KIND, NAME, RARE, Subject};

/// How often each is asked, unless it takes too long.
const ROUNDS: usize = 300;
/// How long one operation may take in one store, altogether.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// The least number of times.
const LEAST: usize = 5;
/// Tasks, events and wakes of a page.
const PAGE: usize = 50;
/// Fewer than are alive in any store, so that the page is the same in all of them.
const LIVE_PAGE: usize = 5;

/// The times of one operation, in seconds, for each store.
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) wanted: usize,
    pub(crate) times: Vec<Vec<f64>>,
}

#[derive(Debug, Clone, Copy)]
enum Operation {
    Get,
    Update,
    FencedUpdate,
    List,
    ListNewest,
    ListState,
    ListRareState,
    ListLive,
    ListKind,
    ListRareKind,
    ListKindAndState,
    ListPrefix,
    ListParent,
    ListRun,
    ListName,
    FindName,
    CreateNamed,
    NameTaken,
    Wait,
    ClaimAndFinish,
    Events,
    ListSessions,
    ListClosedSessions,
    EndingSessions,
    NextDue,
    Retention,
    TrimLog,
    Reaper,
    RenewLease,
    Wakes,
    SessionsWithWakes,
    ClaimWakes,
    Backlog,
    Hosts,
    CodeInUse,
}

const ALL: [(Operation, &str); 35] = [
    (Operation::Get, "get"),
    (Operation::Update, "update, by the host"),
    (Operation::FencedUpdate, "update, through the fence"),
    (Operation::CreateNamed, "create with a name"),
    (Operation::NameTaken, "create with a name that is taken"),
    (Operation::FindName, "find a live task by name"),
    (Operation::Wait, "wait, from the end's commit"),
    (Operation::ClaimAndFinish, "claim one and finish it"),
    (Operation::List, "list, from the middle"),
    (Operation::ListNewest, "list, newest first, from the middle"),
    (Operation::ListState, "list succeeded, from the middle"),
    (Operation::ListRareState, "list failed (5 of all)"),
    (Operation::ListLive, "list live, 5 of them"),
    (Operation::ListKind, "list a kind, from the middle"),
    (Operation::ListRareKind, "list a rare kind (5 of all)"),
    (Operation::ListKindAndState, "list a kind and a state (none)"),
    (Operation::ListPrefix, "list by the beginning of an id"),
    (Operation::ListParent, "list a parent's"),
    (Operation::ListRun, "list a run's"),
    (Operation::ListName, "list by name (3 of all)"),
    (Operation::Events, "events, from the middle"),
    (Operation::ListSessions, "list sessions, the first"),
    (Operation::ListClosedSessions, "list closed sessions, none are"),
    (Operation::EndingSessions, "sessions to end, none wait"),
    (Operation::NextDue, "next due"),
    (Operation::Retention, "retention, nothing is due"),
    (Operation::TrimLog, "retention of events, nothing is due"),
    (Operation::Reaper, "reaper, nobody is lost"),
    (Operation::RenewLease, "renew a lease"),
    (Operation::Wakes, "wakes, none wait"),
    (Operation::SessionsWithWakes, "sessions with wakes, none wait"),
    (Operation::ClaimWakes, "claim wakes, none wait"),
    (Operation::Backlog, "backlog, counts what is due"),
    (Operation::Hosts, "hosts, counts what is held"),
    (Operation::CodeInUse, "code in use, counts what is alive"),
];

/// Asks everything of every store, in rounds, so that a slow moment of the machine meets all of them.
pub(crate) async fn measure(subjects: &[Subject]) -> Result<Vec<Figures>> {
    let empty = || subjects.iter().map(|_| Vec::with_capacity(ROUNDS)).collect();
    let mut figures: Vec<_> = ALL.iter().map(|(_, name)| Figures { name, wanted: ROUNDS, times: empty() }).collect();
    for round in 0..ROUNDS {
        for subject in subjects {
            subject.store.renew_lease(&subject.host).await?;
        }
        for ((operation, name), figures) in ALL.iter().zip(&mut figures) {
            for turn in 0..subjects.len() {
                let which = (round + turn) % subjects.len();
                let times = &mut figures.times[which];
                if times.len() >= LEAST && times.iter().sum::<f64>() > PATIENCE.as_secs_f64() {
                    continue;
                }
                let time = operation.time(&subjects[which]).await.with_context(|| name.to_string())?;
                times.push(time.as_secs_f64());
            }
        }
    }
    Ok(figures)
}

/// How long some work takes.
async fn timed<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<(Duration, T)>
where
    anyhow::Error: From<E>,
{
    let began = Instant::now();
    let outcome = work.await?;
    Ok((began.elapsed(), outcome))
}

impl Operation {
    /// Does it once. What has to be there before is made, and what is left behind ended, outside of the time.
    async fn time(self, on: &Subject) -> Result<Duration> {
        let (store, id) = (on.store.as_ref(), &on.id);
        let kinds = [KindOffer::from(KIND)];
        let took = match self {
            Operation::Get => timed(store.get(id, on.any()?)).await?.0,
            Operation::Update => {
                let task = store.create(on.new_task()).await?.task;
                let detail = Some(Some("waits".to_owned()));
                let update = TaskUpdate { state_detail: detail, ..TaskUpdate::default() };
                let (took, _) = timed(store.update(id, &task.id, update)).await?;
                on.end(&task).await?;
                took
            }
            Operation::FencedUpdate => {
                let progress = Progress { current: random(), total: None, unit: None, label: None };
                let fence = Some(on.held.fence());
                let update = TaskUpdate { fence, progress: Some(progress), ..TaskUpdate::default() };
                timed(store.update(id, &on.held.id, update)).await?.0
            }
            Operation::List
            | Operation::ListNewest
            | Operation::ListState
            | Operation::ListRareState
            | Operation::ListLive
            | Operation::ListKind
            | Operation::ListRareKind
            | Operation::ListKindAndState
            | Operation::ListPrefix
            | Operation::ListParent
            | Operation::ListRun
            | Operation::ListName => timed(store.list(id, &self.query(on)?)).await?.0,
            Operation::FindName => {
                let name = on.held.name.clone().context("it has no name")?;
                let (took, found) = timed(on.session.find(&name, &Default::default())).await?;
                ensure!(found.id == on.held.id, "another task was found");
                took
            }
            Operation::CreateNamed => {
                let new = on.new_task();
                let name = Some(format!("new-{}", new.id));
                let (took, created) = timed(store.create(NewTask { name, ..new })).await?;
                on.end(&created.task).await?;
                took
            }
            Operation::NameTaken => {
                let new = NewTask { name: on.held.name.clone(), ..on.new_task() };
                let began = Instant::now();
                ensure!(store.create(new).await.is_err(), "two live tasks have the same name");
                began.elapsed()
            }
            Operation::Wait => wait(on).await?,
            Operation::ClaimAndFinish => {
                store.create(on.new_task()).await?;
                let request = on.request();
                let work = async {
                    let task = store.claim(&request).await?.pop().context("nothing was due")?.task;
                    on.end(&task).await
                };
                timed(work).await?.0
            }
            Operation::Events => {
                let (took, page) = timed(store.events(id, on.cursor, PAGE)).await?;
                ensure!(page.events.len() == PAGE, "{} events", page.events.len());
                took
            }
            Operation::ListSessions => {
                timed(store.sessions(&SessionQuery { limit: 1, ..SessionQuery::default() })).await?.0
            }
            Operation::ListClosedSessions => {
                let query = SessionQuery { states: vec![SessionState::Closed], ..SessionQuery::default() };
                timed(store.sessions(&query)).await?.0
            }
            Operation::EndingSessions => timed(store.ending_sessions(PAGE)).await?.0,
            Operation::NextDue => timed(store.next_due(&kinds, None)).await?.0,
            Operation::Retention => {
                let (took, page) = timed(store.finished(Timestamp::default(), None, PAGE)).await?;
                ensure!(page.tasks.is_empty(), "something was due");
                took
            }
            Operation::TrimLog => timed(store.trim_log(Timestamp::default(), 1_000)).await?.0,
            Operation::Reaper => {
                let (took, page) = timed(store.lapsed(0, 200)).await?;
                ensure!(page.tasks.is_empty(), "somebody was lost");
                took
            }
            Operation::RenewLease => timed(store.renew_lease(&on.host)).await?.0,
            Operation::Wakes => timed(store.wakes(id, PAGE)).await?.0,
            Operation::SessionsWithWakes => {
                let (took, page) = timed(store.sessions_with_wakes(None, PAGE)).await?;
                ensure!(page.sessions.is_empty(), "wakes wait");
                took
            }
            Operation::ClaimWakes => timed(store.claim_wakes(id, &on.host, PAGE)).await?.0,
            Operation::Backlog => timed(store.backlog(&kinds)).await?.0,
            Operation::Hosts => timed(store.hosts()).await?.0,
            Operation::CodeInUse => timed(store.code_in_use()).await?.0,
        };
        Ok(took)
    }

    /// What is listed.
    fn query(self, on: &Subject) -> Result<TaskQuery> {
        let all = TaskFilter::default();
        let kinds = |kind: &str| vec![kind.to_owned()];
        let from_middle = |filter| TaskQuery { filter, after: on.middle(), limit: PAGE, ..TaskQuery::default() };
        let from_begin = |filter| TaskQuery { filter, limit: PAGE, ..TaskQuery::default() };
        Ok(match self {
            Operation::ListNewest => TaskQuery { order: Order::NewestFirst, ..from_middle(all) },
            Operation::ListState => from_middle(TaskFilter { states: vec![State::Succeeded], ..all }),
            Operation::ListRareState => from_begin(TaskFilter { states: vec![State::Failed], ..all }),
            Operation::ListLive => {
                let states = State::ALL.into_iter().filter(|state| state.is_live()).collect();
                TaskQuery { limit: LIVE_PAGE, ..from_begin(TaskFilter { states, ..all }) }
            }
            Operation::ListKind => from_middle(TaskFilter { kinds: kinds(KIND), ..all }),
            Operation::ListRareKind => from_begin(TaskFilter { kinds: kinds(RARE), ..all }),
            Operation::ListKindAndState => {
                from_begin(TaskFilter { kinds: kinds("search-files"), states: vec![State::Failed], ..all })
            }
            Operation::ListPrefix => {
                let prefix = on.any()?.as_str()[..26].to_owned();
                from_begin(TaskFilter {
                    id_prefix: Some(prefix),
                    hidden: taskwright_runner::store::Hidden::Included,
                    ..all
                })
            }
            Operation::ListParent => from_begin(TaskFilter { parent_task_id: Some(on.parent.clone()), ..all }),
            Operation::ListRun => from_begin(TaskFilter { run_id: Some(on.run.clone()), ..all }),
            Operation::ListName => from_begin(TaskFilter {
                name: Some(NAME.to_owned()),
                hidden: taskwright_runner::store::Hidden::Included,
                ..all
            }),
            _ => from_middle(all),
        })
    }
}

/// From the moment at which whoever ends a task knows that it is durable, to the waiter's return.
async fn wait(on: &Subject) -> Result<Duration> {
    let task = on.store.create(on.new_task()).await?.task;
    let (session, id) = (on.session.clone(), task.id.clone());
    let waiter = tokio::spawn(async move {
        let waited = session.wait_any(&[id], Until::Over, None).await;
        (Instant::now(), waited)
    });
    // It has read the record by now and waits.
    tokio::time::sleep(Duration::from_millis(2)).await;
    on.end(&task).await?;
    let ended = Instant::now();
    let (returned, waited) = waiter.await?;
    ensure!(waited?.first == Some(0), "the task is not over");
    Ok(returned.saturating_duration_since(ended))
}
