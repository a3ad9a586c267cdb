//! A point at which everybody else gets a turn.
//! Does not wait for anything.

use std::future::poll_fn;
use std::task::Poll;

/// Returns when the runtime has come round again. Unlike `tokio::task::yield_now` it does not make an idle runtime look
/// at its timers and sockets first, which would be most of the cost of a report.
pub(crate) async fn give_way() {
    let mut given = false;
    poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
