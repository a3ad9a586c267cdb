//! `hosts`: the processes that hold tasks, and those that were lost while they did.
//! Does not take anything over: `serve` and `run` do.

use anyhow::Result;
use serde_json::json;

use super::Context;
use crate::exit_code::Exit;
use crate::render;

/// `hosts`.
pub(crate) async fn hosts(context: &Context) -> Result<Exit> {
    let store = context.home.open().await?;
    let hosts = store.hosts().await?;
    if context.out.is_json() {
        let one = |status: &taskwright_store::HostStatus| {
            json!({
                "host": status.host,
                "alive": status.alive,
                "lease_ms": status.length.millis(),
                "opened_at": status.opened_at,
                "renewed_at": status.renewed_at,
                "resident": status.resident,
            })
        };
        context.out.json(&json!({"hosts": hosts.iter().map(one).collect::<Vec<_>>()}))?;
        return Ok(Exit::Succeeded);
    }
    let now = store.now();
    let row = |status: &taskwright_store::HostStatus| {
        vec![
            status.host.id.to_string(),
            status.host.epoch.to_string(),
            if status.alive { "alive" } else { "lost" }.to_owned(),
            status.resident.to_string(),
            format!("{} s", status.length.duration().as_secs_f64()),
            format!("{} ago", render::age(status.renewed_at, now)),
        ]
    };
    let rows: Vec<_> = hosts.iter().map(row).collect();
    context.out.text(&render::table(&["HOST", "EPOCH", "LEASE", "TASKS", "LENGTH", "RENEWED"], &rows))?;
    Ok(Exit::Succeeded)
}
