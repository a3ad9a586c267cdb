//! `migrate`: carries a registry over from a file to a PostgreSQL.
//! Does not carry the files of sessions, and leaves the file as it is.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use serde_json::json;
use taskwright_store::{MigrateError, MigrateOptions, Migrated, Step, migrate};

use super::Context;
use crate::cli::MigrateArgs;
use crate::exit_code::{Exit, not_found, refused};
use crate::home::root_certificates;
use crate::interrupt::Interrupts;
use crate::render;

/// `migrate`.
pub(crate) async fn run(context: &Context, args: &MigrateArgs) -> Result<Exit> {
    let from = source(&args.from)?;
    if !(args.to.starts_with("postgres://") || args.to.starts_with("postgresql://")) {
        return Err(refused("--to: expected postgres://USER@HOST:PORT/DATABASE"));
    }
    let usual = MigrateOptions::default();
    let options = MigrateOptions {
        restart: args.restart,
        batch_rows: args.batch.unwrap_or(usual.batch_rows),
        root_certificates: root_certificates(),
        ..usual
    };
    let mut interrupts = Interrupts::listen()?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let asked = interrupted.clone();
    let listening = tokio::spawn(async move {
        interrupts.next().await;
        asked.store(true, Ordering::Relaxed);
    });
    let out = context.out;
    let mut table = None;
    let told = |step: &Step| {
        let now = (step.table, step.comparing);
        if table.replace(now) != Some(now) && !out.is_json() {
            let what = if step.comparing { "compared" } else { "copying" };
            out.notice(&format!("{what} {}", step.table));
        }
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let migrated = migrate(&from, &args.to, &options, told).await;
    listening.abort();
    let sums = match migrated.map_err(problem)? {
        Migrated::Complete(sums) => sums,
        Migrated::BrokenOff => {
            out.notice("broken off; the same command goes on with it");
            return Ok(Exit::TimedOut);
        }
    };
    if out.is_json() {
        let tables: Vec<_> =
            sums.iter().map(|sum| json!({"table": sum.table, "rows": sum.rows, "checksum": sum.checksum})).collect();
        out.json(&json!({"from": from, "complete": true, "tables": tables}))?;
        return Ok(Exit::Succeeded);
    }
    let rows: Vec<Vec<String>> = sums
        .iter()
        .map(|sum| vec![sum.table.to_owned(), sum.rows.to_string(), sum.checksum[..16].to_owned()])
        .collect();
    out.text(&render::table(&["TABLE", "ROWS", "SHA-256"], &rows))?;
    let from = from.display();
    out.notice(&format!(
        "equal in both; move {from} away, so that nobody serves it any more. Files stay where they are."
    ));
    Ok(Exit::Succeeded)
}

fn source(address: &str) -> Result<PathBuf> {
    match address.strip_prefix("sqlite://") {
        Some(path) if !path.is_empty() => Ok(path.into()),
        _ => Err(refused("--from: expected sqlite://PATH, such as sqlite://.taskwright/registry.db")),
    }
}

fn problem(error: MigrateError) -> anyhow::Error {
    match error {
        MigrateError::Store(error) => error.into(),
        error @ MigrateError::NoSource { .. } => not_found(error.to_string()),
        error => refused(error.to_string()),
    }
}
