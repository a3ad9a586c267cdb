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
    /// In files of a folder, which need not be there yet. The birth is in their names: what is still written for a forgotten task
    /// is not taken for the output of the one that has its id now (L55).
    Disk {
        /// Where they are.
        folder: PathBuf,
        /// Of the task.
        birth: u64,
    },
    /// In memory, by attempt.
    Memory(Arc<Mutex<BTreeMap<u32, Vec<u8>>>>),
}

/// Appends to the log of one attempt.
pub(crate) enum LogWriter {
    /// To a file, which is opened for each write: as many instances as there are may have said something.
    Disk(PathBuf),
    /// To memory.
    Memory(Arc<Mutex<BTreeMap<u32, Vec<u8>>>>, u32),
}

fn file_of(folder: &Path, birth: u64, attempt: u32) -> PathBuf {
    folder.join(match birth {
        0 => format!("output.{attempt}.log"),
        _ => format!("output.{attempt}.{birth}.log"),
    })
}

/// The attempt of a file's name, if it is of that birth.
fn attempt_of(name: &str, birth: u64) -> Option<u32> {
    let numbers = name.strip_prefix("output.")?.strip_suffix(".log")?;
    match numbers.split_once('.') {
        None if birth == 0 => numbers.parse().ok(),
        Some((attempt, of)) if of.parse() == Ok(birth) => attempt.parse().ok(),
        _ => None,
    }
}

impl LogFolder {
    /// Empty logs in memory.
    pub(crate) fn in_memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// The attempts that have left output, in order.
    pub(crate) fn attempts(&self) -> Result<Vec<u32>> {
        let (folder, birth) = match self {
            Self::Disk { folder, birth } => (folder, *birth),
            Self::Memory(logs) => return Ok(lock(logs).keys().copied().collect()),
        };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut attempts = Vec::new();
        for entry in entries {
            attempts.extend(entry?.file_name().to_str().and_then(|name| attempt_of(name, birth)));
        }
        attempts.sort_unstable();
        Ok(attempts)
    }

    /// How many bytes all attempts have left.
    pub(crate) fn len(&self) -> Result<u64> {
        match self {
            Self::Memory(logs) => Ok(lock(logs).values().map(|log| log.len() as u64).sum()),
            Self::Disk { folder, birth } => {
                let mut sum = 0;
                for attempt in self.attempts()? {
                    sum += std::fs::metadata(file_of(folder, *birth, attempt))?.len();
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
            Self::Disk { folder, birth } => {
                std::fs::create_dir_all(folder)?;
                let path = file_of(folder, *birth, attempt);
                OpenOptions::new().create(true).append(true).open(&path)?;
                Ok(LogWriter::Disk(path))
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
            Self::Disk { folder, birth } => {
                let mut file = File::open(file_of(folder, *birth, attempt))?;
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
            Self::Disk(path) => match OpenOptions::new().append(true).open(path) {
                Ok(mut file) => file.write_all(bytes),
                // The task was forgotten, and so is what is still said of it.
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            },
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
