//! The crash explorer: runs a case once for each call that its hosts make to the store, and lets that call fail, or lets its
//! reply be lost.
//! Does not change what a case expects: a host that meets one failing call must bring about the same.

use std::panic::resume_unwind;
use std::time::Instant;

use futures::FutureExt;
use taskwright_system_tests::{Fault, FaultPlan, as_user, check_session};

use crate::bench_of_one::{Bench, Code, Data, within};

/// More calls than any case makes. A case that goes on for ever is a bug of its own.
const MOST_CALLS: u64 = 2_000;

/// Of how many calls one fails over a server, which makes each run longer; another one each time. `TASKWRIGHT_EXPLORE=all` has each of
/// them fail.
const SAMPLE: u64 = 12;

/// Which calls fail: each `step`th from a first.
fn sample(data: Data) -> (u64, usize) {
    let all = std::env::var("TASKWRIGHT_EXPLORE").is_ok_and(|which| which == "all");
    let Data::Postgres = data else { return (1, 1) };
    if all { (1, 1) } else { (rand::random_range(1..=SAMPLE), SAMPLE as usize) }
}

/// Runs a case until no call is left to fail, and checks every rule after each run.
pub(crate) async fn explore<F: Future<Output = ()> + Send>(
    name: &str,
    data: Data,
    code: Code,
    case: impl Fn(Bench) -> F + Copy,
) {
    let begun = Instant::now();
    let mut runs = 0;
    for fault in [Fault::Before, Fault::After] {
        let (first, step) = sample(data);
        for nth in (first..).step_by(step) {
            assert!(nth < MOST_CALLS, "{name} makes calls without an end");
            let plan = FaultPlan::new(nth, fault);
            one_run(name, data, code, &plan, nth, fault, case).await;
            runs += 1;
            if plan.hit().is_none() {
                break;
            }
        }
    }
    eprintln!("{name}: {runs} runs in {:?}", begun.elapsed());
}

async fn one_run<F: Future<Output = ()> + Send>(
    name: &str,
    data: Data,
    code: Code,
    plan: &std::sync::Arc<FaultPlan>,
    nth: u64,
    fault: Fault,
    case: impl Fn(Bench) -> F,
) {
    let bench = Bench::with_faults(data, code, Some(plan.clone())).await;
    let (store, session, runners) = (bench.store.clone(), bench.session.id().clone(), bench.runners.clone());
    // The database lies there until all is checked.
    let _folder = bench.folder.clone();
    let run = std::panic::AssertUnwindSafe(as_user(within(case(bench)))).catch_unwind();
    if let Err(panic) = run.await {
        eprintln!("{name} failed with call {nth} failing ({fault:?}), which was {:?}", plan.hit());
        resume_unwind(panic);
    }
    let runners = std::mem::take(&mut *runners.lock().expect("no panic under the lock"));
    for runner in runners {
        runner.drain().await;
    }
    let broken = check_session(store.as_ref(), &session).await;
    assert!(broken.is_empty(), "{name}, call {nth} ({fault:?}, {:?}): {broken:#?}", plan.hit());
}
