//! The sandbox of a runner, which is not set up before the first component needs it.
//! Does not load components: the sandbox does.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use taskwright_sandbox::{Sandbox, SandboxConfig, SandboxError};

/// A sandbox that is there, or the settings for one. An engine reserves address space and has a thread, which a runner
/// without components, such as one that only reads, has no use for.
pub(crate) struct SandboxOnDemand {
    source: Source,
    /// Paths of the runner's own, that no grant leads to.
    kept: Vec<PathBuf>,
}

enum Source {
    /// One that others may have too.
    Given(Sandbox),
    /// One of the runner's own.
    Own { config: Box<SandboxConfig>, made: Mutex<Option<Sandbox>> },
}

impl SandboxOnDemand {
    pub(crate) fn given(sandbox: Sandbox, kept: Vec<PathBuf>) -> Self {
        Self { source: Source::Given(sandbox), kept }
    }

    pub(crate) fn own(config: SandboxConfig, kept: Vec<PathBuf>) -> Self {
        Self { source: Source::Own { config: Box::new(config), made: Mutex::default() }, kept }
    }

    /// The sandbox, if it was set up.
    pub(crate) fn made(&self) -> Option<Sandbox> {
        match &self.source {
            Source::Given(sandbox) => Some(sandbox.clone()),
            Source::Own { made, .. } => made.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// The sandbox. A set-up that failed is tried again the next time.
    pub(crate) fn get(&self) -> Result<Sandbox, SandboxError> {
        let sandbox = self.set_up()?;
        for path in &self.kept {
            sandbox.protect(path)?;
        }
        Ok(sandbox)
    }

    fn set_up(&self) -> Result<Sandbox, SandboxError> {
        match &self.source {
            Source::Given(sandbox) => Ok(sandbox.clone()),
            Source::Own { config, made } => {
                let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(sandbox) = made.as_ref() {
                    return Ok(sandbox.clone());
                }
                let sandbox = Sandbox::new(config.as_ref().clone())?;
                Ok(made.insert(sandbox).clone())
            }
        }
    }
}
