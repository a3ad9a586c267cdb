//! Draws commands that mean something more often than not: of what there is, with the fence that holds, and sometimes neither.
//! Does not run them.

use chrono::{DateTime, TimeDelta};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use serde_json::json;
use taskwright_registry::{
    Artifact, Backoff, CancelMode, CancelPolicy, ChildLimits, CloseOrder, ClosePolicy, Direction, DispatchChange,
    Fence, GrantedWithin, HostId, HostRef, LeaseLength, Lineage, Links, MessageId, NewChild, NewInputRequest,
    NewMessage, NewTask, Part, Priority, Progress, Recovery, Schema, SessionId, SessionOwner, SessionState, State,
    Supersede, Task, TaskError, TaskId, TaskUpdate, Timestamp, Usage, Visibility, WakePolicy,
};
use taskwright_store::{
    CancelScope, ClaimRequest, Hidden, KindOffer, MessagePage, Order, SharedLimits, TaskFilter, TaskQuery, Turns,
};

use super::command::Command;
use super::stores::Stores;

/// The sessions of a sequence.
pub(crate) fn sessions() -> [SessionId; 3] {
    ["one", "three", "two"].map(|name| name.parse().expect("a session id"))
}

/// How many tasks were touched last.
const LAST: usize = 3;

/// Draws commands.
pub(crate) struct Draw {
    random: StdRng,
    drawn: u64,
    tasks: Vec<TaskId>,
    created: Vec<NewTask>,
    messages: Vec<NewMessage>,
    touched: Vec<TaskId>,
    epochs: [u64; 3],
    /// Hosts that have not begun: each sequence starts with their leases, or few of its claims would give anything.
    without_lease: Vec<u8>,
}

fn host_of(number: u8, epoch: u64) -> HostRef {
    HostRef { id: HostId::new(DateTime::UNIX_EPOCH, [number; 10]), epoch }
}

impl Draw {
    pub(crate) fn new(random: StdRng) -> Self {
        let (tasks, created, messages, touched) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { random, drawn: 0, tasks, created, messages, touched, epochs: [1; 3], without_lease: vec![0, 1, 2] }
    }

    /// All tasks that were ever named.
    pub(crate) fn tasks(&self) -> &[TaskId] {
        &self.tasks
    }

    /// Those that were named last.
    pub(crate) fn touched(&self) -> &[TaskId] {
        &self.touched[self.touched.len().saturating_sub(LAST)..]
    }

    fn chance(&mut self, of: f64) -> bool {
        self.random.random_bool(of)
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of.choose(&mut self.random).expect("something to choose from").clone()
    }

    fn perhaps<T>(&mut self, of: f64, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.chance(of) { Some(make(self)) } else { None }
    }

    fn number(&mut self, range: std::ops::Range<i64>) -> i64 {
        self.random.random_range(range)
    }

    fn small(&mut self, range: std::ops::Range<usize>) -> usize {
        self.random.random_range(range)
    }

    /// Bits that are never drawn twice, in no order.
    fn bits(&mut self) -> [u8; 10] {
        self.drawn += 1;
        let mut bits = [0; 10];
        bits[..2].copy_from_slice(&self.random.random::<u16>().to_be_bytes());
        bits[2..].copy_from_slice(&self.drawn.to_be_bytes());
        bits
    }

    fn text(&mut self) -> String {
        self.one(&["", "plain", "Grüße, 世界 🦀", "with\nlines\tand \"quotes\" \\", "%_like'; DROP TABLE tasks; --"])
            .to_owned()
    }

    fn session(&mut self) -> SessionId {
        let at = if self.chance(0.7) { 0 } else { self.small(0..3) };
        sessions()[at].clone()
    }

    fn host(&mut self) -> HostRef {
        let number = self.small(0..3);
        let epoch = if self.chance(0.95) { self.epochs[number] } else { 7 };
        host_of(u8::try_from(number).expect("a small number"), epoch)
    }

    fn kinds(&mut self) -> Vec<KindOffer> {
        let code = |name: &str| Some(name.to_owned());
        self.one(&[
            vec!["probe".into()],
            vec!["probe".into(), "other".into()],
            vec![KindOffer { newest: code("b"), older: vec!["a".to_owned()], ..KindOffer::from("probe") }],
            vec![KindOffer { newest: code("a"), begins: false, ..KindOffer::from("probe") }, "other".into()],
            vec![KindOffer { newest: code("a"), ..KindOffer::from("probe") }, "other".into()],
        ])
    }

    fn time(&mut self, now: Timestamp) -> Timestamp {
        now + TimeDelta::milliseconds(self.number(-5_000..5_000))
    }

    /// A task that may be there, and where it is said to be.
    async fn task(&mut self, stores: &Stores) -> (SessionId, TaskId, Option<Task>) {
        if self.tasks.is_empty() || self.chance(0.02) {
            let id = TaskId::new(stores.now(), self.bits());
            return (self.session(), id, None);
        }
        // What was made last has most to do.
        let last = self.tasks.len().saturating_sub(6);
        let recent = self.tasks[last..].to_vec();
        let id = if self.chance(0.7) { self.one(&recent) } else { self.one(&self.tasks.clone()) };
        self.touched.push(id.clone());
        if self.chance(0.03) {
            return (self.session(), id, None);
        }
        for session in sessions() {
            if let Ok(task) = stores.first().get(&session, &id).await {
                return (session, id, Some(task));
            }
        }
        (self.session(), id, None)
    }

    fn fence(&mut self, task: Option<&Task>) -> Option<Fence> {
        let fence = task.map_or(Fence { attempt: 1, claim: 1, birth: 0 }, Task::fence);
        match self.small(0..20) {
            0 => None,
            1 => Some(Fence { claim: fence.claim + 1, ..fence }),
            2 => Some(Fence { attempt: fence.attempt.saturating_sub(1), ..fence }),
            _ => Some(fence),
        }
    }

    fn lineage(&mut self) -> Lineage {
        let tasks = self.tasks.clone();
        Lineage {
            task_id: if tasks.is_empty() { None } else { self.perhaps(0.3, |draw| draw.one(&tasks).to_string()) },
            run_id: self.perhaps(0.2, |draw| draw.one(&["run-1", "run-2"]).to_owned()),
            call_id: None,
            agent_id: None,
        }
    }

    fn new_task(&mut self, now: Timestamp) -> NewTask {
        if !self.created.is_empty() && self.chance(0.1) {
            let mut again = self.one(&self.created.clone());
            if self.chance(0.4) {
                again.spec = json!({"other": true});
            }
            if self.chance(0.2) {
                again.session_id = self.session();
            }
            return again;
        }
        let id = TaskId::new(now, self.bits());
        let kind = self.one(&["probe", "probe", "other"]);
        let text = self.text();
        let base = NewTask::new(id, self.session(), kind, json!({"n": 1.1, "text": text}));
        let new = NewTask {
            name: self.perhaps(0.3, |draw| draw.one(&["ann", "bob", "Ärger", "all"]).to_owned()),
            idempotency_key: self.perhaps(0.15, |draw| draw.one(&["k1", "k2", "k3"]).to_owned()),
            producer: self.perhaps(0.1, Self::text),
            max_attempts: u32::try_from(self.small(1..4)).expect("small"),
            backoff: Backoff { initial_ms: 1_000, factor: 2.0, max_ms: 10_000 },
            recovery: self.one(&[Recovery::HostBound, Recovery::Reattach, Recovery::Reattach, Recovery::External]),
            parent: self.lineage(),
            wake_policy: self.one(&[WakePolicy::Silent, WakePolicy::OnTerminal, WakePolicy::OnActivity]),
            cancel_policy: CancelPolicy {
                mode: self.one(&[CancelMode::Cooperative, CancelMode::Abort, CancelMode::External]),
                grace_ms: 1_000,
            },
            close_policy: self.one(&[ClosePolicy::Keep, ClosePolicy::Cancel, ClosePolicy::Transfer]),
            visibility: if self.chance(0.2) { Visibility::Hidden } else { Visibility::Listed },
            deadline: self.perhaps(0.1, |draw| draw.time(now)),
            priority: self.one(&[Priority::Normal, Priority::Normal, Priority::High, Priority::Low]),
            not_before: self.perhaps(0.1, |draw| draw.time(now)),
            takes_messages: self.chance(0.95),
            ..base
        };
        // Work elsewhere has neither retries nor a beginning.
        let new = match new.recovery {
            Recovery::External if self.chance(0.9) => NewTask { max_attempts: 1, not_before: None, ..new },
            _ => new,
        };
        self.tasks.push(new.id.clone());
        self.touched.push(new.id.clone());
        self.created.push(new.clone());
        new
    }

    fn update(&mut self, task: Option<&Task>, now: Timestamp) -> TaskUpdate {
        let mut update = TaskUpdate { fence: self.fence(task), ..TaskUpdate::default() };
        for _ in 0..self.small(1..4) {
            match self.small(0..18) {
                0 | 1 => update.state = Some(self.one(&[State::Succeeded, State::Failed, State::Canceled])),
                2 => update.state = Some(State::Running),
                3 => update.state_detail = Some(self.perhaps(0.8, Self::text)),
                4 => {
                    let current = self.random.next_u64() % 10;
                    update.progress = Some(Progress { current, total: Some(10), unit: None, label: None });
                }
                5 | 6 => {
                    let expected = self.perhaps(0.5, |_| Schema::new(json!({"type": "string"})).expect("a schema"));
                    let (prompt, random) = (self.text(), self.bits());
                    update.input_request = Some(NewInputRequest { prompt, expected, random });
                }
                7 => update.summary = Some(self.text()),
                8 => update.result = Some(json!({"text": self.text(), "n": [1, 2.5, null]})),
                9 => {
                    let name = self.one(&["a.txt", "b.txt"]).to_owned();
                    let media_type = "text/plain".to_owned();
                    update.artifacts.push(Artifact { name, media_type, path: None, url: None, bytes: Some(3) });
                }
                10 => {
                    let resource_ids = vec![self.text(), "r".to_owned()];
                    update.links = Links { resource_ids, ..Links::default() };
                }
                11 => {
                    let (kind, message) = ("odd".to_owned(), self.text());
                    update.error = Some(TaskError { kind, detail: None, message });
                }
                12 => update.checkpoint = Some(self.bits().to_vec()),
                13 => update.usage = Usage { cpu_ms: 5, host_calls: 1, ..Usage::default() },
                14 => {
                    let at = self.time(now);
                    update.supersede = Some(self.one(&[Supersede::Retry { at }, Supersede::Reattach]));
                }
                15 => {
                    let until = self.perhaps(0.6, |draw| draw.time(now));
                    let ignored = u32::from(self.chance(0.3));
                    let hibernate = DispatchChange::Hibernate { until, ignored };
                    update.dispatch = Some(self.one(&[hibernate, DispatchChange::Release]));
                }
                16 => update.heartbeat = true,
                _ => (update.cancel_delivered, update.reported) = (self.chance(0.7), self.chance(0.4)),
            }
        }
        update
    }

    fn message(&mut self, task: Option<&Task>, now: Timestamp) -> NewMessage {
        if !self.messages.is_empty() && self.chance(0.1) {
            return self.one(&self.messages.clone());
        }
        let question = task.and_then(|task| task.input_request.as_ref()).map(|open| open.id.as_str().to_owned());
        let inbound = question.is_some() || self.chance(0.6);
        let part = if self.chance(0.8) { Part::Text(self.text()) } else { Part::Data(json!({"n": 1})) };
        let message = NewMessage {
            id: MessageId::new(now, self.bits()),
            fence: if inbound { None } else { self.fence(task) },
            direction: if inbound { Direction::Inbound } else { Direction::Outbound },
            parts: vec![part],
            in_reply_to: if self.chance(0.05) { Some("nothing".to_owned()) } else { question },
        };
        self.messages.push(message.clone());
        message
    }

    fn filter(&mut self) -> TaskFilter {
        let tasks = self.tasks.clone();
        TaskFilter {
            kinds: self.one(&[vec![], vec!["probe".to_owned()], vec!["other".to_owned(), "probe".to_owned()]]),
            states: self.one(&[
                vec![],
                State::LIVE.to_vec(),
                vec![State::Succeeded],
                vec![State::Canceled, State::Queued, State::Running],
            ]),
            name: self.perhaps(0.2, |draw| draw.one(&["ann", "bob", "Ärger"]).to_owned()),
            id_prefix: if tasks.is_empty() {
                None
            } else {
                self.perhaps(0.2, |draw| {
                    let id = draw.one(&tasks);
                    let length = draw.small(3..id.as_str().len() + 1);
                    id.as_str()[..length].to_owned()
                })
            },
            parent_task_id: if tasks.is_empty() {
                None
            } else {
                self.perhaps(0.15, |draw| draw.one(&tasks).to_string())
            },
            run_id: self.perhaps(0.15, |draw| draw.one(&["run-1", "run-2", "run-3"]).to_owned()),
            hidden: self.one(&[Hidden::LeftOut, Hidden::Included, Hidden::Only, Hidden::Unreported]),
        }
    }

    /// The next command.
    #[expect(clippy::too_many_lines, reason = "a few lines for each verb")]
    pub(crate) async fn command(&mut self, stores: &Stores) -> Command {
        let now = stores.now();
        if let Some(host) = self.without_lease.pop() {
            let length = std::time::Duration::from_secs(60);
            return Command::OpenLease(host_of(host, 1), LeaseLength::new(length).expect("a length"));
        }
        match self.small(0..100) {
            0..18 => Command::Create(Box::new(self.new_task(now))),
            18..30 => {
                let all = self.tasks.clone();
                let only = if all.is_empty() { None } else { self.perhaps(0.4, |draw| draw.one(&all)) };
                self.touched.extend(only.clone());
                let turns = Turns {
                    after: self.perhaps(0.3, Self::session),
                    most: self.one(&[usize::MAX, 1, 2]),
                    room: if self.chance(0.2) { [(self.session(), self.small(0..2))].into() } else { [].into() },
                };
                let (host, kinds, limit) = (self.host(), self.kinds(), self.small(1..5));
                let shared = SharedLimits {
                    session: self.perhaps(0.2, |draw| draw.small(0..4)),
                    kinds: self.perhaps(0.2, |draw| ("probe".to_owned(), draw.small(0..4))).into_iter().collect(),
                };
                Command::Claim(ClaimRequest { host, kinds, only, limit, turns, shared })
            }
            30..48 => {
                let (session, id, task) = self.task(stores).await;
                Command::Update(session, id, Box::new(self.update(task.as_ref(), now)))
            }
            48..51 => {
                let (session, id, _) = self.task(stores).await;
                Command::RequestCancel(session, id, self.perhaps(0.5, Self::text))
            }
            51..60 => {
                let (session, id, task) = self.task(stores).await;
                Command::RecordMessage(session, id, self.message(task.as_ref(), now))
            }
            60..62 => {
                let (session, id, task) = self.task(stores).await;
                let unread = stores.first().unread(&session, &id, 10).await.expect("messages");
                let fence = self.fence(task.as_ref()).unwrap_or(Fence { attempt: 1, claim: 1, birth: 0 });
                let message = match unread.first() {
                    Some(message) => message.id.clone(),
                    None => MessageId::new(now, self.bits()),
                };
                Command::MarkDelivered(session, id, fence, message)
            }
            62..66 => {
                let number = self.small(0..3);
                if self.chance(0.2) {
                    self.epochs[number] += 1;
                }
                let host = host_of(u8::try_from(number).expect("a small number"), self.epochs[number]);
                let length = std::time::Duration::from_secs(self.one(&[1, 10, 60]));
                Command::OpenLease(host, LeaseLength::new(length).expect("a length"))
            }
            66 => Command::RenewLease(self.host()),
            67 => Command::CloseLease(self.host()),
            68..70 => {
                let (session, id, _) = self.task(stores).await;
                Command::Reap(session, id, self.one(&[0, 2, 20]))
            }
            70 => Command::SweepLeases,
            71..73 => {
                let (session, id, _) = self.task(stores).await;
                Command::Forget(session, id, now + TimeDelta::milliseconds(1))
            }
            73 => Command::TrimLog(self.time(now), self.small(1..6)),
            74 => Command::Acknowledge(self.session(), self.one(&[vec![0], vec![0, 1, 2], vec![5, 0]])),
            75 => Command::ClaimWakes(self.session(), self.host()),
            76 => Command::ReleaseWakes(self.session(), self.host()),
            77 => {
                let (session_id, id, _) = self.task(stores).await;
                let owner = SessionOwner { session_id, task_id: self.perhaps(0.5, |_| id) };
                Command::OpenSession(self.session(), self.perhaps(0.5, |_| owner))
            }
            78 => Command::Suspend(self.session()),
            79 => Command::Resume(self.session()),
            80 => {
                // Not the one that most happens in, or little happens any more.
                let session = self.one(&sessions()[1..]);
                let order = CloseOrder {
                    successor: self.perhaps(0.7, Self::session),
                    reason: self.perhaps(0.5, Self::text),
                    delete: self.chance(0.3),
                };
                Command::Close(session, order)
            }
            81 => Command::CarryOut(self.session(), self.small(1..5)),
            82 => Command::Delete(self.session()),
            83 => Command::Erase(self.session(), self.small(1..5)),
            84..86 => {
                let (from, id, _) = self.task(stores).await;
                let mut tasks = vec![id];
                if self.chance(0.3) {
                    tasks.push(self.task(stores).await.1);
                }
                Command::Transfer(from, tasks, self.session())
            }
            86 => {
                let (session, id, _) = self.task(stores).await;
                let run = self.one(&["run-1", "run-2"]).to_owned();
                let scopes = [
                    CancelScope::Tree(id.clone()),
                    CancelScope::Run(run),
                    CancelScope::All,
                    CancelScope::AllBut(self.touched().to_vec()),
                ];
                Command::CancelMany(session, self.one(&scopes))
            }
            87..89 => {
                let (session, id, task) = self.task(stores).await;
                let fence = self.fence(task.as_ref()).unwrap_or(Fence { attempt: 1, claim: 1, birth: 0 });
                let call = self.one(&["c1", "c2"]).to_owned();
                let within = self.one(&[GrantedWithin::Parent, GrantedWithin::ParentsBounds, GrantedWithin::Nobody]);
                let limits = ChildLimits { max_depth: 2, max_live: 2, per_minute: 3 };
                Command::CreateChild(
                    session,
                    id,
                    Box::new(NewChild { fence, call, limits, within, task: self.new_task(now) }),
                )
            }
            89..91 => {
                let (session, id, _) = self.task(stores).await;
                Command::TakeOn(session, id, self.host(), self.perhaps(0.5, Self::text))
            }
            91..94 => Command::Wait(self.one(&[1, 100, 900, 5_000, 70_000])),
            94..96 => {
                let tasks = self.tasks.clone();
                let query = TaskQuery {
                    filter: self.filter(),
                    order: self.one(&[Order::OldestFirst, Order::NewestFirst]),
                    after: if tasks.is_empty() { None } else { self.perhaps(0.2, |draw| draw.one(&tasks)) },
                    limit: self.one(&[1, 2, 3, 100, 0]),
                };
                Command::List(self.session(), query)
            }
            96 => {
                let (session, id, _) = self.task(stores).await;
                let sent = self.messages.clone();
                let after = if sent.is_empty() { None } else { self.perhaps(0.5, |draw| draw.one(&sent).id) };
                Command::Messages(session, id, MessagePage { after, limit: self.small(1..4) })
            }
            97 => Command::Sessions(self.one(&[vec![], vec![SessionState::Closed]]), self.small(1..3)),
            98 => match self.small(0..2) {
                0 => Command::Finished(self.time(now), self.small(1..4)),
                _ => Command::Lapsed(self.small(1..4)),
            },
            _ => match self.small(0..2) {
                0 => Command::Work(self.kinds(), self.perhaps(0.5, |draw| draw.time(now))),
                _ => Command::Held(self.host()),
            },
        }
    }
}
