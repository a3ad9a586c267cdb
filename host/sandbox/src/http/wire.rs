//! What flows over one connection, counted against the budget as it flows.
//! Does not look at it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::error::HttpError;
use crate::meter::Meter;

/// Counts the bytes of one connection, above TLS: what the guest and the server say to each other.
#[derive(Debug)]
pub(crate) struct Account {
    meter: Arc<Meter>,
    /// Why nothing flows any more.
    refused: OnceLock<HttpError>,
}

impl Account {
    pub(crate) fn new(meter: Arc<Meter>) -> Arc<Self> {
        Arc::new(Self { meter, refused: OnceLock::new() })
    }

    /// The refusal that broke the connection, if that is what did.
    pub(crate) fn refused(&self) -> Option<HttpError> {
        self.refused.get().cloned()
    }

    fn take(&self, bytes: usize) -> io::Result<()> {
        self.meter.http_bytes(bytes as u64).map_err(|refusal| {
            let _ = self.refused.set(refusal.into());
            io::Error::other("the budget does not allow more bytes")
        })
    }
}

/// A stream whose bytes are counted.
#[derive(Debug)]
pub(crate) struct Counted<S> {
    stream: S,
    account: Arc<Account>,
}

impl<S> Counted<S> {
    pub(crate) fn new(stream: S, account: Arc<Account>) -> Self {
        Self { stream, account }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, into))?;
        Poll::Ready(this.account.take(into.filled().len() - before))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, bytes))?;
        this.account.take(written)?;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
