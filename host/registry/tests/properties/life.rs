//! One task's life: makes commands of wishes, gives them to the core, and remembers what a session would remember.
//! Does not check anything: the invariants do.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};
use serde_json::json;
use taskwright_registry::{
    Applied, Artifact, Budget, CancelPolicy, Direction, DispatchChange, EventBody, Failure, Fence, HostId, HostRef,
    InputRequestId, Links, Message, MessageId, NewInputRequest, NewMessage, NewTask, Part, Phase, Progress, Recovery,
    Rejection, Retry, Schema, Supersede, Task, TaskError, TaskId, TaskUpdate, Timestamp, Usage, Visibility, WakeCause,
    acknowledge, apply, create, record_message, request_cancel, settle_failure, settle_loss, take_on,
};

use crate::wish::{Ask, Birth, Leave, Reply, Wish, Writer};

/// What an instance is allowed, where one has used something. The flow is so wide that the seconds of a life regain some.
pub(crate) const ALLOWED: Budget = Budget { cpu_ms: 20_000_000, artifact_bytes: 1_000, ..Budget::UNLIMITED };

/// What an accepted wish did.
#[derive(Debug, Clone)]
pub(crate) struct Effects {
    pub(crate) task: Task,
    pub(crate) changed: bool,
    pub(crate) events: Vec<EventBody>,
    pub(crate) wakes: Vec<WakeCause>,
    pub(crate) message: Option<Message>,
    pub(crate) answered: bool,
}

/// What was asked, in the core's terms.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Update(Box<TaskUpdate>),
    Cancel(String),
    Message(NewMessage),
    Take(Fence),
    /// Somebody takes on work that is done elsewhere.
    TakeOn(HostRef),
    /// The host is lost, and so many crashes are too many.
    Loss(u32),
}

impl Command {
    pub(crate) fn fence(&self) -> Option<Fence> {
        match self {
            Command::Update(update) => update.fence,
            Command::Message(message) => message.fence,
            Command::Take(fence) => Some(*fence),
            Command::Cancel(_) | Command::TakeOn(_) | Command::Loss(_) => None,
        }
    }

    pub(crate) fn update(&self) -> Option<&TaskUpdate> {
        match self {
            Command::Update(update) => Some(update),
            _ => None,
        }
    }
}

/// One step, as the invariants see it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) now: Timestamp,
    pub(crate) before: Task,
    pub(crate) command: Command,
    pub(crate) outcome: Result<Effects, Rejection>,
}

impl Step {
    /// The record that is stored after the step.
    pub(crate) fn after(&self) -> &Task {
        self.outcome.as_ref().map_or(&self.before, |effects| &effects.task)
    }
}

/// The life so far, the last step included.
pub(crate) struct Life {
    pub(crate) task: Task,
    pub(crate) now: Timestamp,
    drawn: u64,
    fences: Vec<Fence>,
    /// Every question, in order.
    pub(crate) asked: Vec<InputRequestId>,
    /// Every wake, in order.
    pub(crate) woken: Vec<(u32, WakeCause)>,
    pub(crate) claims: u32,
    pub(crate) attempts: u32,
    pub(crate) unread: u32,
    /// What the instance took since its newest checkpoint.
    pub(crate) held: u32,
    pub(crate) artifacts: usize,
    pub(crate) links: BTreeSet<String>,
}

impl Life {
    pub(crate) fn begin(birth: Birth) -> Self {
        let now = DateTime::from_timestamp_millis(1_800_000_000_000).expect("in range");
        let session = "session".parse().expect("a session id");
        let new = NewTask {
            wake_policy: birth.wake_policy,
            cancel_policy: CancelPolicy { mode: birth.cancel_mode, grace_ms: 700 },
            max_attempts: birth.max_attempts,
            deadline: birth.deadline_ms.map(|ms| now + TimeDelta::milliseconds(ms)),
            attempt_timeout_ms: birth.attempt_timeout_ms,
            recovery: birth.recovery,
            takes_messages: birth.takes_messages,
            visibility: if birth.hidden { Visibility::Hidden } else { Visibility::Listed },
            ..NewTask::new(TaskId::new(now, [0; 10]), session, "kind", json!({"spec": true}))
        };
        let task = create(new, now).expect("an acceptable task");
        Self {
            task,
            now,
            drawn: 0,
            fences: Vec::new(),
            asked: Vec::new(),
            woken: Vec::new(),
            claims: 0,
            attempts: 1,
            unread: 0,
            held: 0,
            artifacts: 0,
            links: BTreeSet::new(),
        }
    }

    /// Takes a wish; gives nothing for one that is no command.
    pub(crate) fn take(&mut self, wish: &Wish) -> Option<Step> {
        let command = self.command(wish)?;
        let before = self.task.clone();
        let outcome = self.decide(&command);
        if let Ok(effects) = &outcome {
            self.remember(&before, &command, effects);
            self.task = effects.task.clone();
        }
        Some(Step { now: self.now, before, command, outcome })
    }

    fn decide(&self, command: &Command) -> Result<Effects, Rejection> {
        let effects = |applied: Applied, message, answered| Effects {
            task: applied.task,
            changed: applied.changed,
            events: applied.events,
            wakes: applied.wakes,
            message,
            answered,
        };
        Ok(match command {
            Command::Update(update) => effects(apply(&self.task, (**update).clone(), self.now)?, None, false),
            Command::TakeOn(holder) => effects(take_on(&self.task, holder.clone(), None, self.now)?, None, false),
            Command::Loss(limit) => {
                // Nobody ends work elsewhere for the loss of anything (L51).
                let update = settle_loss(&self.task, *limit).unwrap_or_default();
                effects(apply(&self.task, update, self.now)?, None, false)
            }
            Command::Cancel(reason) => effects(request_cancel(&self.task, Some(reason), self.now)?.0, None, false),
            Command::Take(fence) => effects(acknowledge(&self.task, *fence, self.now)?, None, false),
            Command::Message(message) => {
                let recorded = record_message(&self.task, message.clone(), self.now)?;
                effects(recorded.applied, Some(recorded.message), recorded.answered)
            }
        })
    }

    fn remember(&mut self, before: &Task, command: &Command, effects: &Effects) {
        let after = &effects.task;
        self.woken.extend(effects.wakes.iter().map(|cause| (after.attempt, cause.clone())));
        if let Some(open) = &after.input_request
            && before.input_request.as_ref().map(|request| &request.id) != Some(&open.id)
        {
            self.asked.push(open.id.clone());
        }
        match command {
            Command::Update(update) => {
                if matches!(update.dispatch, Some(DispatchChange::Claim { .. })) && effects.changed {
                    self.claims += 1;
                    self.fences.push(after.fence());
                }
                self.attempts += u32::from(update.supersede.is_some());
                let leaves = matches!(update.dispatch, Some(DispatchChange::Hibernate { .. }));
                if update.checkpoint.is_some() || leaves || after.state.is_terminal() {
                    self.held = 0;
                } else if update.supersede.is_some() || matches!(update.dispatch, Some(DispatchChange::Release)) {
                    self.unread += std::mem::take(&mut self.held);
                }
                self.artifacts += update.artifacts.len();
                self.links.extend(update.links.resource_ids.iter().cloned());
            }
            Command::Message(message) => self.unread += u32::from(message.direction == Direction::Inbound),
            Command::Take(_) => {
                self.unread = self.unread.saturating_sub(1);
                self.held += u32::from(before.dispatch.phase == Phase::Resident);
            }
            Command::TakeOn(_) => {
                self.claims += 1;
                self.fences.push(after.fence());
                if after.attempt != before.attempt {
                    self.attempts += 1;
                    self.unread += std::mem::take(&mut self.held);
                }
            }
            Command::Loss(_) if before.recovery == Recovery::External => {}
            Command::Loss(_) if after.state.is_live() => {
                self.attempts += 1;
                self.unread += std::mem::take(&mut self.held);
            }
            Command::Loss(_) => self.held = 0,
            Command::Cancel(_) => {}
        }
    }

    fn fence(&self, writer: Writer) -> Option<Fence> {
        let current = self.task.fence();
        match writer {
            Writer::Current => Some(current),
            Writer::Host => None,
            Writer::Straggler => self.fences.iter().copied().find(|fence| *fence != current).or(Some(current)),
            Writer::Impostor => Some(Fence { attempt: current.attempt + 1, ..current }),
            Writer::Namesake => Some(Fence { birth: current.birth + 1, ..current }),
        }
    }

    fn random(&mut self) -> [u8; 10] {
        self.drawn += 1;
        let mut bits = [0; 10];
        bits[2..].copy_from_slice(&self.drawn.to_be_bytes());
        bits
    }

    fn command(&mut self, wish: &Wish) -> Option<Command> {
        Some(match wish {
            Wish::Update(writer, ask) => Command::Update(Box::new(self.update(*writer, ask))),
            Wish::Claim(code) => {
                let host = HostRef { id: HostId::new(self.now, [3; 10]), epoch: 1 };
                let dispatch = Some(DispatchChange::Claim { host, code: code.map(|n| format!("sha256:{n}")) });
                Command::Update(Box::new(TaskUpdate { dispatch, ..TaskUpdate::default() }))
            }
            Wish::Cancel(reason) => Command::Cancel(reason.to_string()),
            Wish::Inbound(reply, fits) => {
                let part = if *fits { Part::Text("yes".to_owned()) } else { Part::Data(json!({"no": 1})) };
                Command::Message(self.message(None, Direction::Inbound, *reply, part))
            }
            Wish::Outbound(writer, reply) => {
                let fence = self.fence(*writer);
                Command::Message(self.message(fence, Direction::Outbound, *reply, Part::Text("news".to_owned())))
            }
            Wish::Take(writer) => Command::Take(self.fence(*writer).unwrap_or(self.task.fence())),
            Wish::FailAttempt(writer) => {
                let error = TaskError { detail: None, kind: "trap".to_owned(), message: "m".to_owned() };
                let failure = Failure { error, retry: Retry::Backoff };
                let update = settle_failure(&self.task, failure, Usage::default(), self.now, 0.5);
                Command::Update(Box::new(TaskUpdate { fence: self.fence(*writer), ..update }))
            }
            Wish::TakeOn => Command::TakeOn(HostRef { id: HostId::new(self.now, self.random()), epoch: 1 }),
            Wish::LoseHost(crash_limit) => {
                // Nobody holds anything that could be lost.
                self.task.dispatch.host.as_ref()?;
                Command::Loss(*crash_limit)
            }
            Wish::Pass(millis) => {
                self.now += TimeDelta::milliseconds(*millis);
                return None;
            }
        })
    }

    fn message(&mut self, fence: Option<Fence>, direction: Direction, reply: Reply, part: Part) -> NewMessage {
        let in_reply_to = match reply {
            Reply::Nothing => None,
            Reply::Open => self.task.input_request.as_ref().map(|open| open.id.to_string()),
            Reply::Older => self.asked.iter().rev().nth(1).map(ToString::to_string),
        };
        let id = MessageId::new(self.now, self.random());
        NewMessage { id, fence, direction, parts: vec![part], in_reply_to }
    }

    fn update(&mut self, writer: Writer, ask: &Ask) -> TaskUpdate {
        let later = |millis: i64| self.now + TimeDelta::milliseconds(millis);
        let supersede = match (ask.retry_in, ask.reattach) {
            (Some(millis), _) => Some(Supersede::Retry { at: later(millis) }),
            (None, true) => Some(Supersede::Reattach),
            (None, false) => None,
        };
        let dispatch = ask.leave.map(|leave| match leave {
            Leave::Hibernate(until, ignored) => DispatchChange::Hibernate { until: until.map(later), ignored },
            Leave::Release => DispatchChange::Release,
        });
        let artifact = |number: u8| Artifact {
            name: format!("a{number}"),
            media_type: "text/plain".to_owned(),
            path: None,
            url: None,
            bytes: None,
        };
        let summary =
            if ask.too_large { Some("x".repeat(10_000)) } else { ask.summary.map(|number| number.to_string()) };
        // The same bits every time: that an id is new must not depend on luck.
        let question = ask.question.map(|expects_text| NewInputRequest {
            prompt: "which?".to_owned(),
            expected: expects_text.then(|| Schema::new(json!({"type": "string"})).expect("a schema")),
            random: [9; 10],
        });
        TaskUpdate {
            fence: self.fence(writer),
            state: ask.state,
            state_detail: ask.detail.map(|detail| detail.map(|number| number.to_string())),
            progress: ask.progress.map(|number| Progress { current: number.into(), ..Progress::default() }),
            input_request: question,
            summary,
            result: ask.result.map(|number| json!(number)),
            artifacts: (0..ask.artifacts).map(artifact).collect(),
            links: Links { resource_ids: ask.links.iter().map(ToString::to_string).collect(), ..Links::default() },
            error: ask.error.then(|| TaskError { detail: None, kind: "odd".to_owned(), message: "m".to_owned() }),
            checkpoint: ask.checkpoint.map(|byte| vec![byte]),
            usage: Usage { cpu_ms: ask.used.into(), artifact_bytes: ask.used.into(), ..Usage::default() },
            allowed: (ask.used > 0).then_some(ALLOWED),
            supersede,
            dispatch,
            cancel_delivered: ask.cancel_delivered,
            heartbeat: ask.heartbeat,
            reported: ask.reported,
        }
    }
}
