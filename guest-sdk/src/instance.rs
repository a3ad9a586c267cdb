//! What one instance of a component knows: the messages, the answers and the cancel that have reached it, and who waits.
//! It does not call the host, and it is not the task: an instance lives as long as one attempt stays resident.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::cancel::Cancel;
use crate::message::{InputRequest, Message};

/// How many answers without a question of this instance are kept, the newest ones.
const KEPT_ANSWERS: usize = 16;

/// The state that `start`, `deliver`, `cancel` and `reconcile` of one instance share.
#[derive(Debug, Default)]
pub(crate) struct Instance {
    /// Messages for [`Task::messages`](crate::Task::messages).
    inbox: RefCell<VecDeque<Message>>,
    /// Answers that nobody has taken yet.
    answers: RefCell<Vec<Message>>,
    /// Ids of the questions that this instance waits for.
    open: RefCell<Vec<String>>,
    /// Questions on their way to the host, whose ids are not known yet.
    asking: Cell<u32>,
    /// Whether this instance has asked anything.
    asked: Cell<bool>,
    /// The question that was pending when this instance was made.
    pending: RefCell<Option<InputRequest>>,
    cancel: RefCell<Option<Cancel>>,
    waiting: RefCell<Vec<Waker>>,
}

impl Instance {
    pub(crate) fn new() -> Rc<Self> {
        Rc::default()
    }

    /// Takes over what the task already had when `start` or `reconcile` was called.
    pub(crate) fn adopt(&self, pending: Option<&InputRequest>, cancel: Option<&Cancel>) {
        *self.pending.borrow_mut() = pending.cloned();
        if let Some(cancel) = cancel {
            self.request_cancel(cancel.clone());
        }
    }

    /// The cancel, once it has come.
    pub(crate) fn cancel(&self) -> Option<Cancel> {
        self.cancel.borrow().clone()
    }

    /// The session wants the task to end. The first wish is kept.
    pub(crate) fn request_cancel(&self, cancel: Cancel) {
        self.cancel.borrow_mut().get_or_insert(cancel);
        self.ring();
    }

    /// Puts a message into the inbox.
    pub(crate) fn queue(&self, message: Message) {
        self.inbox.borrow_mut().push_back(message);
        self.ring();
    }

    /// Takes the oldest message out of the inbox.
    pub(crate) fn next_message(&self) -> Option<Message> {
        self.inbox.borrow_mut().pop_front()
    }

    /// Keeps a message if it answers a question that is open, on its way, or from before this instance; gives it back
    /// otherwise.
    pub(crate) fn take_answer(&self, message: Message) -> Option<Message> {
        let Some(id) = message.in_reply_to.as_deref().filter(|id| InputRequest::owns(id)) else { return Some(message) };
        let expected = self.open.borrow().iter().any(|open| open == id);
        if !expected && self.asked.get() && self.asking.get() == 0 {
            return Some(message);
        }
        let mut answers = self.answers.borrow_mut();
        answers.push(message);
        if answers.len() > KEPT_ANSWERS {
            answers.remove(0);
        }
        drop(answers);
        self.ring();
        None
    }

    /// The answer to this question, if it has come.
    pub(crate) fn answer_to(&self, id: &str) -> Option<Message> {
        let mut answers = self.answers.borrow_mut();
        let at = answers.iter().position(|answer| answer.in_reply_to.as_deref() == Some(id))?;
        Some(answers.remove(at))
    }

    /// The answer to a question that an earlier instance asked, if it has come and this one has asked nothing yet.
    pub(crate) fn earlier_answer(&self) -> Option<Message> {
        if self.asked.get() { None } else { self.answers.borrow_mut().pop() }
    }

    /// Takes the question that was pending when this instance was made, if it is this one.
    pub(crate) fn take_pending(&self, prompt: &str) -> Option<InputRequest> {
        self.pending.borrow_mut().take_if(|pending| pending.prompt == prompt)
    }

    /// A question goes to the host. Answers are kept until its id is known.
    pub(crate) fn begin_asking(&self) {
        self.asked.set(true);
        self.asking.set(self.asking.get() + 1);
    }

    /// The question's id is known, or it was refused.
    pub(crate) fn end_asking(&self) {
        self.asking.set(self.asking.get() - 1);
    }

    /// Somebody waits for the answer to this question.
    pub(crate) fn open(&self, id: &str) {
        self.asked.set(true);
        self.open.borrow_mut().push(id.to_owned());
    }

    /// Nobody waits for the answer to this question any more.
    pub(crate) fn close(&self, id: &str) {
        self.open.borrow_mut().retain(|open| open != id);
    }

    /// Resolves as soon as `look` finds something, and looks whenever something has reached the instance.
    pub(crate) fn wait_for<T>(&self, look: impl Fn(&Self) -> Option<T>) -> impl Future<Output = T> {
        std::future::poll_fn(move |context| self.poll_for(context, &look))
    }

    /// Looks once, and asks to be woken if there is nothing.
    pub(crate) fn poll_for<T>(&self, context: &mut Context<'_>, look: impl Fn(&Self) -> Option<T>) -> Poll<T> {
        if let Some(found) = look(self) {
            return Poll::Ready(found);
        }
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// Wakes everybody who waits.
    fn ring(&self) {
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        waiting.into_iter().for_each(Waker::wake);
    }
}
