//! What instances consume, as metrics: by dimension of the budget.
//! Does not export them: whoever embeds the runner installs a recorder of the `metrics` crate.

use taskwright_registry::{Dimension, Usage};

use crate::settlement::End;

/// Tells what an instance has used, and which limit has ended it, if one has.
#[expect(clippy::cast_precision_loss, reason = "a histogram needs no 53 bits")]
pub(crate) fn tell(kind: &str, usage: &Usage, end: &End) {
    for &dimension in Dimension::ALL {
        if let Some(used @ 1..) = usage.get(dimension) {
            let labels = [("dimension", dimension.as_str().to_owned()), ("kind", kind.to_owned())];
            metrics::histogram!("taskwright_instance_used", &labels).record(used as f64);
        }
    }
    if let End::Error(error) = end
        && let Some(dimension) = error.dimension()
    {
        let labels = [("dimension", dimension.to_owned()), ("kind", kind.to_owned())];
        metrics::counter!("taskwright_budget_exhausted_total", &labels).increment(1);
    }
}
