//! How due tasks are shared out between sessions, so that none starves another.
//! Does not claim anything: the verb does, in its transaction.

use std::collections::{BTreeMap, HashMap, VecDeque};

use taskwright_registry::{Priority, SessionId, Timestamp};

/// How a claim is shared out. Sessions are served in turn, one task each and then again; within a session what has a higher
/// priority comes first, and of the same priority what is due longest (L57).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turns {
    /// The session that was served last; the one behind it is the first to be served now.
    pub after: Option<SessionId>,
    /// How many tasks a session may be given that `room` does not mention.
    pub most: usize,
    /// How many more these may be given.
    pub room: HashMap<SessionId, usize>,
}

impl Default for Turns {
    /// No session is held back.
    fn default() -> Self {
        Self { after: None, most: usize::MAX, room: HashMap::new() }
    }
}

impl Turns {
    fn room(&self, session: &SessionId) -> usize {
        self.room.get(session).copied().unwrap_or(self.most)
    }
}

/// A task that is due, as an index knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DueTask {
    pub(crate) priority: Priority,
    pub(crate) due_at: Timestamp,
    /// The task's place in order of creation.
    pub(crate) place: u64,
    /// Its session's turn: a number that stays.
    pub(crate) turn: u64,
    pub(crate) session: SessionId,
    pub(crate) kind: String,
}

/// What there is room for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Room {
    /// In sessions, by their turns. Those that are not named have as much as they are given.
    pub(crate) sessions: HashMap<u64, usize>,
    /// For kinds; those that are not named have no limit.
    pub(crate) kinds: HashMap<String, usize>,
}

impl Room {
    /// Takes a place for a task of a kind, if there is one.
    fn take(&mut self, kind: &str) -> bool {
        match self.kinds.get_mut(kind) {
            None => true,
            Some(0) => false,
            Some(room) => {
                *room -= 1;
                true
            }
        }
    }
}

/// Chooses at most `limit` tasks, in the order in which they are to be claimed. `after` is the turn that was served last.
pub(crate) fn share_out(
    mut due: Vec<DueTask>,
    turns: &Turns,
    mut room: Room,
    after: Option<u64>,
    limit: usize,
) -> Vec<DueTask> {
    due.sort_unstable();
    due.dedup_by_key(|task| task.place);
    let mut sessions: BTreeMap<u64, VecDeque<DueTask>> = BTreeMap::new();
    for task in due {
        sessions.entry(task.turn).or_default().push_back(task);
    }
    let first = after.map_or(0, |turn| turn.saturating_add(1));
    let behind = sessions.split_off(&first);
    let mut queue: VecDeque<(usize, VecDeque<DueTask>)> = VecDeque::new();
    for (turn, tasks) in behind.into_iter().chain(sessions) {
        let here = tasks.front().map_or(0, |task| turns.room(&task.session));
        let anywhere = room.sessions.get(&turn).copied().unwrap_or(usize::MAX);
        queue.push_back((here.min(anywhere), tasks));
    }
    let mut chosen = Vec::new();
    while chosen.len() < limit
        && let Some((left, mut tasks)) = queue.pop_front()
    {
        if left == 0 {
            continue;
        }
        // What is passed over for its kind does not keep the rest of its session waiting.
        while let Some(task) = tasks.pop_front() {
            if room.take(&task.kind) {
                chosen.push(task);
                queue.push_back((left - 1, tasks));
                break;
            }
        }
    }
    chosen
}

/// What is due of each of so many sessions in turn, of a store that looks for one after another.
pub(crate) fn go_round<E>(
    after: Option<u64>,
    sessions: usize,
    mut next_turn: impl FnMut(Option<u64>) -> Result<Option<u64>, E>,
    mut due_in_turn: impl FnMut(u64) -> Result<Vec<DueTask>, E>,
) -> Result<Vec<DueTask>, E> {
    let (mut due, mut turn, mut round) = (Vec::new(), after, after.is_none());
    let mut looked_at = 0;
    while looked_at < sessions {
        let Some(next) = next_turn(turn)? else {
            if round {
                break;
            }
            (turn, round) = (None, true);
            continue;
        };
        if round && after.is_some_and(|after| next > after) {
            break;
        }
        due.extend(due_in_turn(next)?);
        (turn, looked_at) = (Some(next), looked_at + 1);
    }
    Ok(due)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn session(turn: u64) -> SessionId {
        format!("session-{turn}").parse().unwrap()
    }

    fn due(tasks: &[(u64, u64)]) -> Vec<DueTask> {
        let task = |&(turn, place): &(u64, u64)| DueTask {
            priority: Priority::Normal,
            due_at: DateTime::from_timestamp_millis(i64::try_from(place).unwrap()).unwrap(),
            place,
            turn,
            session: session(turn),
            kind: "probe".to_owned(),
        };
        tasks.iter().map(task).collect()
    }

    fn share_out(due: Vec<DueTask>, turns: &Turns, after: Option<u64>, limit: usize) -> Vec<u64> {
        super::share_out(due, turns, Room::default(), after, limit).into_iter().map(|task| task.place).collect()
    }

    #[test]
    fn sessions_are_served_in_turn_behind_the_one_that_was_served_last() {
        let tasks = due(&[(1, 10), (1, 11), (1, 12), (2, 20), (3, 30), (3, 31)]);
        assert_eq!(share_out(tasks.clone(), &Turns::default(), None, 4), [10, 20, 30, 11]);
        assert_eq!(share_out(tasks.clone(), &Turns::default(), Some(1), 4), [20, 30, 10, 31]);
        assert_eq!(share_out(tasks, &Turns::default(), Some(3), 9), [10, 20, 30, 11, 31, 12]);
    }

    #[test]
    fn a_session_without_room_is_passed_over_and_the_others_get_its_share() {
        let tasks = due(&[(1, 10), (1, 11), (2, 20), (2, 21), (2, 22)]);
        let turns = Turns { room: [(session(1), 0)].into(), most: 2, ..Turns::default() };
        assert_eq!(share_out(tasks, &turns, None, 10), [20, 21]);
    }
    // L57
    #[test]
    fn within_a_session_what_has_a_higher_priority_comes_first_and_takes_nobody_elses_turn() {
        let mut tasks = due(&[(1, 10), (1, 11), (1, 12), (2, 20)]);
        tasks[0].priority = Priority::Low;
        tasks[2].priority = Priority::High;
        assert_eq!(share_out(tasks, &Turns::default(), None, 4), [12, 20, 11, 10]);
    }

    // L58
    #[test]
    fn what_a_limit_of_all_hosts_keeps_back_leaves_its_place_to_others() {
        let mut tasks = due(&[(1, 10), (1, 11), (2, 20), (2, 21), (3, 30)]);
        tasks[0].kind = "full".to_owned();
        let room = Room { sessions: [(2, 1)].into(), kinds: [("full".to_owned(), 0)].into() };
        let chosen = super::share_out(tasks, &Turns::default(), room, None, 9);
        assert_eq!(chosen.into_iter().map(|task| task.place).collect::<Vec<_>>(), [11, 20, 30]);
    }
}
