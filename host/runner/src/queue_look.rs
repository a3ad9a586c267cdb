//! Looks every so often at how much work waits, for the metrics.
//! Does not look for each task: one look at the index of what is due serves for all.

use std::collections::BTreeSet;
use std::time::Duration;

use taskwright_store::Backlog;
use tokio::time::sleep;

use crate::metric;
use crate::runner::Inner;

/// How often. Finer than what collects metrics usually asks.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Works for as long as it is polled.
pub(crate) async fn look_at_queue(inner: &Inner) {
    let mut shown: BTreeSet<String> = BTreeSet::new();
    loop {
        sleep(LOOK_EVERY).await;
        match inner.store.backlog(&inner.catalog.offers()).await {
            Ok(backlogs) => {
                let now = inner.store.now();
                let kinds = backlogs.iter().map(|backlog| backlog.kind.clone()).collect();
                for kind in shown.difference(&kinds) {
                    // It is no longer here: what it last was must not stand for ever.
                    metric::queue(&Backlog { kind: kind.clone(), due: 0, oldest: None }, now);
                }
                backlogs.iter().for_each(|backlog| metric::queue(backlog, now));
                shown = kinds;
            }
            Err(error) => tracing::debug!(%error, "how much waits cannot be looked up now"),
        }
    }
}
