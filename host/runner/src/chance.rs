//! Where a runner gets its random choices from: ids and the jitter of retries.
//! Does not serve for secrets: with a seed everybody can work the choices out.

use std::sync::{Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Chance; repeatable if it was given a seed.
pub(crate) struct Chance(Option<Mutex<StdRng>>);

impl Chance {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self(seed.map(|seed| Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// The random part of an id.
    pub(crate) fn bits(&self) -> [u8; 10] {
        match &self.0 {
            Some(seeded) => seeded.lock().unwrap_or_else(PoisonError::into_inner).random(),
            None => rand::random(),
        }
    }

    /// A number from 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        match &self.0 {
            Some(seeded) => seeded.lock().unwrap_or_else(PoisonError::into_inner).random(),
            None => rand::random(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_choices_and_another_makes_others() {
        let choices = |seed| {
            let chance = Chance::new(seed);
            (chance.bits(), chance.bits(), chance.share().to_bits())
        };
        assert_eq!(choices(Some(7)), choices(Some(7)));
        assert_ne!(choices(Some(7)), choices(Some(8)));
        assert_ne!(choices(None), choices(None));
    }
}
