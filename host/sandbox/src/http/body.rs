//! The body of a response as it comes in, for as long as it may.
//! Does not ask for more than somebody reads: what is not read stays in the network.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi::runtime::AbortOnDropJoinHandle;

use super::error::HttpError;
use super::request::Times;
use super::standing::Standing;
use super::unread::Unread;
use super::wire::Account;

/// Bytes that one read gives at most.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// What keeps a response alive. Dropping it closes the connection.
pub(crate) struct Line {
    /// Moves the bytes.
    pub(crate) _driver: AbortOnDropJoinHandle<()>,
    /// One of the responses that the instance may have open.
    pub(crate) open: OwnedSemaphorePermit,
    pub(crate) account: Arc<Account>,
    pub(crate) standing: Standing,
    pub(crate) unread: Unread,
    pub(crate) times: Times,
    /// When everything has to be over.
    pub(crate) deadline: Instant,
    pub(crate) max_bytes: u64,
}

/// The body of a response.
pub(crate) struct ResponseBody {
    /// None when it is over, well or not.
    open: Option<(Incoming, Line)>,
    /// How many bytes the head has announced, and how many have come.
    announced: Option<u64>,
    received: u64,
    /// When who waits has waited for too long; none if nobody waits.
    patience: Option<Pin<Box<Sleep>>>,
}

impl ResponseBody {
    /// Refuses one that says at once that it is too long.
    pub(crate) fn new(incoming: Incoming, line: Line) -> Result<Self, HttpError> {
        let announced = incoming.size_hint().exact();
        if let Some(bytes) = announced.filter(|bytes| *bytes > line.max_bytes) {
            return Err(too_long(line.max_bytes, bytes));
        }
        line.unread.handed_over();
        Ok(Self { open: Some((incoming, line)), announced, received: 0, patience: None })
    }

    /// Whether what has come may still be handed over.
    pub(crate) fn still_allowed(&mut self) -> Result<(), HttpError> {
        let Some((_, line)) = &mut self.open else { return Ok(()) };
        if let Err(error) = line.standing.check() {
            self.open = None;
            return Err(error);
        }
        line.unread.handed_over();
        Ok(())
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let Some((incoming, line)) = &mut self.open else { return Poll::Ready(None) };
        if let Err(error) = line.standing.check() {
            return Poll::Ready(Some(Err(error)));
        }
        // Whoever moves the bytes has stopped at the deadline, and a body that is cut off there must not seem to be whole.
        let overdue = HttpError::timeout("the exchange", line.times.total);
        if Instant::now() >= line.deadline {
            return Poll::Ready(Some(Err(overdue)));
        }
        if line.unread.is_given_up() {
            let paused = HttpError::timeout("the pause between two reads of the body", line.times.idle);
            return Poll::Ready(Some(Err(paused)));
        }
        let Poll::Ready(frame) = Pin::new(incoming).poll_frame(context) else {
            line.unread.awaited();
            let until = (Instant::now() + line.times.idle).min(line.deadline);
            let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
            if patience.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let paused = HttpError::timeout("the next piece of the body", line.times.idle);
            return Poll::Ready(Some(Err(if Instant::now() >= line.deadline { overdue } else { paused })));
        };
        self.patience = None;
        line.unread.handed_over();
        // What came in while the grant was revoked is not handed over either.
        if let Err(error) = line.standing.check() {
            return Poll::Ready(Some(Err(error)));
        }
        let lost = |problem: &str| {
            let refused = line.account.refused();
            Some(Err(refused.unwrap_or_else(|| HttpError::Connection(format!("the body ended early: {problem}")))))
        };
        match frame {
            None | Some(Err(_)) if Instant::now() >= line.deadline => Poll::Ready(Some(Err(overdue))),
            None if self.announced.is_some_and(|announced| announced != self.received) => {
                Poll::Ready(lost("the connection was lost"))
            }
            None => Poll::Ready(None),
            Some(Err(error)) => Poll::Ready(lost(&error.to_string())),
            Some(Ok(frame)) => {
                self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                if self.received > line.max_bytes {
                    return Poll::Ready(Some(Err(too_long(line.max_bytes, self.received))));
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        let polled = this.poll_piece(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            this.open = None;
            this.patience = None;
        }
        polled
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, |bytes| SizeHint::with_exact(bytes.saturating_sub(self.received)))
    }
}

fn too_long(allowed: u64, wanted: u64) -> HttpError {
    HttpError::limit("http_response_bytes", allowed, wanted)
}

struct Reading {
    body: ResponseBody,
    /// What has come and was not asked for yet.
    left: Bytes,
    failed: Option<HttpError>,
}

/// The contract's resource: a body that is read piece by piece. Clones are the same body.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "the generated bindings have a name for it that is public")]
pub struct OpenBody {
    reading: Arc<Mutex<Reading>>,
}

impl OpenBody {
    pub(crate) fn new(body: ResponseBody) -> Self {
        Self { reading: Arc::new(Mutex::new(Reading { body, left: Bytes::new(), failed: None })) }
    }

    /// What has come, at least one byte and at most this many; none at the end. An error stays.
    pub(crate) async fn read(&self, at_most: usize) -> Result<Option<Bytes>, HttpError> {
        let mut reading = self.reading.lock().await;
        if let Some(error) = &reading.failed {
            return Err(error.clone());
        }
        let read = reading.next(at_most.clamp(1, READ_BYTES)).await;
        if let Err(error) = &read {
            reading.failed = Some(error.clone());
            reading.left = Bytes::new();
        }
        read
    }
}

impl Reading {
    async fn next(&mut self, at_most: usize) -> Result<Option<Bytes>, HttpError> {
        self.body.still_allowed()?;
        while self.left.is_empty() {
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            // Trailers are of no use to anybody.
            self.left = frame?.into_data().unwrap_or_default();
        }
        let end = at_most.min(self.left.len());
        Ok(Some(self.left.split_to(end)))
    }
}
