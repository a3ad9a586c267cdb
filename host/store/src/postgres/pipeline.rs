//! Statements that are sent together, each without waiting for the answer to the one before.
//! Does not know what they are for.

use futures::future::join_all;
use tokio_postgres::types::ToSql;

use super::rows::{Given, PgRows};
use crate::StoreError;
use crate::column::of_row;

/// How many are on their way at one time. Answers that nobody has read yet must not fill what lies between the two.
const TOGETHER: usize = 16;

/// What a statement is given, with nothing borrowed.
pub(super) type Owned = Box<dyn ToSql + Sync + Send>;

/// One statement.
struct Step {
    /// What it writes, for whoever reads that it failed.
    what: &'static str,
    sql: &'static str,
    given: Vec<Owned>,
    /// How many rows it must change.
    rows: Option<u64>,
}

/// Statements in order.
#[derive(Default)]
pub(super) struct Pipeline {
    steps: Vec<Step>,
}

impl Pipeline {
    /// Adds a statement that must change so many rows.
    pub(super) fn exactly(&mut self, rows: usize, what: &'static str, sql: &'static str, given: Vec<Owned>) {
        self.steps.push(Step { what, sql, given, rows: Some(rows as u64) });
    }

    /// Adds a statement that changes as many rows as there are.
    pub(super) fn any(&mut self, what: &'static str, sql: &'static str, given: Vec<Owned>) {
        self.steps.push(Step { what, sql, given, rows: None });
    }
}

impl PgRows {
    /// Sends statements, and fails with the first that fails or that changes another number of rows than it must.
    pub(super) async fn send(&mut self, pipeline: Pipeline) -> Result<(), StoreError> {
        let mut steps = pipeline.steps;
        while !steps.is_empty() {
            let rest = steps.split_off(steps.len().min(TOGETHER));
            let mut prepared = Vec::with_capacity(steps.len());
            for step in &steps {
                let statement = self.client.prepare_cached(step.sql).await;
                prepared.push(statement.map_err(|error| self.failed(&error))?);
            }
            let given: Vec<Vec<Given<'_>>> =
                steps.iter().map(|step| step.given.iter().map(|given| -> Given<'_> { &**given }).collect()).collect();
            let sent = prepared.iter().zip(&given).map(|(statement, given)| self.client.execute(statement, given));
            let answers = join_all(sent).await;
            for (step, answer) in steps.iter().zip(answers) {
                let changed = answer.map_err(|error| self.failed(&error))?;
                if step.rows.is_some_and(|rows| rows != changed) {
                    self.broken = true;
                    let rows = step.rows.unwrap_or_default();
                    return Err(of_row(step.what, format!("{changed} rows where there had to be {rows}")));
                }
            }
            steps = rest;
        }
        Ok(())
    }
}
