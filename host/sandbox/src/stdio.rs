//! What a guest prints: captured, bounded, cut into lines.
//! Does not store it: the attempt's host gets it as output.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use taskwright_registry::whole_characters;
use tokio::io::{AsyncWrite, Sink, sink};
use tokio::sync::Notify;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream as WasiOutputStream, Pollable, StreamError, StreamResult};

use crate::meter::Meter;
use crate::{AttemptHost, OutputStream};

/// How much may wait to be taken before a guest that prints has to wait.
const WAITING_BYTES: usize = 64 * 1024;
/// How long a line may be before it is passed on unfinished.
const LINE_BYTES: usize = 8 * 1024;
/// How much of the end of stderr is kept for the message of a panic.
const TAIL_BYTES: usize = 8 * 1024;

/// One of the two streams.
#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    stdout: Line,
    stderr: Line,
    /// Finished pieces, in the order in which they were printed.
    ready: VecDeque<(OutputStream, String)>,
    /// Bytes in `ready`, and in the piece that is being passed on.
    waiting: usize,
    passing: bool,
    stderr_tail: VecDeque<u8>,
    full: bool,
    /// Nothing is kept but the end of stderr, so that there is always room.
    discards: bool,
}

/// Both streams of one instance.
#[derive(Debug)]
pub(crate) struct Stdio {
    meter: Arc<Meter>,
    state: Mutex<State>,
    /// Something is ready.
    filled: Notify,
    /// Something was passed on.
    drained: Notify,
}

impl Stdio {
    pub(crate) fn new(meter: Arc<Meter>) -> Arc<Self> {
        Arc::new(Self { meter, state: Mutex::default(), filled: Notify::new(), drained: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line of the host's to what the guest prints, within the same budget.
    pub(crate) fn note(&self, line: &str) {
        self.print(OutputStream::Stderr, line.as_bytes());
    }

    fn print(&self, stream: OutputStream, bytes: &[u8]) {
        let mut state = self.lock();
        if stream == OutputStream::Stderr {
            state.stderr_tail.extend(bytes);
            let excess = state.stderr_tail.len().saturating_sub(TAIL_BYTES);
            state.stderr_tail.drain(..excess);
        }
        if state.discards {
            return;
        }
        if self.meter.output(bytes.len()).is_err() {
            // An error here would make the guest's own print panic, which would hide what it is about.
            if !std::mem::replace(&mut state.full, true) {
                let note =
                    format!("[output_bytes reached: {}; the rest is dropped]\n", self.meter.budget().output_bytes);
                state.waiting += note.len();
                state.ready.push_back((OutputStream::Stderr, note));
                self.filled.notify_one();
            }
            return;
        }
        let line = if stream == OutputStream::Stderr { &mut state.stderr } else { &mut state.stdout };
        line.bytes.extend_from_slice(bytes);
        let end = match line.bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => newline + 1,
            None if line.bytes.len() >= LINE_BYTES => whole_characters(&line.bytes),
            None => 0,
        };
        if end > 0 {
            let rest = line.bytes.split_off(end);
            let piece = std::mem::replace(&mut line.bytes, rest);
            state.push(stream, &piece);
            self.filled.notify_one();
        }
    }

    /// Passes nothing on from now on. How much room there is no longer depends on who takes what is printed.
    pub(crate) fn discard(&self) {
        self.lock().discards = true;
    }

    /// The end of what was printed to stderr.
    pub(crate) fn stderr_tail(&self) -> String {
        let tail: Vec<u8> = self.lock().stderr_tail.iter().copied().collect();
        String::from_utf8_lossy(&tail).into_owned()
    }

    /// Passes on what is printed, for ever.
    pub(crate) async fn pump(&self, host: &dyn AttemptHost) {
        loop {
            let filled = self.filled.notified();
            let Some((stream, text)) = self.next() else {
                filled.await;
                continue;
            };
            let bytes = text.len();
            // A refusal cannot be told to a guest that prints.
            let _ = host.output(stream, text).await;
            self.passed(bytes);
        }
    }

    /// Takes unfinished lines as well and waits until everything is passed on. Needs a `pump` beside it.
    pub(crate) async fn flush(&self) {
        {
            let mut state = self.lock();
            for stream in [OutputStream::Stdout, OutputStream::Stderr] {
                let line = if stream == OutputStream::Stderr { &mut state.stderr } else { &mut state.stdout };
                let piece = std::mem::take(&mut line.bytes);
                if !piece.is_empty() {
                    state.push(stream, &piece);
                }
            }
            if state.ready.is_empty() && !state.passing {
                return;
            }
        }
        self.filled.notify_one();
        loop {
            let drained = self.drained.notified();
            {
                let state = self.lock();
                if state.ready.is_empty() && !state.passing {
                    return;
                }
            }
            drained.await;
        }
    }

    fn next(&self) -> Option<(OutputStream, String)> {
        let mut state = self.lock();
        let next = state.ready.pop_front();
        state.passing = next.is_some();
        next
    }

    fn passed(&self, bytes: usize) {
        let mut state = self.lock();
        state.waiting = state.waiting.saturating_sub(bytes);
        state.passing = false;
        drop(state);
        self.drained.notify_waiters();
    }

    fn room(&self) -> usize {
        let state = self.lock();
        WAITING_BYTES.saturating_sub(state.waiting)
    }
}

impl State {
    fn push(&mut self, stream: OutputStream, piece: &[u8]) {
        let text = String::from_utf8_lossy(piece).into_owned();
        self.waiting += text.len();
        self.ready.push_back((stream, text));
    }
}

/// One stream as WASI sees it.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    pub(crate) stdio: Arc<Stdio>,
    pub(crate) stream: OutputStream,
}

impl IsTerminal for Printer {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printer {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this one, and it is not linked.
        let nowhere: Sink = sink();
        Box::new(nowhere)
    }

    fn p2_stream(&self) -> Box<dyn WasiOutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Printer {
    async fn ready(&mut self) {
        loop {
            let drained = self.stdio.drained.notified();
            if self.stdio.room() > 0 {
                return;
            }
            drained.await;
        }
    }
}

impl WasiOutputStream for Printer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.stdio.meter.host_call().map_err(StreamError::Trap)?;
        if bytes.len() > self.stdio.room() {
            // What waits to be passed on would be as much as a guest likes.
            return Err(StreamError::trap("more was printed at once than `check-write` allows"));
        }
        self.stdio.print(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(self.stdio.room())
    }
}
