//! A handle of one instance of a kind.
//! Does not hold the instance itself: that lives in a task of its own.

use taskwright_registry::{Message, Usage};

use crate::{AttemptError, Step, StopReason, TaskContext};

/// A handle of an instance. When the last one is dropped, so is the instance.
#[derive(Debug, Clone)]
pub struct Instance;

impl Instance {
    /// Calls `start`.
    ///
    /// # Errors
    /// The guest's own failure, or how the instance ended.
    pub async fn start(&self, _task: TaskContext) -> Result<Step, AttemptError> {
        Err(AttemptError::Internal("not there yet".to_owned()))
    }

    /// Calls `reconcile`.
    ///
    /// # Errors
    /// As `start`.
    pub async fn reconcile(&self, _task: TaskContext) -> Result<Step, AttemptError> {
        Err(AttemptError::Internal("not there yet".to_owned()))
    }

    /// Calls `deliver`, also while `start` or `reconcile` is suspended.
    ///
    /// # Errors
    /// As `start`.
    pub async fn deliver(&self, _task: TaskContext, _message: Message) -> Result<(), AttemptError> {
        Err(AttemptError::Internal("not there yet".to_owned()))
    }

    /// Calls `cancel`, also while `start` or `reconcile` is suspended.
    ///
    /// # Errors
    /// As `start`.
    pub async fn cancel(&self, _task: TaskContext) -> Result<(), AttemptError> {
        Err(AttemptError::Internal("not there yet".to_owned()))
    }

    /// Ends the instance, whatever it does. Calls that are pending return `Stopped`. The first reason stands.
    pub fn stop(&self, _why: StopReason) {}

    /// What the instance has used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage::default()
    }

    /// Returns when the instance is gone, with all its memory.
    pub async fn stopped(&self) {}
}
