//! The log of a task's output: appended by its host, read by anybody while it grows, capped.
//! Does not survive a crash of the machine byte for byte: output is a stream to look at, not a record.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use taskwright_registry::{Fence, whole_characters};

use crate::bucket::log::{BucketLog, BucketLogs};
use crate::log_folder::{LogFolder, LogWriter};

/// How much is read at one time.
const READ_BYTES: u64 = 1024 * 1024;
/// How long an instance that has ended, or asks something, waits for a bucket to take what it has said before.
const LAST_FLUSH: Duration = Duration::from_secs(5);
/// Written once where a log has reached its cap.
const CAPPED: &str = "[further output is not kept]\n";

/// How often a reader looks for more: in a file at once, in a bucket where each look is a request.
const LOOK_FILE: Duration = Duration::from_millis(100);
const LOOK_BUCKET: Duration = Duration::from_secs(1);

/// Where the logs of a task are.
#[derive(Debug, Clone)]
pub(crate) enum Logs {
    /// In files, or in memory.
    Local(LogFolder),
    /// In a bucket.
    Bucket(BucketLogs),
}

/// How much of a log may still be kept.
struct Room {
    cap: u64,
    /// By this attempt and all before it.
    written: u64,
    capped: bool,
}

impl Room {
    /// What of a text is kept, with the word that says so where it is the last.
    fn take(&mut self, text: &str) -> Vec<u8> {
        if self.capped {
            return Vec::new();
        }
        let room = self.cap.saturating_sub(self.written);
        let mut end = text.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.capped = end < text.len();
        let mut bytes = text.as_bytes()[..end].to_vec();
        if self.capped {
            if bytes.last().is_some_and(|&last| last != b'\n') {
                bytes.push(b'\n');
            }
            bytes.extend_from_slice(CAPPED.as_bytes());
        }
        self.written += bytes.len() as u64;
        bytes
    }
}

/// Opened with the first output: an attempt without output has no log.
enum Place {
    Local { folder: LogFolder, log: Mutex<(Option<LogWriter>, Room)> },
    Bucket { logs: BucketLogs, log: tokio::sync::Mutex<(Option<BucketLog>, Room)> },
}

/// The writing end, for one claim. Clones share it.
#[derive(Clone)]
pub(crate) struct OutputLog {
    fence: Fence,
    place: Arc<Place>,
}

impl OutputLog {
    /// Opens nothing yet. The cap is for all attempts together.
    pub(crate) fn new(logs: Logs, fence: Fence, cap: u64) -> Self {
        let room = Room { cap, written: 0, capped: false };
        let place = match logs {
            Logs::Local(folder) => Place::Local { folder, log: Mutex::new((None, room)) },
            Logs::Bucket(logs) => Place::Bucket { logs, log: tokio::sync::Mutex::new((None, room)) },
        };
        Self { fence, place: Arc::new(place) }
    }

    /// Appends text, at most up to the cap. The write to a file ends in the page cache, which takes microseconds, so it is made
    /// where the caller is.
    pub(crate) async fn append(&self, text: &str) -> std::io::Result<()> {
        match self.place.as_ref() {
            Place::Local { folder, log } => {
                let (writer, room) = &mut *log.lock().unwrap_or_else(PoisonError::into_inner);
                if writer.is_none() {
                    *writer = Some(folder.writer(self.fence.attempt)?);
                    room.written = folder.len()?;
                }
                let kept = room.take(text);
                match writer {
                    Some(writer) => writer.append(&kept),
                    None => Ok(()),
                }
            }
            Place::Bucket { logs, log } => {
                let (writer, room) = &mut *log.lock().await;
                if writer.is_none() {
                    let (opened, written) = logs.writer(self.fence).await?;
                    *writer = Some(opened);
                    room.written = written;
                }
                let kept = room.take(text);
                match writer {
                    Some(writer) if !kept.is_empty() => writer.append(&kept).await,
                    _ => Ok(()),
                }
            }
        }
    }

    /// Makes what was appended visible to readers everywhere, or gives up after a while: output is a stream to look at.
    pub(crate) async fn flush(&self) {
        let Place::Bucket { log, .. } = self.place.as_ref() else { return };
        let flushed = tokio::time::timeout(LAST_FLUSH, async {
            let writer = log.lock().await.0.clone();
            match writer {
                Some(writer) => writer.flush().await,
                None => Ok(()),
            }
        });
        match flushed.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the end of an output is not in the bucket"),
            Err(_) => {
                tracing::warn!(within = ?LAST_FLUSH, "the end of an output is not in the bucket: it does not reply")
            }
        }
    }
}

/// The reading end: gives what has been appended since it was last asked, attempt after attempt.
#[derive(Debug)]
pub struct OutputTail {
    logs: Logs,
    attempt: u32,
    offset: u64,
    pending: Vec<u8>,
}

impl OutputTail {
    pub(crate) fn new(logs: Logs) -> Self {
        Self { logs, attempt: 0, offset: 0, pending: Vec::new() }
    }

    /// How long to wait before it is worth while to look for more.
    #[must_use]
    pub fn pace(&self) -> Duration {
        match self.logs {
            Logs::Local(_) => LOOK_FILE,
            Logs::Bucket(_) => LOOK_BUCKET,
        }
    }

    /// What has come since the last call; empty if nothing has. Reads at most 1 MiB at a time, whole characters only.
    ///
    /// # Errors
    /// Those of reading the file or the bucket; a log that is not there yet is no error.
    pub async fn read(&mut self) -> std::io::Result<String> {
        match self.logs.clone() {
            Logs::Local(folder) => self.read_local(&folder),
            Logs::Bucket(logs) => {
                let Some((attempt, bytes)) = logs.next(self.attempt, self.offset).await? else {
                    return Ok(String::new());
                };
                if attempt != self.attempt {
                    self.begin(attempt);
                }
                self.offset += bytes.len() as u64;
                self.pending.extend_from_slice(&bytes);
                Ok(self.whole_characters())
            }
        }
    }

    fn begin(&mut self, attempt: u32) {
        self.attempt = attempt;
        self.offset = 0;
        self.pending.clear();
    }

    fn read_local(&mut self, folder: &LogFolder) -> std::io::Result<String> {
        loop {
            let next = folder.attempts()?.into_iter().find(|attempt| *attempt > self.attempt);
            let text = self.read_attempt(folder)?;
            match next {
                // The attempt before had ended by the time its successor's log was seen.
                Some(next) if text.is_empty() => self.begin(next),
                _ => return Ok(text),
            }
        }
    }

    fn read_attempt(&mut self, folder: &LogFolder) -> std::io::Result<String> {
        if self.attempt == 0 {
            return Ok(String::new());
        }
        let read = folder.read(self.attempt, self.offset, READ_BYTES, &mut self.pending)?;
        self.offset += read as u64;
        Ok(self.whole_characters())
    }

    fn whole_characters(&mut self) -> String {
        let rest = self.pending.split_off(whole_characters(&self.pending));
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending = rest;
        text
    }
}

#[cfg(test)]
mod tests {
    use taskwright_registry::{NewTask, Task, TaskId, create};
    use taskwright_test_bucket::TestBucket;

    use super::*;
    use crate::SessionFiles;

    /// Files on disk, in memory and in a bucket, and what those live in.
    fn places() -> (Vec<SessionFiles>, TestBucket, tempfile::TempDir) {
        let (folder, bucket) = (tempfile::tempdir().unwrap(), TestBucket::start());
        let places = vec![
            SessionFiles::folder(folder.path().join("files")).unwrap(),
            SessionFiles::in_memory(),
            in_bucket(&bucket, &folder),
        ];
        (places, bucket, folder)
    }

    fn in_bucket(bucket: &TestBucket, folder: &tempfile::TempDir) -> SessionFiles {
        let settings = bucket.environment().into_iter().map(|(name, value)| (name.to_owned(), value));
        SessionFiles::bucket("s3://tasks/here".parse().unwrap(), settings, folder.path().join("scratch")).unwrap()
    }

    fn task() -> Task {
        let id = TaskId::new(chrono::DateTime::UNIX_EPOCH, [1; 10]);
        let new = NewTask::new(id, "s".parse().unwrap(), "probe", serde_json::Value::Null);
        create(new, chrono::DateTime::UNIX_EPOCH).unwrap()
    }

    fn fence(attempt: u32, claim: u32) -> Fence {
        Fence { attempt, claim, birth: 0 }
    }

    async fn say(log: &OutputLog, text: &str) {
        log.append(text).await.unwrap();
        log.flush().await;
    }

    /// All that can be read now.
    async fn heard(tail: &mut OutputTail) -> String {
        let mut all = String::new();
        loop {
            match tail.read().await.unwrap() {
                text if text.is_empty() => return all,
                text => all.push_str(&text),
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_log_is_capped_and_says_so_once() {
        let (places, _bucket, _folder) = places();
        for files in places {
            let logs = files.output_logs(&task());
            let log = OutputLog::new(logs.clone(), fence(1, 1), 10);
            let mut tail = OutputTail::new(logs);
            assert_eq!(heard(&mut tail).await, "");
            say(&log, "12345\n").await;
            assert_eq!(heard(&mut tail).await, "12345\n");
            say(&log, "6789ab").await;
            say(&log, "more").await;
            assert_eq!(heard(&mut tail).await, format!("6789\n{CAPPED}"));
        }
    }

    #[tokio::test]
    async fn a_reader_never_sees_half_a_character() {
        for logs in [
            LogFolder::Disk { folder: tempfile::tempdir().unwrap().path().join("t"), birth: 0 },
            LogFolder::in_memory(),
        ] {
            let mut writer = logs.writer(1).unwrap();
            let (half, rest) = "€".as_bytes().split_at(2);
            writer.append(half).unwrap();
            let mut tail = OutputTail::new(Logs::Local(logs));
            assert_eq!(heard(&mut tail).await, "");
            writer.append(rest).unwrap();
            assert_eq!(heard(&mut tail).await, "€");
        }
    }

    // L55
    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_written_for_a_forgotten_task_is_not_the_output_of_the_one_that_has_its_id() {
        let (places, _bucket, _folder) = places();
        for files in places {
            let first = task();
            let mut second = first.clone();
            second.dispatch.birth = 7;
            let (late, now) = (files.output_logs(&first), files.output_logs(&second));
            say(&OutputLog::new(late.clone(), first.fence(), 100), "late\n").await;
            say(&OutputLog::new(now.clone(), second.fence(), 6), "now\n").await;
            assert_eq!(heard(&mut OutputTail::new(now)).await, "now\n");
            assert_eq!(heard(&mut OutputTail::new(late)).await, "late\n");
        }
    }

    // L5
    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_straggler_writes_does_not_land_in_its_successors_log() {
        let (places, _bucket, _folder) = places();
        for files in places {
            let logs = files.output_logs(&task());
            let straggler = OutputLog::new(logs.clone(), fence(1, 1), 100);
            say(&straggler, "one\n").await;
            let mut tail = OutputTail::new(logs.clone());
            let successor = OutputLog::new(logs.clone(), fence(3, 3), 100);
            say(&successor, "two\n").await;
            assert_eq!(heard(&mut tail).await, "one\ntwo\n");
            say(&straggler, "late\n").await;
            say(&successor, "three\n").await;
            assert_eq!(heard(&mut tail).await, "three\n");
            let capped = OutputLog::new(logs, fence(4, 4), 20);
            say(&capped, "four and more\n").await;
            assert_eq!(heard(&mut tail).await, format!("f\n{CAPPED}"), "one cap for all attempts");
        }
    }

    // L6
    #[tokio::test(flavor = "multi_thread")]
    async fn the_next_claim_of_an_attempt_goes_on_with_its_log_and_a_straggler_of_the_last_one_does_not() {
        let (bucket, folder) = (TestBucket::start(), tempfile::tempdir().unwrap());
        let logs = in_bucket(&bucket, &folder).output_logs(&task());
        let straggler = OutputLog::new(logs.clone(), fence(1, 1), 1_000);
        say(&straggler, "one\n").await;
        let mut tail = OutputTail::new(logs.clone());
        assert_eq!(heard(&mut tail).await, "one\n");
        let next = OutputLog::new(logs.clone(), fence(1, 2), 1_000);
        say(&next, "two\n").await;
        say(&straggler, "late, and longer than what has come since\n").await;
        assert_eq!(heard(&mut tail).await, "two\n");
        say(&next, "three\n").await;
        assert_eq!(heard(&mut tail).await, "three\n");
        assert_eq!(heard(&mut OutputTail::new(logs)).await, "one\ntwo\nthree\n");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_long_log_is_a_few_objects_and_is_read_whole() {
        let (bucket, folder) = (TestBucket::start(), tempfile::tempdir().unwrap());
        let logs = in_bucket(&bucket, &folder).output_logs(&task());
        let log = OutputLog::new(logs.clone(), fence(1, 1), 4 * 1024 * 1024);
        let line = format!("{}\n", "x".repeat(1_023));
        for _ in 0..2_000 {
            log.append(&line).await.unwrap();
        }
        log.flush().await;
        assert_eq!(heard(&mut OutputTail::new(logs)).await, line.repeat(2_000));
        let objects = std::fs::read_dir(bucket.object(&format!("here/.tasks/{}/output/1", task().id))).unwrap();
        let objects = objects.flatten().filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')).count();
        assert!(objects <= 9, "{objects} objects for 2 MB");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_elsewhere_sees_output_without_being_told() {
        let (bucket, folder) = (TestBucket::start(), tempfile::tempdir().unwrap());
        let log = OutputLog::new(in_bucket(&bucket, &folder).output_logs(&task()), fence(1, 1), 1_000);
        let mut tail = OutputTail::new(in_bucket(&bucket, &folder).output_logs(&task()));
        log.append("in a moment\n").await.unwrap();
        let seen = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                match heard(&mut tail).await {
                    text if text.is_empty() => tokio::time::sleep(tail.pace()).await,
                    text => return text,
                }
            }
        });
        assert_eq!(seen.await.unwrap(), "in a moment\n");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn output_that_a_bucket_could_not_take_is_there_when_it_is_back() {
        let (bucket, folder) = (TestBucket::start(), tempfile::tempdir().unwrap());
        let logs = in_bucket(&bucket, &folder).output_logs(&task());
        let log = OutputLog::new(logs.clone(), fence(1, 1), 1_000);
        say(&log, "before\n").await;
        let stopped = bucket.stop();
        log.append("while it was gone\n").await.unwrap();
        let _bucket = stopped.again();
        log.flush().await;
        assert_eq!(heard(&mut OutputTail::new(logs)).await, "before\nwhile it was gone\n");
    }
}
