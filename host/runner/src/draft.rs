//! A file of a session while it is written: it appears when it is whole, and not at all otherwise.
//! Does not hold more of it in memory than a piece: the rest is on this machine's disk until then.

use std::path::PathBuf;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::{FilesError, SessionFiles};

/// How much of a draft is held in memory before it goes to disk.
const BUFFER_BYTES: usize = 256 * 1024;
/// A file of this length or less goes to a bucket in one request, a longer one in parts of it; none may be shorter than 5 MiB.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts that are on their way at one time.
const PARTS: usize = 2;

/// A file that is being written.
pub(crate) struct Draft {
    files: SessionFiles,
    store: Arc<dyn ObjectStore>,
    key: Path,
    bytes: u64,
    writer: Writer,
}

enum Writer {
    /// To where it belongs, under another name at first.
    There(BufWriter),
    /// Into a file without a name in this folder, so that a bucket sees nothing of what may not be finished, and nobody has to
    /// clear away what a process leaves that is killed.
    Here { folder: Arc<PathBuf>, file: Option<File> },
}

impl Draft {
    /// Of a file with this key, by way of a folder if one is given.
    pub(crate) fn new(files: SessionFiles, store: Arc<dyn ObjectStore>, key: Path, by: Option<Arc<PathBuf>>) -> Self {
        let writer = match by {
            None => Writer::There(BufWriter::with_capacity(store.clone(), key.clone(), BUFFER_BYTES)),
            Some(folder) => Writer::Here { folder, file: None },
        };
        Self { files, store, key, bytes: 0, writer }
    }

    pub(crate) async fn append(&mut self, chunk: Vec<u8>) -> Result<(), FilesError> {
        self.bytes += chunk.len() as u64;
        match &mut self.writer {
            Writer::There(writer) => writer.put(chunk.into()).await.map_err(|error| self.files.not_written(&error)),
            Writer::Here { folder, file } => append_to(folder, file, &chunk).await.map_err(|error| {
                self.files.unusable(format!("what is on its way lies in {}: {error}", folder.display()))
            }),
        }
    }

    /// Makes the file appear. Returns its length.
    pub(crate) async fn finish(self) -> Result<u64, FilesError> {
        let (files, bytes) = (self.files, self.bytes);
        let unusable = |error: std::io::Error| files.unusable(error.to_string());
        match self.writer {
            Writer::There(mut writer) => writer.shutdown().await.map_err(unusable)?,
            Writer::Here { file, .. } => {
                let writer = BufWriter::with_capacity(self.store, self.key, PART_BYTES).with_max_concurrency(PARTS);
                send(file, writer).await.map_err(unusable)?;
            }
        }
        Ok(bytes)
    }

    /// Removes what was written so far.
    pub(crate) async fn discard(self) {
        let Writer::There(mut writer) = self.writer else { return };
        if let Err(error) = writer.abort().await {
            // A writer that never left its buffer has nothing to remove and says so.
            tracing::debug!(key = %self.key, %error, "a draft was not removed");
        }
    }
}

async fn append_to(folder: &PathBuf, file: &mut Option<File>, chunk: &[u8]) -> std::io::Result<()> {
    let file = match file {
        Some(file) => file,
        None => {
            let made = tempfile::tempfile_in(folder)?;
            file.insert(File::from_std(made))
        }
    };
    file.write_all(chunk).await?;
    file.flush().await
}

/// Sends a file on. What was sent of one that did not arrive is taken back.
async fn send(file: Option<File>, mut to: BufWriter) -> std::io::Result<()> {
    let sent = async {
        if let Some(mut file) = file {
            file.rewind().await?;
            let mut piece = vec![0; BUFFER_BYTES];
            loop {
                let read = file.read(&mut piece).await?;
                if read == 0 {
                    break;
                }
                to.write_all(&piece[..read]).await?;
            }
        }
        to.shutdown().await
    };
    let sent = sent.await;
    if sent.is_err()
        && let Err(error) = to.abort().await
    {
        tracing::debug!(%error, "parts of a file that did not arrive may be left");
    }
    sent
}
