//! Which sessions the hub has heard of that wakes were written for, for the one who delivers them.
//! Does not hold wakes: who hears of a session reads the store.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use taskwright_registry::SessionId;
use tokio::sync::Notify;

/// What was heard since the last time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Any session may have wakes.
    Anywhere,
    /// These have some.
    Of(BTreeSet<SessionId>),
}

#[derive(Default)]
struct Heard {
    /// Nothing is kept while nobody listens.
    listened: bool,
    anywhere: bool,
    sessions: BTreeSet<SessionId>,
}

/// For one listener.
#[derive(Default)]
pub(crate) struct WakeNews {
    heard: Mutex<Heard>,
    bell: Notify,
}

impl WakeNews {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears from now on. What was written before may be anywhere.
    pub(crate) fn listen(&self) {
        let mut heard = self.lock();
        heard.listened = true;
        heard.anywhere = true;
        drop(heard);
        self.bell.notify_one();
    }

    pub(crate) fn of(&self, session: SessionId) {
        let mut heard = self.lock();
        if heard.listened && !heard.anywhere {
            heard.sessions.insert(session);
            drop(heard);
            self.bell.notify_one();
        }
    }

    pub(crate) fn anywhere(&self) {
        let mut heard = self.lock();
        if heard.listened {
            heard.anywhere = true;
            heard.sessions.clear();
            drop(heard);
            self.bell.notify_one();
        }
    }

    /// Waits until something was heard and takes it. A dropped wait loses nothing.
    pub(crate) async fn next(&self) -> News {
        loop {
            {
                let mut heard = self.lock();
                let sessions = std::mem::take(&mut heard.sessions);
                if std::mem::take(&mut heard.anywhere) {
                    return News::Anywhere;
                }
                if !sessions.is_empty() {
                    return News::Of(sessions);
                }
            }
            self.bell.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn news_collect_until_they_are_taken_and_nothing_is_kept_for_nobody() {
        let (news, session) = (WakeNews::default(), |id: &str| id.parse::<SessionId>().unwrap());
        news.of(session("a"));
        assert_eq!(news.next().now_or_never(), None);
        news.listen();
        news.of(session("a"));
        assert_eq!(news.next().now_or_never(), Some(News::Anywhere), "what was there before may be anywhere");
        for id in ["b", "a", "b"] {
            news.of(session(id));
        }
        assert_eq!(news.next().now_or_never(), Some(News::Of([session("a"), session("b")].into())));
        assert_eq!(news.next().now_or_never(), None);
        news.of(session("a"));
        news.anywhere();
        assert_eq!(news.next().now_or_never(), Some(News::Anywhere));
        assert_eq!(news.next().now_or_never(), None);
    }
}
