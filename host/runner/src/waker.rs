//! What an embedder is called with when a session has to take a turn, and how often it wants to be called.
//! Does not call it: `wake_delivery` does.

use std::time::Duration;

use async_trait::async_trait;
use taskwright_registry::{Backoff, SessionId, Wake};

/// Gives wakes to a session: puts a message into it, begins a turn, rings a bell.
///
/// Calls for one session come one after the other, and those of several sessions at the same time. A wake may come more than
/// once: after an error, a call that took too long, a process that died before the wakes were acknowledged, or from another
/// process that delivers too. Its id is the same each time, and tells.
///
/// ```no_run
/// use taskwright_runner::registry::{SessionId, Wake};
/// use taskwright_runner::{Runner, RunnerError, Waker, WakerConfig, WakerError, async_trait};
///
/// struct Turns;
///
/// #[async_trait]
/// impl Waker for Turns {
///     async fn wake(&self, session: &SessionId, wakes: Vec<Wake>) -> Result<(), WakerError> {
///         let texts: Vec<String> = wakes.into_iter().map(|wake| wake.text).collect();
///         // Returns when the session has the message, so that no wake is lost with this process.
///         begin_turn(session, texts.join("\n")).await.map_err(WakerError::new)
///     }
/// }
///
/// # async fn begin_turn(_: &SessionId, _: String) -> Result<(), String> { Ok(()) }
/// # fn demo(runner: Runner) -> Result<(), RunnerError> {
/// runner.deliver_wakes(Turns, WakerConfig::default())?;
/// # Ok(()) }
/// ```
#[async_trait]
pub trait Waker: Send + Sync + 'static {
    /// Takes all wakes of a session that there are at this moment, oldest first, at least one. They are acknowledged once this
    /// has returned `Ok`, and given again later if it fails, panics or takes longer than [`WakerConfig::timeout`]; then it is
    /// dropped where it waits. It must not block its thread.
    ///
    /// # Errors
    /// Any: the wakes are kept, and given again after a while.
    async fn wake(&self, session: &SessionId, wakes: Vec<Wake>) -> Result<(), WakerError>;
}

/// Why wakes were not taken.
#[derive(Debug, thiserror::Error)]
#[error("the wakes were not taken: {reason}; they are kept and given again")]
pub struct WakerError {
    /// Why, for the log.
    pub reason: String,
}

impl WakerError {
    /// An error of this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// How often a waker is called, and how long it may take.
#[derive(Debug, Clone)]
pub struct WakerConfig {
    /// The time from one call for a session to the next, in the long run. What happens meanwhile comes with that next call.
    pub interval: Duration,
    /// Calls for a session that may come without such a time between them, after a while of rest; at least 1.
    pub burst: u32,
    /// How long one call may take.
    pub timeout: Duration,
    /// How long to wait after a call that failed, before the same session's next one.
    pub backoff: Backoff,
    /// Wakes in one call at most, 1 to 1,000. Where there are more, the next call brings them.
    pub batch: usize,
    /// Calls that are begun at the same time, for different sessions. One that takes longer than a second no longer counts, so
    /// that calls that hang hold up no other session for longer than that.
    pub at_once: usize,
}

impl Default for WakerConfig {
    /// A call usually begins a turn of an agent, which takes seconds and costs money: three at once, so that the first answers
    /// come without delay, and then one every two seconds, so that a task that talks a lot does not have a turn for each
    /// word. Half a minute for a call; after a failure a second, doubling, at most five minutes. A hundred wakes are more than
    /// one turn deals with. 64 calls at once, as many as tasks are at work.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(2),
            burst: 3,
            timeout: Duration::from_secs(30),
            backoff: Backoff::default(),
            batch: 100,
            at_once: 64,
        }
    }
}
