//! Standard output and standard error, in the one way the commands use them.
//! Does not decide what is shown: `render` and the commands do.

use std::io::{self, IsTerminal, Write};

use serde_json::{Value, json};
use taskwright_registry::{clean_json, clean_text};

use crate::exit_code::{self, Exit};

/// Whether the person wants no colours.
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Bytes as text without anything that controls a terminal.
fn for_terminal(bytes: &[u8]) -> String {
    clean_text(&String::from_utf8_lossy(bytes), usize::MAX)
}

/// Where a command writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    styled: bool,
}

impl Output {
    /// JSON for programs, or text for people.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, styled: !json && io::stdout().is_terminal() && !no_color() }
    }

    /// Whether programs read it.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// One line to standard output.
    pub(crate) fn line(self, text: &str) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{text}")
    }

    /// Text as it is to standard output.
    pub(crate) fn text(self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Bytes as they are to standard output.
    pub(crate) fn bytes(self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    }

    /// What a guest or a worker has written, to standard output: as it is for a program or a file, and to a terminal as text that
    /// cannot control it.
    pub(crate) fn foreign(self, bytes: &[u8]) -> io::Result<()> {
        if io::stdout().is_terminal() { self.text(&for_terminal(bytes)) } else { self.bytes(bytes) }
    }

    /// One JSON document on one line, with everything escaped that could speak to a terminal.
    pub(crate) fn json(self, value: &Value) -> io::Result<()> {
        self.line(&clean_json(value.to_string()))
    }

    /// Something for a person who looks on, to standard error; lost if nobody reads it.
    pub(crate) fn notice(self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Why the command did not do what it was asked for.
    pub(crate) fn error(self, error: &anyhow::Error, exit: Exit) {
        let mut message = format!("{error:#}");
        if exit_code::is_unreadable(error) {
            message.push_str(": `taskwright repair` shows it, and ends or deletes its task");
        }
        if self.json {
            self.notice(&json!({"error": {"message": message, "exit": exit as u8}}).to_string());
        } else {
            self.notice(&format!("error: {message}"));
        }
    }

    /// Makes text stand out where there is a terminal.
    pub(crate) fn bold(self, text: &str) -> String {
        if self.styled { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_bytes_do_not_control_a_terminal() {
        let shown = for_terminal(b"one\n\x1b]0;title\x07two\xff\x9b2J\n");
        assert!(shown.starts_with("one\n") && shown.contains("two"), "{shown:?}");
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    }
}
