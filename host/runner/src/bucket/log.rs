//! The logs of a task's output in a bucket, where nothing can be appended to: pieces that are written anew while they grow.
//! Does not cap or decode them: `output_log` does.
//!
//! A piece is called `.tasks/{task}/output/{attempt}/{offset}.{claim}`, by where in the attempt's log it begins and by who wrote it. One
//! that is long enough is never written again. Whoever goes on with an attempt takes the last piece over under its own claim, so that
//! what its predecessor may still have on its way does not land in it (L5); who reads takes the piece of the latest claim.

use std::collections::BTreeMap;
use std::io::{Error, Result};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use taskwright_registry::{Fence, TaskId};
use tokio::time::sleep;

/// From this length on a piece is complete.
const PIECE: usize = 256 * 1024;
/// Between an output and the time at which others can see it: as short as this at first, a little longer with each piece that was
/// written, and never longer than the second.
const SOON: Duration = Duration::from_secs(1);
const LATE: Duration = Duration::from_secs(10);
const LONGER: Duration = Duration::from_millis(100);

/// Where the logs of one task are.
#[derive(Debug, Clone)]
pub(crate) struct BucketLogs {
    store: Arc<dyn ObjectStore>,
    folder: Path,
    birth: u64,
}

/// One piece, as a listing shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    attempt: u32,
    start: u64,
    claim: u32,
    len: u64,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.len
    }
}

impl BucketLogs {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, task: &TaskId, birth: u64) -> Self {
        Self { store, folder: Path::from(format!(".tasks/{task}/output")), birth }
    }

    /// The log of an attempt. The birth is in its name, so that what is still written for a forgotten task is not taken for the
    /// output of the one that has its id now (L55).
    fn of_attempt(&self, attempt: u32) -> Path {
        match self.birth {
            0 => self.folder.clone().join(attempt.to_string()),
            birth => self.folder.clone().join(format!("{attempt}.{birth}")),
        }
    }

    fn key(&self, attempt: u32, start: u64, claim: u32) -> Path {
        self.of_attempt(attempt).join(format!("{start:012}.{claim}"))
    }

    fn piece(&self, path: &Path, len: u64) -> Option<Piece> {
        let mut parts = path.prefix_match(&self.folder)?;
        let (attempt, name) = (parts.next()?, parts.next()?);
        let (start, claim) = name.as_ref().split_once('.')?;
        let attempt = match attempt.as_ref().split_once('.') {
            None if self.birth == 0 => attempt.as_ref().parse().ok()?,
            Some((attempt, birth)) if birth.parse() == Ok(self.birth) => attempt.parse().ok()?,
            _ => return None,
        };
        Some(Piece { attempt, start: start.parse().ok()?, claim: claim.parse().ok()?, len })
    }

    /// All pieces there are: about as many as the cap of a log has times the length of one.
    async fn pieces(&self) -> Result<Vec<Piece>> {
        let listed = self.store.list(Some(&self.folder)).try_collect::<Vec<_>>().await.map_err(failed)?;
        let all: Vec<Piece> = listed.iter().filter_map(|object| self.piece(&object.location, object.size)).collect();
        // What a claim writes from where a later one has begun is a straggler's.
        let superseded = |piece: &Piece| {
            let before = |other: &Piece| other.claim > piece.claim && other.start <= piece.start;
            all.iter().any(|other| other.attempt == piece.attempt && before(other))
        };
        Ok(all.iter().filter(|piece| !superseded(piece)).copied().collect())
    }

    /// What comes next for a reader who has read so far: the attempt that it comes from, and the bytes.
    pub(crate) async fn next(&self, attempt: u32, offset: u64) -> Result<Option<(u32, Vec<u8>)>> {
        let pieces = self.pieces().await?;
        let here = |at: u32, offset: u64| {
            let piece =
                pieces.iter().filter(|piece| piece.attempt == at && piece.start <= offset && piece.end() > offset);
            piece.max_by_key(|piece| (piece.claim, piece.start)).copied()
        };
        let later = || {
            let next = pieces.iter().map(|piece| piece.attempt).filter(|at| *at > attempt).min();
            // Its beginning, which may not be there yet.
            next.and_then(|at| here(at, 0)).map(|piece| (piece, 0))
        };
        let Some((piece, from)) = here(attempt, offset).map(|piece| (piece, offset)).or_else(later) else {
            return Ok(None);
        };
        let key = self.key(piece.attempt, piece.start, piece.claim);
        match self.store.get_range(&key, from - piece.start..piece.len).await {
            Ok(bytes) => Ok(Some((piece.attempt, bytes.into()))),
            // Taken over between the look and now.
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Goes on with the log of an attempt. Says too how long the logs of all attempts are.
    pub(crate) async fn writer(&self, fence: Fence) -> Result<(BucketLog, u64)> {
        let pieces = self.pieces().await?;
        let mut ends = BTreeMap::<u32, u64>::new();
        for piece in &pieces {
            let end = ends.entry(piece.attempt).or_default();
            *end = (*end).max(piece.end());
        }
        let mut growing = Growing { start: ends.get(&fence.attempt).copied().unwrap_or(0), ..Growing::default() };
        let ours = pieces.iter().filter(|piece| piece.attempt == fence.attempt);
        if let Some(last) = ours.max_by_key(|piece| (piece.start, piece.claim)).filter(|last| last.len < PIECE as u64) {
            let key = self.key(last.attempt, last.start, last.claim);
            let bytes = self.store.get(&key).await.map_err(failed)?.bytes().await.map_err(failed)?;
            growing.start = last.start;
            growing.uploaded = bytes.len();
            growing.bytes = bytes.into();
            growing.taken_over = (last.claim != fence.claim).then_some(key);
        }
        let (logs, writing) = (self.clone(), tokio::sync::Mutex::default());
        let shared = Shared { logs, fence, growing: Mutex::new(growing), writing };
        Ok((BucketLog(Arc::new(shared)), ends.values().sum()))
    }
}

/// The end of a log that grows.
#[derive(Default)]
struct Growing {
    start: u64,
    bytes: Vec<u8>,
    /// How many of the bytes the bucket has.
    uploaded: usize,
    /// Under whose name it has them until we have written some.
    taken_over: Option<Path>,
    /// How often something was written.
    uploads: u32,
    /// Whether somebody is about to.
    due: bool,
}

struct Shared {
    logs: BucketLogs,
    fence: Fence,
    growing: Mutex<Growing>,
    /// Held while a piece is on its way.
    writing: tokio::sync::Mutex<()>,
}

/// Appends to the log of one attempt. Holds no more than one piece and what comes with one call.
#[derive(Clone)]
pub(crate) struct BucketLog(Arc<Shared>);

impl BucketLog {
    /// Appends all of it, in memory; it is in the bucket a little later, or when `flush` returns. Where as much waits as makes a
    /// piece, it waits until the bucket has that.
    pub(crate) async fn append(&self, bytes: &[u8]) -> Result<()> {
        if self.0.growing().waiting() >= PIECE {
            self.flush().await?;
        }
        let wait = {
            let mut growing = self.0.growing();
            growing.bytes.extend_from_slice(bytes);
            if std::mem::replace(&mut growing.due, true) {
                return Ok(());
            }
            (SOON + LONGER * growing.uploads.saturating_sub(1)).min(LATE)
        };
        tokio::spawn(upload_later(self.0.clone(), wait));
        Ok(())
    }

    /// Returns when the bucket has what was appended before.
    pub(crate) async fn flush(&self) -> Result<()> {
        self.0.upload().await
    }
}

/// Sees to it that the bucket gets what was appended: once in any case, again only while somebody may append.
async fn upload_later(log: Arc<Shared>, wait: Duration) {
    sleep(wait).await;
    let mut log = Some(log);
    while let Some(open) = log {
        open.growing().due = false;
        let Err(error) = open.upload().await else { return };
        tracing::warn!(folder = %open.logs.folder, %error, "output is not in the bucket yet; it will be tried again");
        if std::mem::replace(&mut open.growing().due, true) {
            // Somebody has appended meanwhile, and tries it again.
            return;
        }
        let kept = Arc::downgrade(&open);
        drop(open);
        sleep(LATE).await;
        log = kept.upgrade();
    }
}

impl Growing {
    fn waiting(&self) -> usize {
        self.bytes.len() - self.uploaded
    }
}

impl Shared {
    fn growing(&self) -> std::sync::MutexGuard<'_, Growing> {
        self.growing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn upload(&self) -> Result<()> {
        let _writing = self.writing.lock().await;
        let (start, bytes, taken_over) = {
            let growing = self.growing();
            if growing.waiting() == 0 {
                return Ok(());
            }
            (growing.start, growing.bytes.clone(), growing.taken_over.clone())
        };
        let len = bytes.len();
        let key = self.logs.key(self.fence.attempt, start, self.fence.claim);
        self.logs.store.put(&key, bytes.into()).await.map_err(failed)?;
        {
            let mut growing = self.growing();
            growing.uploads += 1;
            growing.uploaded = len;
            growing.taken_over = None;
            if len >= PIECE {
                growing.bytes.drain(..len);
                growing.start += len as u64;
                growing.uploaded = 0;
            }
        }
        if let Some(old) = taken_over {
            // Readers prefer ours, so it does no harm if it stays.
            if let Err(error) = self.logs.store.delete(&old).await {
                tracing::debug!(%old, %error, "a piece of a log that was taken over is left");
            }
        }
        Ok(())
    }
}

fn failed(error: object_store::Error) -> Error {
    Error::other(format!("{error}{}", super::advice(&error)))
}
