//! Tries a target with damaged forms of good inputs, the same ones each time: what the ordinary tests run for some seconds.
//! Does not learn from what the target does with them: cargo-fuzz does.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// How often `run` tries, unless the environment variable `TASKWRIGHT_FUZZ_RUNS` says otherwise.
pub const RUNS: usize = 60_000;

/// Tries each input as it is, and then damaged ones. `words` are put in here and there.
///
/// # Panics
/// If the target does; the input is written to standard error first, in hexadecimal digits.
pub fn run(inputs: &[Vec<u8>], words: &[&[u8]], target: impl Fn(&[u8])) {
    let runs = std::env::var("TASKWRIGHT_FUZZ_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    let attempt = |bytes: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(bytes))) {
            eprintln!("this input does it: {}", hex::encode(bytes));
            resume_unwind(panic);
        }
    };
    inputs.iter().for_each(|input| attempt(input));
    let mut random = StdRng::seed_from_u64(0x7461_736b);
    for _ in 0..runs {
        let mut bytes = inputs.choose(&mut random).cloned().unwrap_or_default();
        for _ in 0..random.random_range(1..=6) {
            damage(&mut bytes, inputs, words, &mut random);
        }
        attempt(&bytes);
    }
}

fn damage(bytes: &mut Vec<u8>, inputs: &[Vec<u8>], words: &[&[u8]], random: &mut StdRng) {
    let at = random.random_range(0..=bytes.len());
    let end = (at + random.random_range(0..=32)).min(bytes.len());
    match random.random_range(0..8) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
        1 if at < bytes.len() => bytes[at] = *[0, 1, 0x7f, 0x80, 0xff].choose(random).unwrap_or(&0),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        4 => bytes.insert(at, random.random()),
        5 => bytes.truncate(at),
        6 => {
            let word = words.choose(random).copied().unwrap_or_default();
            bytes.splice(at..at, word.iter().copied());
        }
        _ => {
            let other = inputs.choose(random).map_or(&[][..], Vec::as_slice);
            let from = random.random_range(0..=other.len());
            let to = (from + random.random_range(0..=64)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
    }
}
