//! What came of loading each component before: what it said of itself, or why it was refused. Each is found out once.
//! Does not outlive its engine, and does not hold code: the cache does.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{CompileClock, LoadError, SelfDescription};

/// How many components are remembered; the oldest goes first, and is asked or compiled anew if it comes again. A description
/// may have 64 KiB.
const MOST: usize = 256;

/// For how long a refusal counts that the state of the machine may have a part in.
const PASSING: Duration = Duration::from_secs(600);

#[derive(Debug)]
enum Before {
    Said(Box<SelfDescription>),
    Refused { error: LoadError, until: Option<Instant> },
}

/// The components of one sandbox, by digest.
#[derive(Debug, Default)]
pub(crate) struct LoadedBefore {
    entries: Mutex<VecDeque<(String, Before)>>,
}

impl LoadedBefore {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(String, Before)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a component has said of itself, if it was asked.
    ///
    /// # Errors
    /// Why it was refused, if it was.
    pub(crate) fn get(&self, digest: &str) -> Result<Option<SelfDescription>, LoadError> {
        let mut entries = self.lock();
        let Some(at) = entries.iter().position(|(known, _)| known == digest) else { return Ok(None) };
        match &entries[at].1 {
            Before::Said(said) => Ok(Some(said.as_ref().clone())),
            Before::Refused { error, until } => {
                if until.is_none_or(|until| Instant::now() < until) {
                    return Err(error.clone());
                }
                entries.remove(at);
                Ok(None)
            }
        }
    }

    /// Keeps an answer. The first one stands, also where two have asked at the same time: it is returned.
    pub(crate) fn said(&self, digest: &str, said: SelfDescription) -> SelfDescription {
        let mut entries = self.lock();
        let first = entries.iter().find_map(|(known, before)| match before {
            Before::Said(first) if known == digest => Some(first.as_ref().clone()),
            _ => None,
        });
        if let Some(first) = first {
            return first;
        }
        put(&mut entries, digest, Before::Said(Box::new(said.clone())));
        said
    }

    /// Keeps a refusal that would be the same again.
    pub(crate) fn refused(&self, digest: &str, error: &LoadError) {
        let until = match error {
            // Faults of this machine, not of the component.
            LoadError::CompilerUnavailable { .. } | LoadError::OtherCompiler { .. } | LoadError::Internal(_) => return,
            LoadError::CompileTimeout { clock: CompileClock::Wall, .. }
            | LoadError::CompileMemory { .. }
            | LoadError::CompileCrashed { .. }
            | LoadError::DescribeTimeout { .. }
            | LoadError::DescribeFailed { .. } => Some(Instant::now() + PASSING),
            _ => None,
        };
        put(&mut self.lock(), digest, Before::Refused { error: error.clone(), until });
    }
}

fn put(entries: &mut VecDeque<(String, Before)>, digest: &str, before: Before) {
    entries.retain(|(known, _)| known != digest);
    if entries.len() >= MOST {
        entries.pop_front();
    }
    entries.push_back((digest.to_owned(), before));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_components_fault_is_remembered() {
        let before = LoadedBefore::default();
        let error = LoadError::CodeTooLarge { allowed: 1, actual: 2 };
        before.refused("a", &error);
        assert_eq!(before.get("a"), Err(error));
        before.refused("b", &LoadError::Internal("no thread".to_owned()));
        assert_eq!(before.get("b"), Ok(None), "the next try may go better");
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let before = LoadedBefore::default();
        for number in 0..=MOST {
            before.refused(&number.to_string(), &LoadError::CoreModule);
        }
        assert_eq!(before.get("0"), Ok(None));
        assert_eq!(before.get("1"), Err(LoadError::CoreModule));
    }
}
