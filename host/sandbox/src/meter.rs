//! What one instance has used, and whether it may use more.
//! Does not stop anything: who asks gets the error that ends the attempt, or the refusal.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use taskwright_registry::Usage;

use crate::{AttemptError, Budget, Refusal};

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
    gone: OnceLock<Duration>,
    verdict: OnceLock<AttemptError>,
    cpu_nanos: AtomicU64,
    at_work_since: AtomicU64,
    host_calls: AtomicU64,
    in_flight_bytes: AtomicU64,
    output_bytes: AtomicU64,
    artifact_bytes: AtomicU64,
    messages: AtomicU64,
    memory_peak: AtomicU64,
    /// The growth that was denied last and not followed by one that was allowed; zero if there is none.
    denied_memory: AtomicU64,
    denied_table: AtomicU64,
    bucket: Mutex<Bucket>,
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no 53 bits")]
impl Meter {
    pub(crate) fn new(budget: Budget) -> Self {
        let born = Instant::now();
        Self {
            budget,
            born,
            gone: OnceLock::new(),
            verdict: OnceLock::new(),
            cpu_nanos: AtomicU64::new(0),
            at_work_since: AtomicU64::new(IDLE),
            host_calls: AtomicU64::new(0),
            in_flight_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            artifact_bytes: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            memory_peak: AtomicU64::new(0),
            denied_memory: AtomicU64::new(0),
            denied_table: AtomicU64::new(0),
            bucket: Mutex::new(Bucket { tokens: budget.host_calls_per_second as f64, filled: born }),
        }
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// What has been used so far.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            cpu_ms: millis(self.cpu()),
            wall_ms: millis(self.gone.get().copied().unwrap_or_else(|| self.born.elapsed())),
            memory_peak_bytes: self.memory_peak.load(Relaxed),
            host_calls: self.host_calls.load(Relaxed),
            output_bytes: self.output_bytes.load(Relaxed),
            artifact_bytes: self.artifact_bytes.load(Relaxed),
            messages: self.messages.load(Relaxed),
            instances: 1,
        }
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
            self.cpu_nanos.fetch_add(nanos(self.born.elapsed()).saturating_sub(since), Relaxed);
        }
    }

    fn cpu(&self) -> Duration {
        let since = self.at_work_since.load(Relaxed);
        let current = if since == IDLE { 0 } else { nanos(self.born.elapsed()).saturating_sub(since) };
        Duration::from_nanos(self.cpu_nanos.load(Relaxed).saturating_add(current))
    }

    /// Whether the guest may go on computing.
    pub(crate) fn check_cpu(&self) -> wasmtime::Result<()> {
        let used = millis(self.cpu());
        if used <= self.budget.cpu_ms {
            return Ok(());
        }
        Err(self.condemn(AttemptError::Exhausted { dimension: "cpu_ms", allowed: self.budget.cpu_ms, used }))
    }

    /// Counts a look at something the host has at hand. It does no work for the guest that a rate would have to bound, and
    /// cannot be made to wait.
    pub(crate) fn look(&self) -> wasmtime::Result<()> {
        let used = self.host_calls.fetch_add(1, Relaxed).saturating_add(1);
        let allowed = self.budget.host_calls;
        if used > allowed {
            return Err(self.condemn(AttemptError::Exhausted { dimension: "host_calls", allowed, used }));
        }
        Ok(())
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

    /// Reserves room for the bytes of a call until the guard is dropped.
    pub(crate) fn carry(&self, bytes: usize) -> wasmtime::Result<Carried<'_>> {
        let bytes = bytes as u64;
        let allowed = self.budget.call_bytes.saturating_mul(CALLS_IN_FLIGHT);
        let used = self.in_flight_bytes.fetch_add(bytes, Relaxed).saturating_add(bytes);
        let carried = Carried { meter: self, bytes };
        if used > allowed {
            return Err(self.condemn(AttemptError::Exhausted { dimension: "call_bytes", allowed, used }));
        }
        Ok(carried)
    }

    /// Counts output of the contract's own function.
    pub(crate) fn output(&self, bytes: usize) -> Result<(), Refusal> {
        take(&self.output_bytes, bytes as u64, "output_bytes", self.budget.output_bytes)
    }

    /// Counts bytes of an artifact or a draft.
    pub(crate) fn artifact(&self, bytes: usize) -> Result<(), Refusal> {
        take(&self.artifact_bytes, bytes as u64, "artifact_bytes", self.budget.artifact_bytes)
    }

    /// Counts a message or a question.
    pub(crate) fn message(&self) -> Result<(), Refusal> {
        take(&self.messages, 1, "messages", self.budget.messages)
    }

    /// Checks the length of a checkpoint.
    pub(crate) fn checkpoint(&self, bytes: usize) -> Result<(), Refusal> {
        at_most("checkpoint_bytes", bytes as u64, self.budget.checkpoint_bytes)
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
fn take(counter: &AtomicU64, amount: u64, dimension: &str, allowed: u64) -> Result<(), Refusal> {
    let added = counter.try_update(Relaxed, Relaxed, |used| used.checked_add(amount).filter(|sum| *sum <= allowed));
    match added {
        Ok(_) => Ok(()),
        Err(used) => at_most(dimension, used.saturating_add(amount), allowed),
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX - 1)
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
