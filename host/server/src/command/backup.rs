//! `backup`: copies a home to a folder while others go on working in it.
//! Does not copy what lies elsewhere: it says what that is, and how it is backed up.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::Context;
use crate::backup::{self, Entry, MANIFEST, Manifest, Staged, copy_file, copy_tree, list_file};
use crate::cli::BackupArgs;
use crate::exit_code::{Exit, refused};
use crate::render;

/// `backup`.
pub(crate) async fn backup(context: &Context, args: &BackupArgs) -> Result<Exit> {
    let home = &context.home;
    let Some(database) = home.own_database() else {
        return Err(refused(format!(
            "the records are in a PostgreSQL, which has backups of its own: take one with pg_dump, then copy the files of tasks ({}) \
             and {}; see docs/guides/backup.md",
            home.shown_path(""),
            home.kinds().path().display()
        )));
    };
    home.must_exist()?;
    let files = home.files_folder().map(Path::to_owned);
    let (kinds, config, to) = (home.kinds().path().to_owned(), home.config_path(), args.to.clone());
    let from_files = files.clone();
    let copied = move || copy(&database, from_files.as_deref(), &kinds, &config, &to);
    let manifest = tokio::task::spawn_blocking(copied).await??;
    let (count, bytes) = manifest.size();
    if context.out.is_json() {
        context.out.json(&json!({"backup": args.to, "files": count, "bytes": bytes, "with_files": files.is_some()}))?;
        return Ok(Exit::Succeeded);
    }
    context.out.line(&format!("{count} files, {} in {}", render::bytes(bytes), args.to.display()))?;
    if files.is_none() {
        let elsewhere = home.shown_path("");
        context.out.notice(&format!("the files of tasks are not in it: they are in {elsewhere}; copy them after this"));
    }
    Ok(Exit::Succeeded)
}

fn copy(database: &Path, files: Option<&Path>, kinds: &Path, config: &Path, to: &Path) -> Result<Manifest> {
    let staged = Staged::new(to)?;
    let (at, created_at) = (staged.path(), chrono::Utc::now().to_rfc3339());
    let mut entries = Vec::new();
    // The records come first. What they name of files was whole before it was named, and so is there when the files' turn comes; the
    // other way round, records could name what was made after the files were copied.
    let records = at.join(backup::RECORDS);
    taskwright_store::back_up_sqlite(database, &records)?;
    let what = list_file(&records).with_context(|| records.display().to_string())?;
    entries.push(Entry { path: backup::RECORDS.to_owned(), what });
    match copy_file(config, &at.join(crate::config::FILE)) {
        Ok(what) => entries.push(Entry { path: crate::config::FILE.to_owned(), what }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| config.display().to_string()),
    }
    // The index stands before the components by name, so each that it names is copied after it was named.
    copy_tree(kinds, &at.join(backup::KINDS), backup::KINDS, &mut entries)?;
    if let Some(files) = files {
        copy_tree(files, &at.join(backup::FILES), backup::FILES, &mut entries)?;
    }
    let manifest = Manifest::new(created_at, entries);
    let list = at.join(MANIFEST);
    let mut file = std::fs::File::create_new(&list).with_context(|| list.display().to_string())?;
    file.write_all(&serde_json::to_vec(&manifest)?)?;
    file.sync_all()?;
    staged.put()?;
    Ok(manifest)
}
