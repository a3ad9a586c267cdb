//! Random numbers for guests: the operating system's, whichever interface they are asked through, or the same each time.
//! Does not keep a state that could be guessed or run dry.

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, TryRng};
use wasmtime::component::HasData;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::AttemptError;
use crate::meter::Meter;

/// Names the store's data to the generated bindings.
pub(crate) struct HasRandom;

impl HasData for HasRandom {
    type Data<'a> = Random<'a>;
}

/// Random numbers of one instance.
pub(crate) struct Random<'a> {
    pub(crate) meter: &'a Meter,
    /// The same numbers each time, in place of random ones.
    pub(crate) repeated: Option<&'a mut StdRng>,
}

impl Random<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> wasmtime::Result<()> {
        self.meter.look()?;
        if let Some(repeated) = &mut self.repeated {
            repeated.fill_bytes(bytes);
            return Ok(());
        }
        SysRng.try_fill_bytes(bytes).map_err(|error| {
            let message = format!("the operating system has no random numbers: {error}");
            self.meter.condemn(AttemptError::Internal(message))
        })
    }

    fn bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        // Checked before anything is set aside for it.
        let allowed = self.meter.budget().call_bytes;
        let len = usize::try_from(len).ok().filter(|len| *len as u64 <= allowed).ok_or_else(|| {
            self.meter.condemn(AttemptError::Exhausted { dimension: "call_bytes", allowed, used: len })
        })?;
        let mut bytes = vec![0; len];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn number(&mut self) -> wasmtime::Result<u64> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }
}

impl random::Host for Random<'_> {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.bytes(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.number()
    }
}

impl insecure::Host for Random<'_> {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.bytes(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.number()
    }
}

impl insecure_seed::Host for Random<'_> {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((self.number()?, self.number()?))
    }
}
