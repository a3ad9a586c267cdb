//! What a search reports on its way: matching lines to the output and the artifact, progress, answers to messages.
//! It does not end a search because the output or the artifact may not grow: it notes that, and counts on.

use taskwright_guest::{Artifact, Message, Progress, Refusal, Task};

use crate::found::{Found, Hit};
use crate::spec::Spec;

/// The artifact with every matching line.
const ARTIFACT: &str = "matches.txt";

/// How much of a line is shown.
const LINE: usize = 512;

/// From how much on output is sent, unless a report of progress takes it along before.
const OUTPUT: usize = 16 * 1024;

/// From how much on the artifact's draft is sent.
const DRAFT: usize = 256 * 1024;

/// How many bytes of paths and lines the result shows at most. Even if JSON needs six bytes for each of them, it stays
/// below the 1 MiB that a result may have.
const FIRST: usize = 128 * 1024;

/// After how many files, and after how many bytes, progress is reported. Both take a few milliseconds, and a report is what
/// lets messages through.
const FILES: u64 = 32;
const BYTES: u64 = 1024 * 1024;

/// What a search reports on its way.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    task: &'a Task<Spec>,
    pub(crate) found: Found,
    folders: u64,
    /// How many bytes of paths and lines `found.first` has.
    first: usize,
    output: String,
    output_open: bool,
    draft: String,
    draft_open: bool,
    /// Whether anything has been drafted.
    drafted: bool,
    /// Files and bytes since the last report of progress.
    since: (u64, u64),
}

impl<'a> Report<'a> {
    pub(crate) fn new(task: &'a Task<Spec>) -> Self {
        let Spec { pattern, path, .. } = &task.spec;
        Self {
            task,
            found: Found { pattern: pattern.clone(), path: path.clone(), ..Found::default() },
            folders: 0,
            first: 0,
            output: String::new(),
            output_open: true,
            draft: String::new(),
            draft_open: true,
            drafted: false,
            since: (0, 0),
        }
    }

    /// A folder was entered.
    pub(crate) fn entered(&mut self) {
        self.folders += 1;
        // A folder without files to search is work too.
        self.since.0 += 1;
    }

    /// A line matches.
    pub(crate) fn hit(&mut self, path: &str, line: u64, text: &[u8]) {
        self.found.matches += 1;
        let text = shown(text);
        let listed = format!("{path}:{line}:{text}\n");
        if self.output_open {
            self.output.push_str(&listed);
        }
        if self.draft_open {
            self.draft.push_str(&listed);
        }
        self.first += path.len() + text.len();
        if self.found.first.len() < self.task.spec.max_matches && self.first <= FIRST {
            self.found.first.push(Hit { path: path.to_owned(), line, text });
        } else {
            self.found.truncated = true;
        }
    }

    /// So many bytes were read.
    pub(crate) fn read(&mut self, bytes: u64) {
        self.found.bytes_searched += bytes;
        self.since.1 += bytes;
    }

    /// A file was searched to its end, and had matching lines or not.
    pub(crate) fn searched(&mut self, matched: bool) {
        self.found.files_searched += 1;
        self.found.files_matched += u64::from(matched);
        self.since.0 += 1;
    }

    /// A file was left out because it is binary.
    pub(crate) fn binary(&mut self) {
        self.found.skipped_binary += 1;
        self.since.0 += 1;
    }

    /// Something cannot be read.
    pub(crate) fn unreadable(&mut self, path: &str, why: &str) {
        self.found.unreadable += 1;
        self.since.0 += 1;
        if self.output_open {
            self.output.push_str(&format!("{}: not searched: {why}\n", if path.is_empty() { "." } else { path }));
        }
    }

    /// Whether there is enough to send.
    pub(crate) fn is_due(&self) -> bool {
        self.makes_progress() || self.output.len() >= OUTPUT || self.draft.len() >= DRAFT
    }

    fn makes_progress(&self) -> bool {
        self.since.0 >= FILES || self.since.1 >= BYTES
    }

    /// Sends what there is. This is where messages get through.
    pub(crate) async fn tick(&mut self) -> Result<(), Refusal> {
        if self.makes_progress() {
            self.progress().await?;
        }
        if self.draft.len() >= DRAFT {
            self.flush_draft().await?;
        }
        self.flush_output().await?;
        while let Some(message) = self.task.messages().try_next() {
            self.answer(&message).await?;
        }
        Ok(())
    }

    /// Sends everything that has not been sent, and makes the artifact.
    pub(crate) async fn finish(&mut self) -> Result<(), Refusal> {
        self.progress().await?;
        self.flush_output().await?;
        self.flush_draft().await?;
        if self.drafted {
            let artifact = Artifact::drafted(ARTIFACT, "text/plain; charset=utf-8");
            let outcome = self.task.sink().artifact(artifact).await;
            self.bear(outcome, "there is no artifact")?;
        }
        Ok(())
    }

    async fn progress(&mut self) -> Result<(), Refusal> {
        self.since = (0, 0);
        let label = format!("{} in {} folders, {} matching lines", self.found.size(), self.folders, self.found.matches);
        self.task.sink().report(Progress::of(self.found.files_searched).unit("files").label(label)).await
    }

    async fn flush_output(&mut self) -> Result<(), Refusal> {
        if self.output.is_empty() {
            return Ok(());
        }
        let outcome = self.task.sink().output(std::mem::take(&mut self.output)).await;
        self.output_open &= self.bear(outcome, "the output ends early")?;
        Ok(())
    }

    async fn flush_draft(&mut self) -> Result<(), Refusal> {
        if self.draft.is_empty() {
            return Ok(());
        }
        let outcome = self.task.sink().draft(ARTIFACT, std::mem::take(&mut self.draft)).await;
        let taken = self.bear(outcome, "the artifact ends early")?;
        self.draft_open &= taken;
        self.drafted |= taken;
        Ok(())
    }

    /// Bears with a budget that is used up: notes what it means and says that it was so.
    fn bear(&mut self, outcome: Result<(), Refusal>, meaning: &str) -> Result<bool, Refusal> {
        match outcome {
            Ok(()) => Ok(true),
            Err(refusal @ Refusal::LimitExceeded(_)) => {
                self.found.notes.push(format!("{meaning}: {refusal}"));
                Ok(false)
            }
            Err(refusal) => Err(refusal),
        }
    }

    async fn answer(&mut self, message: &Message) -> Result<(), Refusal> {
        let text = match message.parse::<Command>() {
            Ok(_) => format!("until now {}", self.found.summary()),
            Err(_) => "I understand `status` only; to stop me, cancel the task".to_owned(),
        };
        self.task.sink().reply(message, text).await.map(drop)
    }
}

/// What a message may say: `status`, as a text.
#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Command {
    Status,
}

/// A line as it is shown: cut if it is very long, and with marks in place of what is not UTF-8.
fn shown(line: &[u8]) -> String {
    // No more is decoded than can be shown: a character has at most four bytes.
    let text = String::from_utf8_lossy(&line[..line.len().min(LINE * 4)]);
    match text.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE, shown};

    #[test]
    fn a_very_long_line_is_cut_at_a_character() {
        assert_eq!(shown("ä".repeat(LINE).as_bytes()), "ä".repeat(LINE));
        assert_eq!(shown("ä".repeat(LINE + 1).as_bytes()), format!("{}…", "ä".repeat(LINE)));
        assert_eq!(shown("a".repeat(LINE * 9).as_bytes()), format!("{}…", "a".repeat(LINE)));
    }

    #[test]
    fn what_is_not_utf_8_is_shown_as_a_mark() {
        assert_eq!(shown(b"caf\xe9"), "caf\u{fffd}");
    }
}
