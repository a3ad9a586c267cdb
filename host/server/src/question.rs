//! A task's open question: shown to a person, answered from the terminal or by another process.
//! Does not judge an answer: the store does.

use std::io::{BufRead, IsTerminal};

use anyhow::Result;
use taskwright_registry::{InputRequest, InputRequestId, Part, Task, clean_text};
use taskwright_runner::Session;
use tokio::sync::mpsc;

use crate::output::Output;
use crate::part;
use crate::progress::Progress;

/// Asks the questions of one task.
pub(crate) struct Questions {
    out: Output,
    interactive: bool,
    open: Option<InputRequest>,
    shown: Option<InputRequestId>,
    typed: Option<mpsc::UnboundedReceiver<String>>,
}

impl Questions {
    /// At a terminal the person is asked; elsewhere the command that answers is shown.
    pub(crate) fn new(out: Output) -> Self {
        let interactive = !out.is_json() && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        Self { out, interactive, open: None, shown: None, typed: None }
    }

    /// Looks at a record and asks what it asks, once.
    pub(crate) fn update(&mut self, task: &Task, progress: &Progress) {
        let closed = self.open.is_some() && task.input_request.is_none();
        self.open.clone_from(&task.input_request);
        if closed {
            progress.hold(false);
        }
        let Some(open) = &self.open else { return };
        if self.shown.as_ref() == Some(&open.id) {
            return;
        }
        self.shown = Some(open.id.clone());
        if self.out.is_json() {
            return;
        }
        let question = clean_text(&open.prompt, 8 * 1024);
        if self.interactive {
            progress.hold(true);
            self.out.notice(&format!("? {question}\n  (type the answer and press Enter)"));
            if self.typed.is_none() {
                self.typed = Some(read_terminal());
            }
        } else {
            let id = &task.id;
            self.out.notice(&format!("? {question}\n  answer with: taskwright answer {id} TEXT"));
        }
    }

    /// Waits for a line from the terminal; for ever where nobody is asked. Cancel-safe.
    pub(crate) async fn typed(&mut self) -> String {
        loop {
            match &mut self.typed {
                Some(lines) => match lines.recv().await {
                    Some(line) if self.open.is_some() => return line,
                    Some(_) => {}
                    None => std::future::pending().await,
                },
                None => std::future::pending().await,
            }
        }
    }

    /// Sends what was typed. An answer that is not as expected is said to be so, and the question stays open.
    pub(crate) async fn answer(&mut self, session: &Session, task: &Task, text: String) -> Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let answer = part::answer(open, Part::Text(text));
        if let Err(error) = session.send(&task.id, vec![answer], Some(open.id.to_string())).await {
            self.out.notice(&format!("{error}; try again"));
        }
        Ok(())
    }
}

/// A thread of its own, because a read from a terminal cannot be given up; it ends with the process.
fn read_terminal() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
