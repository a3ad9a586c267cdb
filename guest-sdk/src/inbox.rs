//! The messages of the session, as a kind reads them.
//! It does not hold answers to open questions: those go to who asked.

use std::rc::Rc;

use crate::instance::Instance;
use crate::message::Message;

/// The messages of the session to the task, oldest first.
///
/// The kind must say [`takes_messages`](crate::Description::takes_messages), or messages are refused.
#[derive(Debug, Clone)]
pub struct Messages {
    pub(crate) instance: Rc<Instance>,
}

impl Messages {
    /// Waits for the next message. There is none any more once the session has canceled the task.
    pub async fn next(&self) -> Option<Message> {
        let either = |instance: &Instance| match instance.next_message() {
            Some(message) => Some(Some(message)),
            None => instance.cancel().map(|_| None),
        };
        self.instance.wait_for(either).await
    }

    /// Takes a message that is already there.
    pub fn try_next(&self) -> Option<Message> {
        self.instance.next_message()
    }
}
