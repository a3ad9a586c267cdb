//! Pages of a session's tasks, along the index that fits the filter.
//! Does not scan: what is looked at is the page, once for each group that it can come from.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params};
use taskwright_registry::{SessionId, State, Task, TaskId};

use super::rows::{SqliteRows, record};
use super::text::encode;
use crate::unreadable::Read;
use crate::walk::{self, SAME_BEGINNING, Walk};
use crate::{Hidden, Order, StoreError, TaskFilter};

/// One page: behind a place, in an order, at most so many.
struct Page<'f> {
    /// The session's number.
    session: i64,
    filter: &'f TaskFilter,
    order: Order,
    after: i64,
    limit: usize,
}

impl SqliteRows<'_> {
    /// Tasks of a session, by creation, behind `after`, at most `limit`.
    pub(super) fn page_of_tasks(
        &self,
        session: &SessionId,
        filter: &TaskFilter,
        order: Order,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Read<Task>>, StoreError> {
        let own = session;
        let sql = "SELECT no FROM sessions WHERE id = ?1";
        let session =
            self.connection.prepare_cached(sql)?.query_row([session.as_str()], |row| row.get(0)).optional()?;
        let Some(session) = session else { return Ok(Vec::new()) };
        let after = match (after, order) {
            (Some(after), _) => {
                let sql = "SELECT no FROM tasks WHERE id = ?1";
                self.connection.prepare_cached(sql)?.query_row([after.as_str()], |row| row.get(0))?
            }
            (None, Order::OldestFirst) => i64::MIN,
            (None, Order::NewestFirst) => i64::MAX,
        };
        let page = Page { session, filter, order, after, limit };
        let mut places = self.places(&page)?;
        match order {
            Order::OldestFirst => places.sort_unstable(),
            Order::NewestFirst => places.sort_unstable_by(|one, other| other.cmp(one)),
        }
        places.truncate(limit);
        let mut records = self.connection.prepare_cached("SELECT record, ?2, id, priority FROM tasks WHERE no = ?1")?;
        let mut tasks = Vec::with_capacity(places.len());
        for place in places {
            let mut rows = records.query(params![place, own.as_str()])?;
            if let Some(row) = rows.next()? {
                tasks.push(record(row, 1)?);
            }
        }
        Ok(tasks)
    }

    /// The places of the page's tasks, and of some behind them if they come from several groups.
    fn places(&self, page: &Page<'_>) -> Result<Vec<i64>, StoreError> {
        let filter = page.filter;
        let way = Walk::of(filter, self.few_begin_so(filter)?);
        let mut places = Vec::new();
        match way {
            Walk::All => {
                for hidden in filter.hidden.ranks() {
                    self.walk(way, page, None, *hidden, &mut places)?;
                }
            }
            Walk::Groups => {
                let states = walk::states(filter);
                for hidden in filter.hidden.ranks() {
                    for kind in self.kinds(page, *hidden)? {
                        for state in &states {
                            self.walk(way, page, Some((&kind, *state)), *hidden, &mut places)?;
                        }
                    }
                }
            }
            _ => self.walk(way, page, None, 0, &mut places)?,
        }
        Ok(places)
    }

    /// Whether few enough tasks have an id that begins as the filter says.
    fn few_begin_so(&self, filter: &TaskFilter) -> Result<bool, StoreError> {
        let Some(prefix) = &filter.id_prefix else { return Ok(false) };
        let sql = "SELECT count(*) FROM (SELECT 1 FROM tasks WHERE id >= ?1 AND id < ?1 || '~' LIMIT ?2)";
        let found: usize =
            self.connection.prepare_cached(sql)?.query_row(params![prefix, SAME_BEGINNING + 1], |row| row.get(0))?;
        Ok(found <= SAME_BEGINNING)
    }

    /// The kinds of the groups that a filter admits: its own, or those that the session has tasks of, one step of the index
    /// for each.
    fn kinds(&self, page: &Page<'_>, hidden: u8) -> Result<Vec<String>, StoreError> {
        let mut kinds = page.filter.kinds.clone();
        if !kinds.is_empty() {
            kinds.sort_unstable();
            kinds.dedup();
            return Ok(kinds);
        }
        let sql = "SELECT kind FROM tasks INDEXED BY tasks_of_group
                   WHERE session = ?1 AND hidden = ?2 AND kind > ?3 ORDER BY kind LIMIT 1";
        let mut next = self.connection.prepare_cached(sql)?;
        let mut last = String::new();
        while let Some(kind) =
            next.query_row(params![page.session, hidden, last], |row| row.get::<_, String>(0)).optional()?
        {
            last.clone_from(&kind);
            kinds.push(kind);
        }
        Ok(kinds)
    }

    fn walk(
        &self,
        way: Walk<'_>,
        page: &Page<'_>,
        group: Option<(&str, State)>,
        hidden: u8,
        places: &mut Vec<i64>,
    ) -> Result<(), StoreError> {
        let filter = page.filter;
        let sql = walk_sql(way, filter, page.order);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let states = filter.states.iter().copied().map(State::as_str).collect::<Vec<_>>();
        let (kind, state) = group.map_or(("", ""), |(kind, state)| (kind, state.as_str()));
        let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
        let given: [(&str, Value); 12] = [
            (":session", Value::Integer(page.session)),
            (":after", Value::Integer(page.after)),
            (":limit", Value::Integer(i64::try_from(page.limit).unwrap_or(i64::MAX))),
            (":hidden", Value::Integer(hidden.into())),
            (":kind", Value::Text(kind.to_owned())),
            (":state", Value::Text(state.to_owned())),
            (":states", Value::Text(encode("a filter", &states)?)),
            (":kinds", Value::Text(encode("a filter", &filter.kinds)?)),
            (":name", text(&filter.name)),
            (":prefix", text(&filter.id_prefix)),
            (":parent", text(&filter.parent_task_id)),
            (":run", text(&filter.run_id)),
        ];
        for (name, value) in given {
            if let Some(at) = statement.parameter_index(name)? {
                statement.raw_bind_parameter(at, value)?;
            }
        }
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            places.push(row.get(0)?);
        }
        Ok(())
    }
}

/// The statement of a way: each combination of filters is a text of its own, and so a prepared statement of its own. The
/// index is named, so that a statement which it does not serve is an error and not a scan.
fn walk_sql(way: Walk<'_>, filter: &TaskFilter, order: Order) -> String {
    let (index, on_the_way) = match way {
        Walk::LiveName(_) => ("tasks_live_name", "name = :name AND phase <> 'over'"),
        Walk::Name(_) => ("tasks_of_name", "name = :name"),
        Walk::LiveChildren(_) => ("tasks_live_children", "parent_task_id = :parent AND phase <> 'over'"),
        Walk::Children(_) => ("tasks_of_parent", "parent_task_id = :parent"),
        Walk::Run(_) => ("tasks_of_run", "run_id = :run"),
        // An id holds no character behind `~`. This is the index of what is unique about tasks.
        Walk::Beginning(_) => ("sqlite_autoindex_tasks_1", "id >= :prefix AND id < :prefix || '~'"),
        Walk::Groups => ("tasks_of_group", "hidden = :hidden AND kind = :kind AND state = :state"),
        Walk::All => ("tasks_listed", "hidden = :hidden"),
    };
    let mut sql = format!("SELECT no FROM tasks INDEXED BY {index} WHERE session = :session AND {on_the_way}");
    let mut and = |wanted: bool, clause: &str| {
        if wanted {
            sql.push_str(" AND ");
            sql.push_str(clause);
        }
    };
    if !matches!(way, Walk::Groups | Walk::All) {
        and(!filter.states.is_empty(), "state IN (SELECT value FROM json_each(:states))");
        and(!filter.kinds.is_empty(), "kind IN (SELECT value FROM json_each(:kinds))");
        match filter.hidden {
            Hidden::LeftOut => and(true, "hidden = 0"),
            Hidden::Included => {}
            Hidden::Only => and(true, "hidden > 0"),
            Hidden::Unreported => and(true, "hidden = 1"),
        }
        and(filter.parent_task_id.is_some(), "parent_task_id = :parent");
        and(filter.run_id.is_some(), "run_id = :run");
    }
    and(filter.id_prefix.is_some(), "id >= :prefix AND id < :prefix || '~'");
    let (beyond, direction) = match order {
        Order::OldestFirst => (">", "ASC"),
        Order::NewestFirst => ("<", "DESC"),
    };
    sql + &format!(" AND no {beyond} :after ORDER BY no {direction} LIMIT :limit")
}
