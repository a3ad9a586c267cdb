//! `restore`: makes a home of a backup, as a whole or not at all.
//! Does not touch a home that is there.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::Context;
use crate::backup::{self, Manifest, Staged, restore_entry};
use crate::cli::RestoreArgs;
use crate::exit_code::{Exit, refused};
use crate::render;

/// `restore`.
pub(crate) async fn restore(context: &Context, args: &RestoreArgs) -> Result<Exit> {
    let home = &context.home;
    if home.own_database().is_none() || home.files_folder() != Some(home.dir().join(backup::FILES).as_path()) {
        return Err(refused(
            "a backup becomes a folder with its records and files in it: leave away --store and --files, and unset TASKWRIGHT_STORE \
             and TASKWRIGHT_FILES",
        ));
    }
    let (from, to) = (args.from.clone(), home.dir().to_owned());
    let restored = tokio::task::spawn_blocking(move || put_back(&from, &to)).await??;
    let (count, bytes) = restored.size();
    if context.out.is_json() {
        context.out.json(&json!({"restored": home.dir(), "files": count, "bytes": bytes}))?;
    } else {
        context.out.line(&format!("{count} files, {} in {}", render::bytes(bytes), home.dir().display()))?;
    }
    Ok(Exit::Succeeded)
}

fn put_back(from: &Path, to: &Path) -> Result<Manifest> {
    let manifest = Manifest::read(from)?;
    if !manifest.entries.iter().any(|entry| entry.path == backup::RECORDS) {
        return Err(refused(format!("{} lists no records; the backup is damaged", from.display())));
    }
    let staged = Staged::new(to)?;
    for entry in &manifest.entries {
        restore_entry(from, staged.path(), entry)?;
    }
    taskwright_store::check_sqlite(staged.path().join(backup::RECORDS))?;
    staged.put()?;
    Ok(manifest)
}
