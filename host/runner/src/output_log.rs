//! The log of a task's output: appended by its host, read by anybody while it grows, capped.
//! Does not survive a crash of the machine byte for byte: output is a stream to look at, not a record.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// How much is read at one time.
const READ_BYTES: u64 = 1024 * 1024;
/// Written once where a log has reached its cap.
const CAPPED: &str = "[further output is not kept]\n";

/// Where a log lies.
#[derive(Debug, Clone)]
pub(crate) enum LogPlace {
    File(PathBuf),
    Memory(Arc<Mutex<Vec<u8>>>),
}

struct Log {
    file: Option<File>,
    written: u64,
    capped: bool,
}

/// The writing end. Clones share the file.
#[derive(Clone)]
pub(crate) struct OutputLog {
    place: Arc<LogPlace>,
    cap: u64,
    log: Arc<Mutex<Log>>,
}

impl OutputLog {
    /// Opens nothing yet: a task without output has no log.
    pub(crate) fn new(place: LogPlace, cap: u64) -> Self {
        let log = Log { file: None, written: 0, capped: false };
        Self { place: Arc::new(place), cap, log: Arc::new(Mutex::new(log)) }
    }

    /// Appends text, at most up to the cap. The write ends in the page cache, which takes microseconds, so it is made
    /// where the caller is.
    pub(crate) fn append(&self, text: &str) -> std::io::Result<()> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.capped {
            return Ok(());
        }
        match &*self.place {
            LogPlace::File(path) if log.file.is_none() => {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                let file = OpenOptions::new().create(true).append(true).open(path)?;
                log.written = file.metadata()?.len();
                log.file = Some(file);
            }
            LogPlace::File(_) => {}
            LogPlace::Memory(kept) => log.written = kept.lock().unwrap_or_else(PoisonError::into_inner).len() as u64,
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
        match (&*self.place, log.file.as_mut()) {
            (LogPlace::Memory(kept), _) => kept.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes),
            (LogPlace::File(_), Some(file)) => file.write_all(&bytes)?,
            (LogPlace::File(_), None) => {}
        }
        Ok(())
    }
}

/// The reading end: gives what has been appended since it was last asked.
#[derive(Debug)]
pub struct OutputTail {
    place: LogPlace,
    offset: u64,
    pending: Vec<u8>,
}

impl OutputTail {
    pub(crate) fn new(place: LogPlace) -> Self {
        Self { place, offset: 0, pending: Vec::new() }
    }

    /// What has come since the last call; empty if nothing has. Reads at most 1 MiB at a time, whole characters only.
    ///
    /// # Errors
    /// Those of reading the file; a file that is not there yet is no error.
    pub fn read(&mut self) -> std::io::Result<String> {
        let read = match &self.place {
            LogPlace::File(path) => {
                let mut file = match File::open(path) {
                    Ok(file) => file,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
                    Err(error) => return Err(error),
                };
                file.seek(SeekFrom::Start(self.offset))?;
                file.take(READ_BYTES).read_to_end(&mut self.pending)?
            }
            LogPlace::Memory(kept) => {
                let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let from = usize::try_from(self.offset).unwrap_or(usize::MAX).min(kept.len());
                kept[from..].take(READ_BYTES).read_to_end(&mut self.pending)?
            }
        };
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

    #[test]
    fn a_log_is_capped_and_says_so_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t/output.log");
        for place in [LogPlace::File(path), LogPlace::Memory(Arc::default())] {
            let log = OutputLog::new(place.clone(), 10);
            let mut tail = OutputTail::new(place);
            assert_eq!(tail.read().unwrap(), "");
            log.append("12345\n").unwrap();
            assert_eq!(tail.read().unwrap(), "12345\n");
            log.append("6789ab").unwrap();
            log.append("more").unwrap();
            assert_eq!(tail.read().unwrap(), format!("6789\n{CAPPED}"));
            assert_eq!(tail.read().unwrap(), "");
        }
    }

    #[test]
    fn a_reader_never_sees_half_a_character() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output.log");
        std::fs::write(&path, &"€".as_bytes()[..2]).unwrap();
        let mut tail = OutputTail::new(LogPlace::File(path.clone()));
        assert_eq!(tail.read().unwrap(), "");
        std::fs::write(&path, "€").unwrap();
        assert_eq!(tail.read().unwrap(), "€");
    }
}
