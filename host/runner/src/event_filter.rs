//! Which events of a session's log a subscriber is shown.
//! Does not read the log, and shows no event of another session: a log holds its own session's alone.
//!
//! Task, kind, parent and run say which tasks a subscriber cares about. States say which of their moments: an event is
//! shown if the record is in one of them after it. Two things are never hidden by states: the end of a task that the
//! subscriber has been shown, or may have been before its cursor, and a task's leaving the session. Otherwise who asks
//! for live states alone would wait for ever for a task that is over.

use std::collections::HashMap;

use taskwright_registry::{Event, EventBody, State, Task, TaskId};

/// Which events to show. The default is all of them; what is set narrows together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only what concerns this task.
    pub task: Option<TaskId>,
    /// Only what concerns tasks of these kinds; empty for all. A kind that nobody knows has no events.
    pub kinds: Vec<String>,
    /// Only what leaves a task in one of these states, and ends of tasks that the subscriber has been shown, and moves to and
    /// from the session; empty for all. A message is judged by the record before it in the log; behind a cursor, where that is
    /// not known, by whether any live state is named.
    pub states: Vec<State>,
    /// Only what concerns the children of this task.
    pub parent_task_id: Option<String>,
    /// Only what concerns tasks that were created in this run.
    pub run_id: Option<String>,
}

impl EventFilter {
    /// Whether a task's id says all that has to be known.
    fn asks_for_records(&self) -> bool {
        !self.kinds.is_empty() || !self.states.is_empty() || self.parent_task_id.is_some() || self.run_id.is_some()
    }

    /// Whether a record is of a task that the subscriber cares about, in whatever state.
    fn concerns(&self, task: &Task) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&task.kind))
            && (self.parent_task_id.is_none() || self.parent_task_id == task.parent.task_id)
            && (self.run_id.is_none() || self.run_id == task.parent.run_id)
    }

    fn admits(&self, state: State) -> bool {
        self.states.is_empty() || self.states.contains(&state)
    }

    /// Whether a live task passes whose state is known or not.
    fn admits_live(&self, state: Option<State>) -> bool {
        match state {
            Some(state) => self.admits(state),
            None => self.states.is_empty() || self.states.iter().any(|state| state.is_live()),
        }
    }
}

/// What is known of a task between two of its events.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Whether the subscriber cares about the task.
    concerns: bool,
    /// Its state after the last event; none if the subscription began later.
    state: Option<State>,
    /// Whether the subscriber has been shown the task, or may have been.
    shown: bool,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is shown.
    Show,
    /// It is not.
    Hide,
    /// The record of its task has to be read first.
    Ask,
}

/// Judges a log's events one after the other, and remembers what later ones need: at most a line for each live task that
/// had an event since the subscription began.
#[derive(Debug)]
pub(crate) struct EventJudge {
    filter: EventFilter,
    known: HashMap<TaskId, Known>,
    /// The task of the event at hand, if its record was asked for and is nowhere.
    gone: Option<TaskId>,
}

impl EventJudge {
    pub(crate) fn new(filter: EventFilter) -> Self {
        Self { filter, known: HashMap::new(), gone: None }
    }

    /// Judges an event. It stays the same verdict until `passed` or `answer` is told of it.
    pub(crate) fn judge(&self, event: &Event) -> Verdict {
        if self.filter.task.as_ref().is_some_and(|only| *only != event.task_id) {
            return Verdict::Hide;
        }
        if !self.filter.asks_for_records() {
            return Verdict::Show;
        }
        let known = self.known.get(&event.task_id);
        let gone = self.gone.as_ref() == Some(&event.task_id);
        let shown = match &event.body {
            EventBody::Created { task } | EventBody::Updated { task, .. } => {
                self.filter.concerns(task) && (self.filter.admits(task.state) || self.is_end_of_seen(event, known))
            }
            EventBody::Transferred { .. } => match known {
                Some(known) => known.concerns,
                // It can no longer be told which task it was. Hiding it might hide that a task has gone.
                None if gone => true,
                None => return Verdict::Ask,
            },
            EventBody::MessageSent { .. } | EventBody::MessageReceived { .. } => match known {
                // Tasks that are over take no messages and send none.
                Some(known) => known.concerns && self.filter.admits_live(known.state),
                None if gone => false,
                None => return Verdict::Ask,
            },
            // It may be anything, an end too.
            EventBody::Unreadable { .. } => true,
        };
        if shown { Verdict::Show } else { Verdict::Hide }
    }

    /// Whether it is the end of a task that the subscriber has certainly or possibly been shown: one that is not known was
    /// created before the cursor, and may have been shown to an earlier subscription that this one goes on from.
    fn is_end_of_seen(&self, event: &Event, known: Option<&Known>) -> bool {
        let EventBody::Updated { task, changes } = &event.body else { return false };
        task.state.is_terminal()
            && changes.iter().any(|change| change == "state")
            && known.is_none_or(|known| known.shown)
    }

    /// Notes the record that was asked for; `None` if there is none.
    pub(crate) fn answer(&mut self, id: &TaskId, task: Option<&Task>) {
        match task {
            // It is the record of now and not of then: what cannot change is taken from it.
            Some(task) => {
                let known = Known { concerns: self.filter.concerns(task), state: None, shown: true };
                self.known.insert(id.clone(), known);
            }
            None => self.gone = Some(id.clone()),
        }
    }

    /// Notes that an event was shown, or hidden.
    pub(crate) fn passed(&mut self, event: &Event, verdict: Verdict) {
        if !self.filter.asks_for_records() {
            return;
        }
        self.gone = None;
        let shown = verdict == Verdict::Show;
        match &event.body {
            // Nothing but content follows, which carries a record.
            EventBody::Updated { task, .. } if task.state.is_terminal() => drop(self.known.remove(&task.id)),
            EventBody::Created { task } => self.learn(task, shown),
            EventBody::Updated { task, .. } => {
                let before = self.known.get(&task.id).is_none_or(|known| known.shown);
                self.learn(task, before || shown);
            }
            EventBody::Transferred { from, .. } if *from == event.session_id => {
                self.known.remove(&event.task_id);
            }
            EventBody::Unreadable { .. } => drop(self.known.remove(&event.task_id)),
            EventBody::Transferred { .. } | EventBody::MessageSent { .. } | EventBody::MessageReceived { .. } => {
                if let Some(known) = self.known.get_mut(&event.task_id) {
                    known.shown |= shown;
                }
            }
        }
    }

    /// Notes that events are missing: what was known may be no longer so.
    pub(crate) fn lose_track(&mut self) {
        self.known.clear();
    }

    fn learn(&mut self, task: &Task, shown: bool) {
        let known = Known { concerns: self.filter.concerns(task), state: Some(task.state), shown };
        self.known.insert(task.id.clone(), known);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use taskwright_registry::{NewTask, SessionId, TaskUpdate, Timestamp, apply, create};

    use super::*;

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn here() -> SessionId {
        "here".parse().expect("a session id")
    }

    fn there() -> SessionId {
        "there".parse().expect("a session id")
    }

    fn task(kind: &str) -> Task {
        create(NewTask::new(TaskId::new(now(), [1; 10]), here(), kind, json!({})), now()).expect("a task")
    }

    fn event(task: &Task, body: EventBody) -> Event {
        Event { session_id: here(), seq: 1, task_id: task.id.clone(), at: now(), body }
    }

    fn created(task: &Task) -> Event {
        event(task, EventBody::Created { task: Box::new(task.clone()) })
    }

    fn moved(task: &Task, from: SessionId, to: SessionId) -> Event {
        event(task, EventBody::Transferred { from, to, task: Box::new(task.clone()) })
    }

    fn end(task: &Task) -> Event {
        let update = TaskUpdate { state: Some(State::Succeeded), ..TaskUpdate::default() };
        event(task, apply(task, update, now()).expect("accepted").events.remove(0))
    }

    fn judge(judge: &mut EventJudge, event: &Event) -> Verdict {
        let verdict = judge.judge(event);
        if verdict != Verdict::Ask {
            judge.passed(event, verdict);
        }
        verdict
    }

    fn scouts() -> EventFilter {
        EventFilter { kinds: vec!["scout".to_owned()], states: vec![State::AwaitingInput], ..EventFilter::default() }
    }

    #[test]
    fn that_a_task_leaves_is_shown_whatever_its_state_and_only_to_whom_it_concerns() {
        for (kind, expected) in [("scout", Verdict::Show), ("other", Verdict::Hide)] {
            let (mut judges, task) = (EventJudge::new(scouts()), task(kind));
            assert_eq!(judge(&mut judges, &created(&task)), Verdict::Hide);
            assert_eq!(judge(&mut judges, &moved(&task, here(), there())), expected, "{kind}");
            assert!(judges.known.is_empty(), "nothing more is heard of it here");
        }
    }

    #[test]
    fn a_move_behind_the_cursor_is_judged_by_the_record_and_shown_where_there_is_none() {
        for (kind, found, expected) in
            [("scout", true, Verdict::Show), ("other", true, Verdict::Hide), ("other", false, Verdict::Show)]
        {
            let (mut judges, task) = (EventJudge::new(scouts()), task(kind));
            let leaves = moved(&task, here(), there());
            assert_eq!(judge(&mut judges, &leaves), Verdict::Ask);
            judges.answer(&task.id, found.then_some(&task));
            assert_eq!(judge(&mut judges, &leaves), expected, "{kind} {found}");
        }
    }

    #[test]
    fn a_task_that_arrives_is_shown_and_so_is_its_end() {
        let (mut judges, task) = (EventJudge::new(scouts()), task("scout"));
        let arrives = moved(&task, there(), here());
        assert_eq!(judge(&mut judges, &arrives), Verdict::Ask);
        judges.answer(&task.id, Some(&task));
        assert_eq!(judge(&mut judges, &arrives), Verdict::Show);
        assert_eq!(judge(&mut judges, &end(&task)), Verdict::Show);
        assert!(judges.known.is_empty(), "what is over is not remembered");
    }

    #[test]
    fn who_asks_for_nothing_about_records_is_never_kept_waiting_for_one() {
        let task = task("other");
        for filter in [EventFilter::default(), EventFilter { task: Some(task.id.clone()), ..EventFilter::default() }] {
            let mut judges = EventJudge::new(filter);
            assert_eq!(judge(&mut judges, &moved(&task, here(), there())), Verdict::Show);
            assert!(judges.known.is_empty());
        }
    }
}
