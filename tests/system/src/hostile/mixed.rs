//! Hostile and honest tasks by the thousand, mixed at random, with cancels and messages in between.
//! Does not look at single ends: what counts is that all end and nothing is left.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use taskwright_runner::registry::{CancelMode, CancelPolicy, Part, State};
use taskwright_runner::sandbox::{Budget, Sandbox};
use taskwright_runner::{KindSettings, RunnerError};
use taskwright_test_guests as guests;

use crate::hostile::row::SMALL;
use crate::hostile::stage::{Data, HANGS, Stage};
use crate::hostile::{aftermath, unclean};

/// What is mixed.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// How many tasks.
    pub runs: u64,
    /// How many at one time.
    pub at_once: u64,
    /// Says everything that is left to chance.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Mixed {
    /// How many ended in which way.
    pub succeeded: u64,
    /// Failed ones.
    pub failed: u64,
    /// Canceled ones.
    pub canceled: u64,
    /// Everything that is not as it should be; the seed repeats it.
    pub wrong: Vec<String>,
}

/// Budgets that are soon used up.
const TINY: Budget = Budget { cpu_ms: 30, host_calls: 2_000, memory_bytes: 24 << 20, wall_ms: 3_000, ..SMALL };

/// Guests that end one way or another within their budgets, with what they are told.
fn hostile() -> Vec<(&'static [u8], Value)> {
    vec![
        (guests::SPIN, json!({})),
        (guests::MEMORY, json!({})),
        (guests::RECURSION, json!({})),
        (guests::HOST_CALL_FLOOD, json!({})),
        (guests::GIANT_ARGUMENT, json!({})),
        (guests::PANICS, json!({})),
        (guests::EXITS, json!({})),
        (guests::BAD_RESULT, json!({})),
        (guests::PRINT_FLOOD, json!({})),
        (*guests::MANY_MEMORIES, json!({})),
        (*guests::GROWS_TABLES, json!({})),
        (*guests::TIMERS, json!({})),
        (*guests::BAD_UTF8, json!({})),
        (*guests::DEAF, json!({})),
        (*guests::WORKS_AFTER_ITS_END, json!({})),
        (guests::FORGES_IDS, json!({})),
        (guests::DIRTY_TEXTS, json!("succeeds")),
        (guests::NEVER_RETURNS, json!(["deliver", "cancel"])),
        (guests::TRAPS_IN, json!(["reconcile"])),
        (guests::MALFORMED_JSON, json!(["result", "deep"])),
        (guests::REPORT_FLOOD, json!("drafts 40 1000")),
        (guests::REPORT_FLOOD, json!("checkpoint 10 10000")),
        (guests::REPORT_FLOOD, json!("artifact 5 1000")),
    ]
}

/// Plays a mix on one stage, on which each guest has a runner of its own, because kinds of one runner have different names.
///
/// # Errors
/// Those of setting it up.
pub async fn run_mixed(data: Data, folder: &Path, sandbox: &Sandbox, mix: Mix) -> Result<Mixed, RunnerError> {
    let hostile = hostile();
    let mut stages = Vec::new();
    for (number, (guest, _)) in hostile.iter().enumerate() {
        let folder = folder.join(number.to_string());
        std::fs::create_dir_all(&folder).expect("a folder for a stage");
        let stage = Stage::set_up(data, &folder, sandbox).await;
        stage.runner.add_kind(guest, KindSettings::default().budget(TINY)).await?;
        stage.runner.serve();
        stages.push(stage);
    }
    let stages = Arc::new(stages);
    let next = Arc::new(AtomicU64::new(0));
    let lanes: Vec<_> = (0..mix.at_once)
        .map(|_| {
            let (stages, next) = (stages.clone(), next.clone());
            let specs: Vec<Value> = hostile.iter().map(|(_, spec)| spec.clone()).collect();
            tokio::spawn(async move {
                let mut mixed = Mixed::default();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= mix.runs {
                        return mixed;
                    }
                    // Each run has a chance of its own: lanes may overtake each other.
                    let mut chance = StdRng::seed_from_u64(mix.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    let at = chance.random_range(0..stages.len());
                    match one(&stages[at], &specs[at], &mut chance).await {
                        Ok((state, honest)) => {
                            match state {
                                State::Succeeded => mixed.succeeded += 1,
                                State::Failed => mixed.failed += 1,
                                _ => mixed.canceled += 1,
                            }
                            if honest && state == State::Failed {
                                mixed.wrong.push(format!("run {number}: an honest task failed"));
                            }
                        }
                        Err(problem) => mixed.wrong.push(format!("run {number}: {problem}")),
                    }
                }
            })
        })
        .collect();
    let mut all = Mixed::default();
    for lane in lanes {
        match lane.await {
            Ok(lane) => {
                all.succeeded += lane.succeeded;
                all.failed += lane.failed;
                all.canceled += lane.canceled;
                all.wrong.extend(lane.wrong);
            }
            Err(error) => all.wrong.push(format!("a lane broke: {error}")),
        }
    }
    for stage in stages.iter() {
        all.wrong.extend(aftermath::look(stage, None).await);
    }
    Ok(all)
}

/// One task; whether it was an honest one.
async fn one(stage: &Stage, spec: &Value, chance: &mut StdRng) -> Result<(State, bool), String> {
    let honest = chance.random_bool(0.3);
    let (session, kind) = if honest { (&stage.honest, "walkthrough") } else { (&stage.hostile, "test-guest") };
    let steps =
        json!({"steps": [{"say": "hello"}, {"draft": {"name": "a", "chunks": ["b", "c"]}}, {"hibernate_ms": 5}]});
    let spec = if honest { steps } else { spec.clone() };
    let policy = CancelPolicy { mode: CancelMode::Cooperative, grace_ms: chance.random_range(0..200) };
    let request = session.task(kind, spec).cancel_policy(policy).max_attempts(chance.random_range(1..3));
    let task = request.create().await.map_err(|error| format!("not created: {error}"))?;
    if chance.random_bool(0.3) {
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..30))).await;
        // It may be over, which is answered; nothing else may happen.
        let _ = session.send(&task.id, vec![Part::Text("are you there?".to_owned())], None).await;
    }
    if chance.random_bool(0.2) {
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..60))).await;
        session.cancel(&task.id, None).await.map_err(|error| format!("not canceled: {error}"))?;
    }
    let ended = tokio::time::timeout(HANGS, session.outcome(&task.id)).await;
    let Ok(ended) = ended else { return Err(format!("{} hangs: {}", task.id, stage.stands().await)) };
    let ended = ended.map_err(|error| format!("no outcome: {error}"))?;
    if let Some(c) = ended.summary.as_deref().and_then(unclean) {
        return Err(format!("{} has {c:?} in its summary", task.id));
    }
    Ok((ended.state, honest))
}
