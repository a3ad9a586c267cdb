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

/// A message that nobody has taken yet, and where to note that somebody has.
#[derive(Debug)]
struct Offered {
    message: Message,
    taken: Rc<Cell<bool>>,
}

/// Says whether a message has been taken by the kind's code. Until then its delivery has not returned, so that the host gives
/// it to the next instance if this one goes away first.
#[derive(Debug)]
pub(crate) struct Receipt(Rc<Cell<bool>>);

impl Receipt {
    /// Whether it has been taken.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.get()
    }
}

impl Offered {
    fn new(message: Message) -> (Self, Receipt) {
        let taken = Rc::new(Cell::new(false));
        (Self { message, taken: Rc::clone(&taken) }, Receipt(taken))
    }
}

/// What becomes of a message that may be an answer.
#[derive(Debug)]
pub(crate) enum Sorted {
    /// It is kept for who asked, or will ask.
    Answer(Receipt),
    /// It answers no question of this instance.
    Message(Message),
}

/// The state that `start`, `deliver`, `cancel` and `reconcile` of one instance share.
#[derive(Debug, Default)]
pub(crate) struct Instance {
    /// Messages for [`Task::messages`](crate::Task::messages).
    inbox: RefCell<VecDeque<Offered>>,
    /// Answers that nobody has taken yet.
    answers: RefCell<Vec<Offered>>,
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
    pub(crate) fn queue(&self, message: Message) -> Receipt {
        let (offered, receipt) = Offered::new(message);
        self.inbox.borrow_mut().push_back(offered);
        self.ring();
        receipt
    }

    /// Hands a message to the kind's code, and lets its delivery return.
    fn hand_over(&self, offered: Offered) -> Message {
        offered.taken.set(true);
        self.ring();
        offered.message
    }

    /// Takes the oldest message out of the inbox.
    pub(crate) fn next_message(&self) -> Option<Message> {
        let oldest = self.inbox.borrow_mut().pop_front();
        oldest.map(|offered| self.hand_over(offered))
    }

    /// Keeps a message if it answers a question that is open, on its way, or from before this instance; gives it back
    /// otherwise.
    pub(crate) fn sort(&self, message: Message) -> Sorted {
        let Some(id) = message.in_reply_to.as_deref().filter(|id| InputRequest::owns(id)) else {
            return Sorted::Message(message);
        };
        let expected = self.open.borrow().iter().any(|open| open == id);
        if !expected && self.asked.get() && self.asking.get() == 0 {
            return Sorted::Message(message);
        }
        let (offered, receipt) = Offered::new(message);
        let mut answers = self.answers.borrow_mut();
        answers.push(offered);
        if answers.len() > KEPT_ANSWERS {
            // Nobody will ask for it any more.
            answers.remove(0).taken.set(true);
        }
        drop(answers);
        self.ring();
        Sorted::Answer(receipt)
    }

    /// The answer to this question, if it has come.
    pub(crate) fn answer_to(&self, id: &str) -> Option<Message> {
        let mut answers = self.answers.borrow_mut();
        let at = answers.iter().position(|answer| answer.message.in_reply_to.as_deref() == Some(id))?;
        let answer = answers.remove(at);
        drop(answers);
        Some(self.hand_over(answer))
    }

    /// The answer to a question that an earlier instance asked, if it has come and this one has asked nothing yet.
    pub(crate) fn earlier_answer(&self) -> Option<Message> {
        if self.asked.get() {
            return None;
        }
        let newest = self.answers.borrow_mut().pop();
        newest.map(|answer| self.hand_over(answer))
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

    /// Resolves when a message has been taken.
    pub(crate) fn taken(&self, receipt: Receipt) -> impl Future<Output = ()> {
        self.wait_for(move |_| receipt.is_taken().then_some(()))
    }

    /// Wakes everybody who waits.
    fn ring(&self) {
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        waiting.into_iter().for_each(Waker::wake);
    }
}
