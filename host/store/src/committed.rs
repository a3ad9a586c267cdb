//! What is to be told once a transaction is committed: changes to those who listen, numbers of events to the metrics.
//! Does not tell before: what is rolled back has not happened.

use std::collections::BTreeMap;

use tokio::sync::broadcast;

use crate::Change;

/// What was written and is not committed yet.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    changes: Vec<Change>,
    /// How many events of each type.
    events: BTreeMap<&'static str, u64>,
}

impl Committed {
    pub(crate) fn change(&mut self, change: Change) {
        self.changes.push(change);
    }

    pub(crate) fn event(&mut self, type_name: &'static str) {
        *self.events.entry(type_name).or_default() += 1;
    }

    /// Takes over what another verb of the same transaction has to tell.
    pub(crate) fn append(&mut self, other: Committed) {
        self.changes.extend(other.changes);
        for (type_name, count) in other.events {
            *self.events.entry(type_name).or_default() += count;
        }
    }

    /// What has changed, in order.
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub(crate) fn tell(self, changes: &broadcast::Sender<Change>) {
        for (type_name, count) in self.events {
            metrics::counter!("taskwright_events_total", "type" => type_name).increment(count);
        }
        for change in self.changes {
            // Nobody listening is fine.
            let _ = changes.send(change);
        }
    }
}
