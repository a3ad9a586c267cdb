//! What a minute of full load has done to the tables.
//! Does not judge it: the verdict does.

use anyhow::Result;

use super::load::Done;
use crate::hosts::Database;
use crate::table::{heading, line};

const MB: f64 = 1024.0 * 1024.0;

/// A table that is written to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) live: f64,
    pub(crate) dead: f64,
    pub(crate) bytes: f64,
    pub(crate) index_bytes: f64,
    updates: f64,
    hot_updates: f64,
    vacuums: f64,
}

/// Something that is counted of a table.
pub(crate) type Count = fn(&Table) -> f64;

/// A minute, with what the tables have counted until its end.
#[derive(Debug, Clone)]
pub(crate) struct Minute {
    number: u32,
    total: Done,
    pub(crate) created: f64,
    /// Tasks begun in a second, and all but the last of them are finished.
    pub(crate) rate: f64,
    forgotten: f64,
    tables: Vec<Table>,
    before: Vec<Table>,
}

/// What its rows mean.
pub(crate) fn columns() {
    line(
        "| minute | tasks/s | x first | created/s | forgotten/s | dead rows | x live | tables MB | x first | indexes MB | x first | \
         HOT tasks | HOT sessions | vacuums |",
    );
    line("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
}

impl Minute {
    /// Looks at the end of a minute.
    pub(crate) async fn look(database: &Database, total: Done, before: Option<&Self>) -> Result<Self> {
        // The log counts as one table.
        let sql = "SELECT CASE WHEN relname LIKE 'events%' THEN 'events' ELSE relname::text END AS name,
                       sum(n_live_tup)::float8, sum(n_dead_tup)::float8, sum(pg_table_size(relid))::float8,
                       sum(pg_indexes_size(relid))::float8, sum(n_tup_upd)::float8, sum(n_tup_hot_upd)::float8,
                       sum(autovacuum_count)::float8
                   FROM pg_stat_user_tables WHERE schemaname = 'taskwright' AND n_tup_ins > 1
                   GROUP BY name ORDER BY sum(pg_total_relation_size(relid)) DESC";
        let rows = database.client.query(sql, &[]).await?;
        let tables = rows.iter().map(|row| Table {
            name: row.get(0),
            live: row.get(1),
            dead: row.get(2),
            bytes: row.get(3),
            index_bytes: row.get(4),
            updates: row.get(5),
            hot_updates: row.get(6),
            vacuums: row.get(7),
        });
        let then = before.map(|before| before.total).unwrap_or_default();
        let each = |now: u64, then: u64| now.saturating_sub(then) as f64 / super::LOOK_EVERY.as_secs_f64();
        Ok(Self {
            number: before.map_or(1, |before| before.number + 1),
            total,
            created: each(total.created, then.created),
            rate: each(total.begun, then.begun),
            forgotten: each(total.forgotten, then.forgotten),
            tables: tables.collect(),
            before: before.map(|before| before.tables.clone()).unwrap_or_default(),
        })
    }

    /// Of all tables together.
    pub(crate) fn sum(&self, of: Count) -> f64 {
        self.tables.iter().map(of).sum()
    }

    /// The share of a table's updates in this minute that touched no index.
    fn hot(&self, name: &str) -> String {
        let of = |tables: &[Table]| {
            let table = tables.iter().find(|table| table.name == name);
            table.map_or((0.0, 0.0), |table| (table.updates, table.hot_updates))
        };
        let ((updates, hot), (updates_before, hot_before)) = (of(&self.tables), of(&self.before));
        match updates - updates_before {
            0.0 => "–".to_owned(),
            updates => format!("{:.0} %", (hot - hot_before) / updates * 100.0),
        }
    }

    /// Its row.
    pub(crate) fn print(&self, first: Option<&Self>) {
        let first = first.unwrap_or(self);
        let (bytes, indexes) = (self.sum(|table| table.bytes), self.sum(|table| table.index_bytes));
        let dead = self.sum(|table| table.dead);
        line(&format!(
            "| {} | {:.0} | {:.2} | {:.0} | {:.0} | {dead:.0} | {:.2} | {:.1} | {:.2} | {:.1} | {:.2} | {} | {} | {:.0} |",
            self.number,
            self.rate,
            self.rate / first.rate,
            self.created,
            self.forgotten,
            dead / self.sum(|table| table.live),
            bytes / MB,
            bytes / first.sum(|table| table.bytes),
            indexes / MB,
            indexes / first.sum(|table| table.index_bytes),
            self.hot("tasks"),
            self.hot("sessions"),
            self.sum(|table| table.vacuums),
        ));
    }

    /// Each table as it is at its end.
    pub(crate) fn print_tables(&self, first: Option<&Self>) {
        heading("soak: the tables at the end");
        line("");
        line(
            "| table | rows | dead | x rows | MB | x first minute | indexes MB | x first minute | HOT in all | vacuums |",
        );
        line("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        for table in &self.tables {
            let then = first.and_then(|first| first.tables.iter().find(|then| then.name == table.name));
            let then = then.unwrap_or(table);
            let hot = match table.updates {
                0.0 => "–".to_owned(),
                updates => format!("{:.0} %", table.hot_updates / updates * 100.0),
            };
            line(&format!(
                "| {} | {:.0} | {:.0} | {:.2} | {:.1} | {:.2} | {:.1} | {:.2} | {hot} | {:.0} |",
                table.name,
                table.live,
                table.dead,
                table.dead / table.live.max(1.0),
                table.bytes / MB,
                table.bytes / then.bytes,
                table.index_bytes / MB,
                table.index_bytes / then.index_bytes,
                table.vacuums,
            ));
        }
    }
}
