//! What one instance has used, and whether it may use more.
//! Does not stop anything: who asks gets the error that ends the attempt, or the refusal.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use taskwright_registry::{Budget, Dimension, Usage};

use crate::computing::Computing;
use crate::counter::{Counter, Full};
use crate::{Allowance, AttemptError, Refusal};

/// How many times the bytes of one call all calls in flight may carry together.
const CALLS_IN_FLIGHT: u64 = 4;

/// Marks a guest that is not at work at the moment.
const IDLE: u64 = u64::MAX;

/// The error that ends an instance from within a host function. The reason itself is the meter's verdict.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Ended(String);

/// Tokens for host calls: one second's worth may be used at once.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

/// Counts for one instance; shared by its store, its handle and the epoch's callback.
#[derive(Debug)]
pub(crate) struct Meter {
    budget: Budget,
    born: Instant,
    begun: OnceLock<()>,
    gone: OnceLock<Duration>,
    verdict: OnceLock<AttemptError>,
    cpu_nanos: AtomicU64,
    /// How much of what the clock has measured is in the counter.
    cpu_counted: AtomicU64,
    at_work_since: AtomicU64,
    in_flight_bytes: AtomicU64,
    call_peak: AtomicU64,
    checkpoint_peak: AtomicU64,
    memory_peak: AtomicU64,
    table_peak: AtomicU64,
    file_peak: AtomicU64,
    open_files: AtomicU64,
    open_files_peak: AtomicU64,
    /// The growth that was denied last and not followed by one that was allowed; zero if there is none.
    denied_memory: AtomicU64,
    denied_table: AtomicU64,
    bucket: Mutex<Bucket>,
    /// What it has to do with others that compute.
    pub(crate) computing: Computing,
    cpu_ms: Counter,
    wall_ms: Counter,
    host_calls: Counter,
    output_bytes: Counter,
    artifact_bytes: Counter,
    messages: Counter,
    record_bytes: Counter,
    http_requests: Counter,
    http_bytes: Counter,
    children: Counter,
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no 53 bits")]
impl Meter {
    pub(crate) fn new(allowance: impl Into<Allowance>) -> Self {
        let Allowance { budget, used, owner } = allowance.into();
        let born = Instant::now();
        let counter =
            |dimension| Counter::new(dimension, budget.get(dimension), used.get(dimension).unwrap_or_default());
        Self {
            budget,
            born,
            begun: OnceLock::new(),
            gone: OnceLock::new(),
            verdict: OnceLock::new(),
            cpu_nanos: AtomicU64::new(0),
            cpu_counted: AtomicU64::new(0),
            at_work_since: AtomicU64::new(IDLE),
            in_flight_bytes: AtomicU64::new(0),
            call_peak: AtomicU64::new(0),
            checkpoint_peak: AtomicU64::new(0),
            memory_peak: AtomicU64::new(0),
            table_peak: AtomicU64::new(0),
            file_peak: AtomicU64::new(0),
            open_files: AtomicU64::new(0),
            open_files_peak: AtomicU64::new(0),
            denied_memory: AtomicU64::new(0),
            denied_table: AtomicU64::new(0),
            bucket: Mutex::new(Bucket { tokens: budget.host_calls_per_second as f64, filled: born }),
            computing: Computing::new(owner.as_deref()),
            cpu_ms: counter(Dimension::Cpu),
            wall_ms: counter(Dimension::Wall),
            host_calls: counter(Dimension::HostCalls),
            output_bytes: counter(Dimension::OutputBytes),
            artifact_bytes: counter(Dimension::ArtifactBytes),
            messages: counter(Dimension::Messages),
            record_bytes: counter(Dimension::RecordBytes),
            http_requests: counter(Dimension::HttpRequests),
            http_bytes: counter(Dimension::HttpBytes),
            children: counter(Dimension::Children),
        }
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// For how long the instance may still exist.
    pub(crate) fn wall_left(&self) -> Duration {
        Duration::from_millis(self.wall_ms.room())
    }

    /// What has been used so far.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            // Rounded up: what comes back a thousand times for half a millisecond has used something.
            cpu_ms: millis_begun(self.cpu()),
            wall_ms: millis_begun(self.gone.get().copied().unwrap_or_else(|| self.born.elapsed())),
            memory_peak_bytes: self.memory_peak.load(Relaxed),
            table_peak_elements: self.table_peak.load(Relaxed),
            call_peak_bytes: self.call_peak.load(Relaxed),
            checkpoint_peak_bytes: self.checkpoint_peak.load(Relaxed),
            file_peak_bytes: self.file_peak.load(Relaxed),
            open_files_peak: self.open_files_peak.load(Relaxed),
            record_bytes: self.record_bytes.used(),
            host_calls: self.host_calls.used(),
            output_bytes: self.output_bytes.used(),
            artifact_bytes: self.artifact_bytes.used(),
            messages: self.messages.used(),
            http_requests: self.http_requests.used(),
            http_bytes: self.http_bytes.used(),
            children: self.children.used(),
            instances: 1,
        }
    }

    /// The instance is made: from now on its code runs.
    pub(crate) fn begin(&self) {
        let _ = self.begun.set(());
    }

    /// Whether any of its code may have run.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.get().is_some()
    }

    /// Notes that the memory of all guests has not had enough for this one.
    pub(crate) fn no_memory(&self, wanted: u64, allowed: u64) -> wasmtime::Error {
        self.condemn(AttemptError::NoMemory { wanted, allowed, begun: self.has_begun() })
    }

    /// The instance is gone: the wall clock stands still from now on.
    pub(crate) fn end(&self) {
        let _ = self.gone.set(self.born.elapsed());
    }

    /// Notes why the instance has to end. The first reason stands.
    pub(crate) fn condemn(&self, error: AttemptError) -> wasmtime::Error {
        let text = error.to_string();
        let _ = self.verdict.set(error);
        wasmtime::Error::new(Ended(text))
    }

    /// Why the instance had to end, if the host decided so.
    pub(crate) fn verdict(&self) -> Option<&AttemptError> {
        self.verdict.get()
    }

    /// The guest goes to work on this thread.
    pub(crate) fn resume(&self) {
        self.at_work_since.store(nanos(self.born.elapsed()), Relaxed);
    }

    /// The guest has given the thread back.
    pub(crate) fn pause(&self) {
        let since = self.at_work_since.swap(IDLE, Relaxed);
        if since != IDLE {
            let computed = nanos(self.born.elapsed()).saturating_sub(since);
            self.cpu_nanos.fetch_add(computed, Relaxed);
            self.computing.release(Duration::from_nanos(computed));
        }
    }

    /// What the instance has computed so far.
    pub(crate) fn cpu(&self) -> Duration {
        let since = self.at_work_since.load(Relaxed);
        let current = if since == IDLE { 0 } else { nanos(self.born.elapsed()).saturating_sub(since) };
        Duration::from_nanos(self.cpu_nanos.load(Relaxed).saturating_add(current))
    }

    /// Whether the guest may go on computing.
    pub(crate) fn check_cpu(&self) -> wasmtime::Result<()> {
        if let Some(verdict) = self.verdict() {
            // It was spoken where a call had no place for it.
            return Err(wasmtime::Error::new(Ended(verdict.to_string())));
        }
        let used = millis(self.cpu());
        let fresh = used.saturating_sub(self.cpu_counted.swap(used, Relaxed));
        self.cpu_ms.add(fresh);
        self.cpu_ms.has_room(0).map_err(|full| self.exhausted(Dimension::Cpu, full))
    }

    fn exhausted(&self, dimension: Dimension, full: Full) -> wasmtime::Error {
        let Full { allowed, wanted } = full;
        self.condemn(AttemptError::Exhausted { dimension: dimension.as_str(), allowed, used: wanted })
    }

    /// Counts a look at something the host has at hand. It does no work for the guest that a rate would have to bound, and
    /// cannot be made to wait.
    pub(crate) fn look(&self) -> wasmtime::Result<()> {
        self.host_calls.take(1).map_err(|full| self.exhausted(Dimension::HostCalls, full))
    }

    /// Counts a call that may hold up its thread, and leaves the core to others meanwhile.
    pub(crate) fn look_at_file(&self) -> wasmtime::Result<()> {
        self.computing.release(Duration::ZERO);
        self.look()
    }

    /// Counts a call into the host. Returns how long the guest has to wait for its turn.
    pub(crate) fn host_call(&self) -> wasmtime::Result<Option<Duration>> {
        self.look()?;
        let rate = self.budget.host_calls_per_second as f64;
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let fresh = now.duration_since(bucket.filled).as_secs_f64() * rate;
        bucket.tokens = (bucket.tokens + fresh).min(rate) - 1.0;
        bucket.filled = now;
        if bucket.tokens >= 0.0 {
            return Ok(None);
        }
        // At least one call a second, or a budget of zero would make the guest wait for ever.
        Ok(Some(Duration::from_secs_f64((-bucket.tokens / rate.max(1.0)).min(1.0))))
    }

    /// Counts a call into the host, and waits until it is the guest's turn.
    pub(crate) async fn host_call_in_turn(&self) -> wasmtime::Result<()> {
        if let Some(wait) = self.host_call()? {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Reserves room for the bytes of a call until the guard is dropped.
    pub(crate) fn carry(&self, bytes: usize) -> wasmtime::Result<Carried<'_>> {
        let bytes = bytes as u64;
        let allowed = self.budget.call_bytes.saturating_mul(CALLS_IN_FLIGHT);
        let used = self.in_flight_bytes.fetch_add(bytes, Relaxed).saturating_add(bytes);
        let carried = Carried { meter: self, bytes };
        self.call_peak.fetch_max(used, Relaxed);
        if used > allowed {
            return Err(self.condemn(AttemptError::Exhausted { dimension: "call_bytes", allowed, used }));
        }
        Ok(carried)
    }

    /// Counts output of the contract's own function.
    pub(crate) fn output(&self, bytes: usize) -> Result<(), Refusal> {
        take(&self.output_bytes, bytes as u64)
    }

    /// Counts bytes of an artifact or a draft.
    pub(crate) fn artifact(&self, bytes: usize) -> Result<(), Refusal> {
        take(&self.artifact_bytes, bytes as u64)
    }

    /// Counts a message or a question.
    pub(crate) fn message(&self) -> Result<(), Refusal> {
        take(&self.messages, 1)
    }

    /// Checks the length of a checkpoint.
    pub(crate) fn checkpoint(&self, bytes: usize) -> Result<(), Refusal> {
        at_most(Dimension::CheckpointBytes.as_str(), bytes as u64, self.budget.checkpoint_bytes)
            .inspect_err(|_| refused(Dimension::CheckpointBytes))?;
        self.checkpoint_peak.fetch_max(bytes as u64, Relaxed);
        Ok(())
    }

    /// Counts what a report makes the store write.
    pub(crate) fn record(&self, bytes: u64) -> Result<(), Refusal> {
        take(&self.record_bytes, bytes)
    }

    /// The same if a quarter of the limit is left afterwards.
    pub(crate) fn record_if_spare(&self, bytes: u64) -> bool {
        let kept = self.budget.record_bytes / 4;
        self.record_bytes.has_room(bytes.saturating_add(kept)).is_ok() && self.record_bytes.take(bytes).is_ok()
    }

    /// Counts a request over HTTP.
    pub(crate) fn http_request(&self) -> Result<(), Refusal> {
        take(&self.http_requests, 1)
    }

    /// Counts bytes sent or received over HTTP.
    pub(crate) fn http_bytes(&self, bytes: u64) -> Result<(), Refusal> {
        take(&self.http_bytes, bytes)
    }

    /// Counts a child task.
    pub(crate) fn child(&self) -> Result<(), Refusal> {
        take(&self.children, 1)
    }

    /// A child that was counted was not begun.
    pub(crate) fn no_child(&self) {
        self.children.give_back(1);
    }

    /// Whether this much may lie in the task's own folder; notes it if so.
    pub(crate) fn files_may_be(&self, bytes: u64) -> bool {
        if bytes > self.budget.file_bytes {
            refused(Dimension::FileBytes);
            return false;
        }
        self.files_are(bytes);
        true
    }

    /// Whether one more file, folder or listing may be open; counts it if so.
    pub(crate) fn opens_file(&self) -> bool {
        let more = |open: u64| (open < self.budget.open_files).then_some(open + 1);
        match self.open_files.try_update(Relaxed, Relaxed, more) {
            Ok(before) => {
                self.open_files_peak.fetch_max(before + 1, Relaxed);
                true
            }
            Err(_) => {
                refused(Dimension::OpenFiles);
                false
            }
        }
    }

    /// One that was counted is closed.
    pub(crate) fn closes_file(&self) {
        self.open_files.fetch_sub(1, Relaxed);
    }

    /// Notes how much lies in the task's own folder now.
    pub(crate) fn files_are(&self, bytes: u64) {
        self.file_peak.fetch_max(bytes, Relaxed);
    }

    /// Notes how many table elements there are now.
    pub(crate) fn table_is(&self, elements: u64) {
        self.denied_table.store(0, Relaxed);
        self.table_peak.fetch_max(elements, Relaxed);
    }

    /// Notes how much memory there is now.
    pub(crate) fn memory_is(&self, bytes: u64) {
        self.denied_memory.store(0, Relaxed);
        self.memory_peak.fetch_max(bytes, Relaxed);
    }

    /// Notes that memory was not granted.
    pub(crate) fn memory_denied(&self, wanted: u64) {
        self.denied_memory.store(wanted, Relaxed);
    }

    /// Notes that table elements were not granted.
    pub(crate) fn table_denied(&self, wanted: u64) {
        self.denied_table.store(wanted, Relaxed);
    }

    /// The growth that was denied last, if the guest has not got over it.
    pub(crate) fn denied(&self) -> Option<AttemptError> {
        let exhausted = |dimension, allowed, used| AttemptError::Exhausted { dimension, allowed, used };
        match (self.denied_memory.load(Relaxed), self.denied_table.load(Relaxed)) {
            (0, 0) => None,
            (0, wanted) => Some(exhausted("table_elements", self.budget.table_elements, wanted)),
            (wanted, _) => Some(exhausted("memory_bytes", self.budget.memory_bytes, wanted)),
        }
    }
}

/// Bytes of a call in flight.
#[derive(Debug)]
pub(crate) struct Carried<'a> {
    meter: &'a Meter,
    bytes: u64,
}

impl Drop for Carried<'_> {
    fn drop(&mut self) {
        self.meter.in_flight_bytes.fetch_sub(self.bytes, Relaxed);
    }
}

/// Refuses what is longer than allowed.
pub(crate) fn at_most(dimension: &str, wanted: u64, allowed: u64) -> Result<(), Refusal> {
    if wanted <= allowed {
        return Ok(());
    }
    Err(Refusal::LimitExceeded { dimension: dimension.to_owned(), allowed, wanted })
}

/// Adds to a counter, or leaves it as it is and refuses.
fn take(counter: &Counter, amount: u64) -> Result<(), Refusal> {
    counter.take(amount).map_err(|Full { allowed, wanted }| {
        refused(counter.dimension());
        Refusal::LimitExceeded { dimension: counter.dimension().as_str().to_owned(), allowed, wanted }
    })
}

/// Counts a call that the budget refused and the guest survived.
fn refused(dimension: Dimension) {
    metrics::counter!("taskwright_budget_refused_total", "dimension" => dimension.as_str()).increment(1);
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX - 1)
}

fn millis_begun(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_not_counted() {
        let meter = Meter::new(Budget { output_bytes: 10, ..Budget::default() });
        meter.output(8).unwrap();
        let refused = meter.output(3).unwrap_err();
        assert_eq!(refused, Refusal::LimitExceeded { dimension: "output_bytes".to_owned(), allowed: 10, wanted: 11 });
        meter.output(2).unwrap();
        assert_eq!(meter.usage().output_bytes, 10);
    }

    #[test]
    fn a_guest_that_calls_too_often_waits_and_one_that_calls_too_much_ends() {
        let meter = Meter::new(Budget { host_calls: 3, host_calls_per_second: 2, ..Budget::default() });
        assert_eq!(meter.host_call().unwrap(), None);
        assert_eq!(meter.host_call().unwrap(), None);
        assert!(meter.host_call().unwrap().is_some());
        meter.host_call().unwrap_err();
        assert_eq!(meter.verdict(), Some(&AttemptError::Exhausted { dimension: "host_calls", allowed: 3, used: 4 }));
    }

    #[test]
    fn bytes_in_flight_are_given_back() {
        let meter = Meter::new(Budget { call_bytes: 10, ..Budget::default() });
        for _ in 0..100 {
            meter.carry(40).unwrap();
        }
        let _first = meter.carry(30).unwrap();
        meter.carry(11).unwrap_err();
    }
}
