//! Where the logs of a task's output lie: one for each attempt, so that what a straggler still writes never lands in its
//! successor's.
//! Does not cap or follow them: `output_log` does.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The logs of one task. Clones share them.
#[derive(Debug, Clone)]
pub(crate) enum LogFolder {
    /// In files of this folder, which need not be there yet.
    Disk(PathBuf),
    /// In memory, by attempt.
    Memory(Arc<Mutex<BTreeMap<u32, Vec<u8>>>>),
}

/// Appends to the log of one attempt.
pub(crate) enum LogWriter {
    /// To a file.
    Disk(File),
    /// To memory.
    Memory(Arc<Mutex<BTreeMap<u32, Vec<u8>>>>, u32),
}

fn file_of(folder: &Path, attempt: u32) -> PathBuf {
    folder.join(format!("output.{attempt}.log"))
}

fn attempt_of(name: &str) -> Option<u32> {
    name.strip_prefix("output.")?.strip_suffix(".log")?.parse().ok()
}

impl LogFolder {
    /// Empty logs in memory.
    pub(crate) fn in_memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// The attempts that have left output, in order.
    pub(crate) fn attempts(&self) -> Result<Vec<u32>> {
        let folder = match self {
            Self::Disk(folder) => folder,
            Self::Memory(logs) => return Ok(lock(logs).keys().copied().collect()),
        };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut attempts = Vec::new();
        for entry in entries {
            attempts.extend(entry?.file_name().to_str().and_then(attempt_of));
        }
        attempts.sort_unstable();
        Ok(attempts)
    }

    /// How many bytes all attempts have left.
    pub(crate) fn len(&self) -> Result<u64> {
        match self {
            Self::Memory(logs) => Ok(lock(logs).values().map(|log| log.len() as u64).sum()),
            Self::Disk(folder) => {
                let mut sum = 0;
                for attempt in self.attempts()? {
                    sum += std::fs::metadata(file_of(folder, attempt))?.len();
                }
                Ok(sum)
            }
        }
    }

    /// Begins, or goes on with, the log of an attempt.
    pub(crate) fn writer(&self, attempt: u32) -> Result<LogWriter> {
        match self {
            Self::Memory(logs) => {
                lock(logs).entry(attempt).or_default();
                Ok(LogWriter::Memory(logs.clone(), attempt))
            }
            Self::Disk(folder) => {
                std::fs::create_dir_all(folder)?;
                let file = OpenOptions::new().create(true).append(true).open(file_of(folder, attempt))?;
                Ok(LogWriter::Disk(file))
            }
        }
    }

    /// Reads the log of an attempt from an offset on, at most `max` bytes.
    pub(crate) fn read(&self, attempt: u32, offset: u64, max: u64, into: &mut Vec<u8>) -> Result<usize> {
        match self {
            Self::Memory(logs) => {
                let logs = lock(logs);
                let log = logs.get(&attempt).map_or(&[][..], Vec::as_slice);
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(log.len());
                log[from..].take(max).read_to_end(into)
            }
            Self::Disk(folder) => {
                let mut file = File::open(file_of(folder, attempt))?;
                file.seek(SeekFrom::Start(offset))?;
                file.take(max).read_to_end(into)
            }
        }
    }
}

impl LogWriter {
    /// Appends all of it.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Disk(file) => file.write_all(bytes),
            Self::Memory(logs, attempt) => {
                lock(logs).entry(*attempt).or_default().extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

fn lock(logs: &Mutex<BTreeMap<u32, Vec<u8>>>) -> std::sync::MutexGuard<'_, BTreeMap<u32, Vec<u8>>> {
    logs.lock().unwrap_or_else(PoisonError::into_inner)
}
