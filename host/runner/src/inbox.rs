//! What has reached an instance of a native kind: messages, answers and the cancel, for whoever waits for them.
//! Does not fetch anything: the executor puts in what its `deliver` and `cancel` are given.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use taskwright_registry::{InputRequestId, Message};
use tokio::sync::Notify;

/// A message that somebody waits for to be taken.
struct Entry {
    message: Message,
    taken: Arc<AtomicBool>,
}

impl Entry {
    fn take(self) -> Message {
        self.taken.store(true, Ordering::SeqCst);
        self.message
    }
}

#[derive(Default)]
struct Held {
    messages: VecDeque<Entry>,
    answers: VecDeque<Entry>,
    canceled: bool,
}

/// An inbox. Everything in it is gone with the instance; the runner delivers to the next one what this one has not taken
/// from `deliver`.
#[derive(Default)]
pub struct Inbox {
    held: Mutex<Held>,
    bell: Notify,
}

impl Inbox {
    /// Puts a message in, among the answers if it replies to a question, else among the messages, and returns when it has
    /// been taken. For [`NativeExecutor::deliver`](crate::NativeExecutor::deliver): what is not taken goes to the next
    /// instance.
    pub async fn put(&self, message: Message) {
        let question = message.in_reply_to.as_ref().is_some_and(|id| id.parse::<InputRequestId>().is_ok());
        let taken = Arc::new(AtomicBool::new(false));
        let entry = Entry { message, taken: taken.clone() };
        self.change(|held| if question { &mut held.answers } else { &mut held.messages }.push_back(entry));
        self.until(|_| taken.load(Ordering::SeqCst).then_some(())).await;
    }

    /// Ends every wait. For [`NativeExecutor::cancel`](crate::NativeExecutor::cancel).
    pub fn cancel(&self) {
        self.change(|held| held.canceled = true);
    }

    /// The oldest message; waits for one. `None` once the task is canceled and no message is left.
    pub async fn next(&self) -> Option<Message> {
        self.unless_canceled(|held| held.messages.pop_front()).await.map(|entry| self.taken(entry))
    }

    /// The oldest message, if there is one.
    pub fn try_next(&self) -> Option<Message> {
        self.take(|held| held.messages.pop_front())
    }

    /// The answer to a question; waits for it. `None` once the task is canceled and no answer is there.
    pub async fn answer(&self, question: &str) -> Option<Message> {
        self.unless_canceled(|held| {
            let at = held.answers.iter().position(|entry| entry.message.in_reply_to.as_deref() == Some(question))?;
            held.answers.remove(at)
        })
        .await
        .map(|entry| self.taken(entry))
    }

    /// The oldest answer that nobody has taken, if there is one: on a fresh instance, to what an earlier one has asked.
    pub fn earlier_answer(&self) -> Option<Message> {
        self.take(|held| held.answers.pop_front())
    }

    /// Waits until the task is canceled.
    pub async fn canceled(&self) {
        self.unless_canceled(|_| None::<()>).await;
    }

    fn look<T>(&self, look: impl FnOnce(&mut Held) -> T) -> T {
        look(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Held)) {
        self.look(change);
        self.bell.notify_waiters();
    }

    /// Lets whoever put it in know.
    fn taken(&self, entry: Entry) -> Message {
        let message = entry.take();
        self.bell.notify_waiters();
        message
    }

    fn take(&self, find: impl FnOnce(&mut Held) -> Option<Entry>) -> Option<Message> {
        self.look(find).map(|entry| self.taken(entry))
    }

    async fn unless_canceled<T>(&self, find: impl Fn(&mut Held) -> Option<T>) -> Option<T> {
        self.until(|held| match find(held) {
            Some(found) => Some(Some(found)),
            None => held.canceled.then_some(None),
        })
        .await
    }

    async fn until<T>(&self, find: impl Fn(&mut Held) -> Option<T>) -> T {
        loop {
            let mut rung = pin!(self.bell.notified());
            // Before the look: what comes in between is not missed.
            rung.as_mut().enable();
            let found = self.look(&find);
            match found {
                Some(found) => return found,
                None => rung.await,
            }
        }
    }
}
