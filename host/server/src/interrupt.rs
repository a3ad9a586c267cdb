//! Hears the signals with which a person, a supervisor or a terminal that is closed asks the process to end.
//! Does not leave any of them to the system's defaults: the first process of a container has none, and would not hear it.

use std::io::{self, IsTerminal};

use anyhow::Result;

use crate::exit_code::Exit;

/// What a signal was, as far as commands tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Ctrl-C.
    Interrupt,
    /// A supervisor's word.
    Terminate,
    /// The terminal was closed.
    HangUp,
}

impl Ask {
    /// How a command ends that is cut short by it: as a shell has it, 128 and the signal's number.
    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::HangUp => Exit::HungUp,
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
        }
    }
}

/// What SIGHUP means to a process, by how it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HangUp {
    /// That its terminal is gone: it reads or writes one.
    Ends,
    /// Nothing of the kind: it has no terminal.
    NoTerminal,
    /// It was started with `nohup`, which asks to outlive the terminal.
    Ignored,
}

impl HangUp {
    /// Looks once, before the signal is listened to for the first time.
    #[cfg(unix)]
    pub(crate) fn meaning() -> Self {
        static MEANING: std::sync::OnceLock<HangUp> = std::sync::OnceLock::new();
        *MEANING.get_or_init(|| {
            // A process may ask for its own dispositions without unsafe code only here; elsewhere none is taken for ignored.
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
            let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
            if ignored & 1 != 0 {
                Self::Ignored
            } else if io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal() {
                Self::Ends
            } else {
                Self::NoTerminal
            }
        })
    }
}

/// Hears the signals to end.
pub(crate) struct Interrupts {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: Option<tokio::signal::unix::Signal>,
}

impl Interrupts {
    /// From now on the signals no longer end the process. SIGHUP is left alone where the process was started with `nohup`.
    pub(crate) fn listen() -> Result<Self> {
        #[cfg(unix)]
        return Self::with(HangUp::meaning() != HangUp::Ignored);
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// The same for `serve`, to which SIGHUP is a wish to read its configuration again, unless its terminal is closed.
    pub(crate) fn of_a_service() -> Result<Self> {
        #[cfg(unix)]
        return Self::with(HangUp::meaning() == HangUp::Ends);
        #[cfg(not(unix))]
        Ok(Self {})
    }

    #[cfg(unix)]
    fn with(hang_up: bool) -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: hang_up.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Ask {
        #[cfg(unix)]
        {
            let hung_up = async {
                match &mut self.hang_up {
                    Some(signal) => signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = self.terminate.recv() => Ask::Terminate,
                _ = self.interrupt.recv() => Ask::Interrupt,
                _ = hung_up => Ask::HangUp,
            }
        }
        #[cfg(not(unix))]
        match tokio::signal::ctrl_c().await {
            Ok(()) => Ask::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }

    /// Ends the process at the `nth` signal from now on, whatever it does by then: the one before has not been enough.
    pub(crate) fn insist(mut self, nth: u32) {
        tokio::spawn(async move {
            let mut last = Ask::Terminate;
            for _ in 0..nth {
                last = self.next().await;
            }
            std::process::exit(last.exit() as i32);
        });
    }
}
