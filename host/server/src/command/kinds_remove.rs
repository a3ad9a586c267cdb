//! `kinds remove`: takes an installed kind away, in all its versions.
//! Does not end its tasks: what lives keeps the kind here, unless that is not wanted.

use anyhow::Result;
use serde_json::json;

use super::Context;
use crate::exit_code::{Exit, not_found, refused};
use crate::kind_source;

/// `kinds remove`.
pub(crate) async fn remove(context: &Context, name: &str, force: bool) -> Result<Exit> {
    let shown = taskwright_registry::clean_line(name, 80);
    if kind_source::ships(name) {
        return Err(refused(format!("the kind `{shown}` is part of this program and cannot be removed")));
    }
    let folder = context.home.kinds();
    let index = folder.index()?;
    let versions: Vec<String> = index
        .kinds
        .iter()
        .filter(|installed| installed.kind == name)
        .map(|installed| installed.digest.clone())
        .collect();
    if versions.is_empty() {
        return Err(not_found(format!("the kind `{shown}` is not installed; `taskwright kinds list` shows what is")));
    }
    let mut live = 0;
    if context.home.has_store() {
        let in_use = context.home.open().await?.code_in_use().await?;
        live = in_use.iter().filter(|in_use| in_use.kind == name).map(|in_use| in_use.tasks).sum();
    }
    if live > 0 && !force {
        return Err(refused(format!(
            "{live} live tasks are of the kind `{shown}`; wait for them or cancel them, or say --force: then they wait until it is installed again"
        )));
    }
    folder.change(|index| {
        index.kinds.retain(|installed| installed.kind != name);
        Ok(())
    })?;
    // Another kind cannot have the same bytes: its name is among them.
    folder.sweep(|digest| !versions.iter().any(|version| version == digest))?;
    if context.out.is_json() {
        context.out.json(&json!({"removed": name, "versions": versions, "live_tasks": live}))?;
        return Ok(Exit::Succeeded);
    }
    for version in &versions {
        context.out.line(&format!("removed {shown} {version}"))?;
    }
    if live > 0 {
        context.out.notice(&format!("{live} live tasks wait until it is installed again"));
    }
    let others = context.home.other_stores()?;
    if !others.is_empty() {
        let others = taskwright_registry::clean_line(&others.join(", "), 1_000);
        context.out.notice(&format!("so do those of {others}, if there are any: it was served with these kinds too"));
    }
    Ok(Exit::Succeeded)
}
