//! Does honest work: goes over half a mebibyte four hundred times and says after every eighth how far it has come. Either in
//! blocks, as whoever hashes, searches or parses does, or number by number in the tightest loop there is.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::contract::taskwright::task::types::ProgressReport;

struct Guest;

fn mix(number: u64) -> u64 {
    (number ^ (number >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(7)
}

/// Sixteen numbers a step.
fn in_blocks(numbers: &mut [u64], mut mixed: u64) -> u64 {
    for block in numbers.as_chunks_mut::<16>().0 {
        let mut lanes = *block;
        for lane in &mut lanes {
            *lane = mix(*lane ^ mixed);
        }
        mixed = lanes.iter().fold(mixed, |sum, lane| sum.wrapping_add(*lane));
        *block = lanes;
    }
    mixed
}

/// One number a step.
fn one_by_one(numbers: &mut [u64], mut mixed: u64) -> u64 {
    for number in numbers {
        *number = mix(*number ^ mixed);
        mixed = mixed.wrapping_add(*number);
    }
    mixed
}

impl Behaviour for Guest {
    async fn start(task: Task) -> Result<Step, Failure> {
        let pass = if task.spec.contains("tight") { one_by_one } else { in_blocks };
        let mut numbers: Vec<u64> = (0..1 << 16).collect();
        let mut mixed = 0;
        for round in 1..=50 {
            for _ in 0..8 {
                mixed = pass(&mut numbers, mixed);
            }
            let report = ProgressReport { current: round, total: Some(50), unit: None, label: None };
            sink::progress(report).await.map_err(refused)?;
        }
        succeeded(&format!("{mixed:016x}"))
    }
}

taskwright_test_guests::guest!(Guest);
