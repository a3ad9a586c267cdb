//! The sandbox of a runner, which is not set up before the first component needs it.
//! Does not load components: the sandbox does.

use std::sync::{Mutex, PoisonError};

use taskwright_sandbox::{Sandbox, SandboxConfig, SandboxError};

/// A sandbox that is there, or the settings for one. An engine reserves address space and has a thread, which a runner
/// without components, such as one that only reads, has no use for.
pub(crate) enum SandboxOnDemand {
    /// One that others may have too.
    Given(Sandbox),
    /// One of the runner's own.
    Own { config: SandboxConfig, made: Mutex<Option<Sandbox>> },
}

impl SandboxOnDemand {
    pub(crate) fn own(config: SandboxConfig) -> Self {
        Self::Own { config, made: Mutex::default() }
    }

    /// The sandbox, if it was set up.
    pub(crate) fn made(&self) -> Option<Sandbox> {
        match self {
            Self::Given(sandbox) => Some(sandbox.clone()),
            Self::Own { made, .. } => made.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// The sandbox. A set-up that failed is tried again the next time.
    pub(crate) fn get(&self) -> Result<Sandbox, SandboxError> {
        match self {
            Self::Given(sandbox) => Ok(sandbox.clone()),
            Self::Own { config, made } => {
                let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(sandbox) = made.as_ref() {
                    return Ok(sandbox.clone());
                }
                let sandbox = Sandbox::new(config.clone())?;
                Ok(made.insert(sandbox).clone())
            }
        }
    }
}
