//! The statement of a list: what a filter asks for, in SQL.
//! Does not run it.

use taskwright_registry::{State, TaskId};
use tokio_postgres::types::ToSql;

use crate::{Hidden, Order, TaskFilter};

/// The statement of a list, and what it is given beside session and limit.
pub(super) struct List {
    pub(super) sql: String,
    pub(super) given: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl List {
    pub(super) fn of(filter: &TaskFilter, order: Order, after: Option<&TaskId>) -> Self {
        let sql =
            "SELECT record, $1::text, id, priority FROM tasks WHERE session = (SELECT no FROM sessions WHERE id = $1)"
                .to_owned();
        let mut list = Self { sql, given: Vec::new() };
        if !filter.states.is_empty() {
            if filter.states.iter().all(|state| state.is_live()) {
                list.sql.push_str(" AND phase <> 'over'");
            }
            let states: Vec<&'static str> = filter.states.iter().copied().map(State::as_str).collect();
            list.and("state = ANY(?)", states);
        }
        if !filter.kinds.is_empty() {
            list.and("kind = ANY(?)", filter.kinds.clone());
        }
        if let Some(name) = &filter.name {
            list.and("name = ?", name.clone());
        }
        if let Some(prefix) = &filter.id_prefix {
            // An id holds no character behind `~`.
            list.and("id >= ?", prefix.clone());
            list.and("id < ?", format!("{prefix}~"));
        }
        if let Some(parent) = &filter.parent_task_id {
            list.and("parent_task_id = ?", parent.clone());
        }
        if let Some(run) = &filter.run_id {
            list.and("run_id = ?", run.clone());
        }
        match filter.hidden {
            Hidden::LeftOut => list.sql.push_str(" AND hidden = 0"),
            Hidden::Included => {}
            Hidden::Only => list.sql.push_str(" AND hidden > 0"),
            Hidden::Unreported => list.sql.push_str(" AND hidden = 1"),
        }
        let (beyond, direction) = match order {
            Order::OldestFirst => ("no > (SELECT no FROM tasks WHERE id = ?)", "ASC"),
            Order::NewestFirst => ("no < (SELECT no FROM tasks WHERE id = ?)", "DESC"),
        };
        if let Some(after) = after {
            list.and(beyond, after.as_str().to_owned());
        }
        list.sql.push_str(&format!(" ORDER BY no {direction} LIMIT $2"));
        list
    }

    fn and(&mut self, clause: &str, given: impl ToSql + Sync + Send + 'static) {
        self.given.push(Box::new(given));
        let place = format!("${}", self.given.len() + 2);
        self.sql.push_str(" AND ");
        self.sql.push_str(&clause.replace('?', &place));
    }
}
