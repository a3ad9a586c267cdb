//! What an engine's machine code fits: one hash over everything that the compiler's output depends on.
//! Does not tell what differs between two engines.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use wasmtime::Engine;

/// Code of one engine can be loaded by another if these are the same.
pub(crate) type EngineHash = [u8; 32];

/// The hash of an engine. It is the same in every process of one build on machines of one kind.
pub(crate) fn engine_hash(engine: &Engine) -> EngineHash {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

/// A stable hash for what the engine only offers through `Hash`.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}
