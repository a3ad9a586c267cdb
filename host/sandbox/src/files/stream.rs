//! The content of files as streams.
//! Does not read or write by itself: the streams of `wasmtime-wasi` do.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};

use super::open_files::OpenPlace;
use super::quota::OpenFile;
use super::{Folder, Refused};
use crate::meter::Meter;

impl From<Refused> for StreamError {
    fn from(refused: Refused) -> Self {
        StreamError::LastOperationFailed(wasmtime::Error::new(refused))
    }
}

/// A file that is read.
pub(super) struct Reading {
    pub(super) meter: Arc<Meter>,
    pub(super) folder: Arc<Folder>,
    pub(super) inner: DynInputStream,
    /// The file stays known for as long as the stream holds it open.
    pub(super) _open: Option<Arc<OpenFile>>,
    pub(super) _place: Option<Arc<OpenPlace>>,
}

impl Reading {
    fn enter(&self) -> StreamResult<()> {
        self.meter.look_at_file().map_err(StreamError::Trap)?;
        Ok(self.folder.may_read()?)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Reading {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for Reading {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.enter()?;
        self.inner.read(size)
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.enter()?;
        self.inner.blocking_read(size).await
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

/// A file that is written. Each write is done when its call returns: an instance with files has a thread of its own to
/// block, and nothing is under way behind the quota's back.
pub(super) struct Writing {
    pub(super) meter: Arc<Meter>,
    pub(super) folder: Arc<Folder>,
    pub(super) inner: DynOutputStream,
    /// For a file that counts towards a quota.
    pub(super) open: Option<Arc<OpenFile>>,
    /// Where the next write goes; none for the end of the file.
    pub(super) at: Option<u64>,
    pub(super) _place: Option<Arc<OpenPlace>>,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Writing {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Writing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.meter.look_at_file().map_err(StreamError::Trap)?;
        self.folder.may_write()?;
        let len = bytes.len() as u64;
        if let Some(open) = &self.open {
            open.grow_to(self.at.unwrap_or_else(|| open.len()).saturating_add(len))?;
        }
        if let Some(at) = &mut self.at {
            *at = at.saturating_add(len);
        }
        self.inner
            .blocking_write_and_flush(bytes)
            .now_or_never()
            .unwrap_or_else(|| Err(StreamError::trap("a write to a file did not end in its call")))
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.write(bytes)
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}
