//! The log of a task's output: appended by its host, read by anybody while it grows, capped.
//! Does not survive a crash of the machine byte for byte: output is a stream to look at, not a record.

use std::sync::{Arc, Mutex, PoisonError};

use crate::log_folder::{LogFolder, LogWriter};

/// How much is read at one time.
const READ_BYTES: u64 = 1024 * 1024;
/// Written once where a log has reached its cap.
const CAPPED: &str = "[further output is not kept]\n";

struct Log {
    writer: Option<LogWriter>,
    /// By this attempt and all before it.
    written: u64,
    capped: bool,
}

/// The writing end, for one attempt. Clones share it.
#[derive(Clone)]
pub(crate) struct OutputLog {
    folder: LogFolder,
    attempt: u32,
    cap: u64,
    log: Arc<Mutex<Log>>,
}

impl OutputLog {
    /// Opens nothing yet: an attempt without output has no log. The cap is for all attempts together.
    pub(crate) fn new(folder: LogFolder, attempt: u32, cap: u64) -> Self {
        let log = Log { writer: None, written: 0, capped: false };
        Self { folder, attempt, cap, log: Arc::new(Mutex::new(log)) }
    }

    /// Appends text, at most up to the cap. The write ends in the page cache, which takes microseconds, so it is made
    /// where the caller is.
    pub(crate) fn append(&self, text: &str) -> std::io::Result<()> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.capped {
            return Ok(());
        }
        if log.writer.is_none() {
            log.writer = Some(self.folder.writer(self.attempt)?);
            log.written = self.folder.len()?;
        }
        let room = self.cap.saturating_sub(log.written);
        let mut end = text.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        log.capped = end < text.len();
        let mut bytes = text.as_bytes()[..end].to_vec();
        if log.capped {
            if bytes.last().is_some_and(|&last| last != b'\n') {
                bytes.push(b'\n');
            }
            bytes.extend_from_slice(CAPPED.as_bytes());
        }
        log.written += bytes.len() as u64;
        match log.writer.as_mut() {
            Some(writer) => writer.append(&bytes),
            None => Ok(()),
        }
    }
}

/// The reading end: gives what has been appended since it was last asked, attempt after attempt.
#[derive(Debug)]
pub struct OutputTail {
    folder: LogFolder,
    attempt: u32,
    offset: u64,
    pending: Vec<u8>,
}

impl OutputTail {
    pub(crate) fn new(folder: LogFolder) -> Self {
        Self { folder, attempt: 0, offset: 0, pending: Vec::new() }
    }

    /// What has come since the last call; empty if nothing has. Reads at most 1 MiB at a time, whole characters only.
    ///
    /// # Errors
    /// Those of reading the file; a file that is not there yet is no error.
    pub fn read(&mut self) -> std::io::Result<String> {
        loop {
            let next = self.folder.attempts()?.into_iter().find(|attempt| *attempt > self.attempt);
            let text = self.read_attempt()?;
            match next {
                // The attempt before had ended by the time its successor's log was seen.
                Some(next) if text.is_empty() => {
                    self.attempt = next;
                    self.offset = 0;
                    self.pending.clear();
                }
                _ => return Ok(text),
            }
        }
    }

    fn read_attempt(&mut self) -> std::io::Result<String> {
        if self.attempt == 0 {
            return Ok(String::new());
        }
        let read = self.folder.read(self.attempt, self.offset, READ_BYTES, &mut self.pending)?;
        self.offset += read as u64;
        let whole = match std::str::from_utf8(&self.pending) {
            Ok(_) => self.pending.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => self.pending.len(),
        };
        let rest = self.pending.split_off(whole);
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending = rest;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a test over logs on disk and in memory.
    fn over_both(test: impl Fn(LogFolder)) {
        let folder = tempfile::tempdir().unwrap();
        test(LogFolder::Disk { folder: folder.path().join("t"), birth: 0 });
        test(LogFolder::in_memory());
    }

    #[test]
    fn a_log_is_capped_and_says_so_once() {
        over_both(|folder| {
            let log = OutputLog::new(folder.clone(), 1, 10);
            let mut tail = OutputTail::new(folder);
            assert_eq!(tail.read().unwrap(), "");
            log.append("12345\n").unwrap();
            assert_eq!(tail.read().unwrap(), "12345\n");
            log.append("6789ab").unwrap();
            log.append("more").unwrap();
            assert_eq!(tail.read().unwrap(), format!("6789\n{CAPPED}"));
            assert_eq!(tail.read().unwrap(), "");
        });
    }

    #[test]
    fn a_reader_never_sees_half_a_character() {
        over_both(|folder| {
            let mut writer = folder.writer(1).unwrap();
            let (half, rest) = "€".as_bytes().split_at(2);
            writer.append(half).unwrap();
            let mut tail = OutputTail::new(folder);
            assert_eq!(tail.read().unwrap(), "");
            writer.append(rest).unwrap();
            assert_eq!(tail.read().unwrap(), "€");
        });
    }

    // L55
    #[test]
    fn what_is_written_for_a_forgotten_task_is_not_the_output_of_the_one_that_has_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let files = crate::SessionFiles::folder(folder.path()).unwrap();
        for files in [files, crate::SessionFiles::in_memory()] {
            let new = taskwright_registry::NewTask::new(
                taskwright_registry::TaskId::new(chrono::DateTime::UNIX_EPOCH, [1; 10]),
                "s".parse().unwrap(),
                "probe",
                serde_json::Value::Null,
            );
            let first = taskwright_registry::create(new, chrono::DateTime::UNIX_EPOCH).unwrap();
            let mut second = first.clone();
            second.dispatch.birth = 7;
            let (late, now) = (files.output_logs(&first), files.output_logs(&second));
            OutputLog::new(late.clone(), 1, 100).append("late\n").unwrap();
            OutputLog::new(now.clone(), 1, 6).append("now\n").unwrap();
            assert_eq!(OutputTail::new(now).read().unwrap(), "now\n");
            assert_eq!(OutputTail::new(late).read().unwrap(), "late\n");
        }
    }

    // L5
    #[test]
    fn what_a_straggler_writes_does_not_land_in_its_successors_log() {
        over_both(|folder| {
            let straggler = OutputLog::new(folder.clone(), 1, 100);
            straggler.append("one\n").unwrap();
            let mut tail = OutputTail::new(folder.clone());
            let successor = OutputLog::new(folder.clone(), 3, 100);
            successor.append("two\n").unwrap();
            assert_eq!(tail.read().unwrap(), "one\n");
            assert_eq!(tail.read().unwrap(), "two\n");
            straggler.append("late\n").unwrap();
            successor.append("three\n").unwrap();
            assert_eq!(tail.read().unwrap(), "three\n");
            let capped = OutputLog::new(folder, 4, 20);
            capped.append("four and more\n").unwrap();
            assert_eq!(tail.read().unwrap(), format!("f\n{CAPPED}"), "one cap for all attempts");
        });
    }
}
