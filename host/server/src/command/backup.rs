//! `backup`: copies a home to a folder while others go on working in it.
//! Does not copy what lies elsewhere: it says what that is, and how it is backed up.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;
use taskwright_registry::{SessionId, TaskId, Timestamp, clean_line};
use taskwright_runner::SessionFiles;
use taskwright_store::{SessionQuery, Store, TaskFilter, TaskQuery};

use super::Context;
use crate::backup::{self, Copied, Entry, MANIFEST, Manifest, Staged, copy_file, copy_tree, list_file, new_file};
use crate::cli::BackupArgs;
use crate::config::Config;
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
    refuse_granted(&home.config_path(), &args.to)?;
    let files = home.files_folder().map(Path::to_owned);
    let (kinds, config, to) = (home.kinds().path().to_owned(), home.config_path(), args.to.clone());
    let from_files = files.clone();
    let begun = chrono::Utc::now();
    let copied = move || copy(&database, from_files.as_deref(), &kinds, &config, &to);
    let manifest = tokio::task::spawn_blocking(copied).await??;
    let (count, bytes) = manifest.size();
    let missing = if files.is_some() { missing(context, &manifest, begun).await } else { Vec::new() };
    if let Some(first) = manifest.left_out.first() {
        let others = manifest.left_out.len();
        context.out.notice(&format!(
            "not in the backup: {others} of the files that guests have made, the first of them {}: {}; backup.json lists them",
            first.path, first.problem
        ));
    }
    let exit = if missing.is_empty() { Exit::Succeeded } else { Exit::Broken };
    if let Some(first) = missing.first() {
        context.out.notice(&format!(
            "not in the backup: {} files that records name and that are not in {}, the first of them {first}. Is this the --files of the \
             hosts? Everything else is in it",
            missing.len(),
            home.shown_path("")
        ));
    }
    if context.out.is_json() {
        context.out.json(&json!({
            "backup": args.to, "files": count, "bytes": bytes, "with_files": files.is_some(), "left_out": manifest.left_out,
            "missing": missing
        }))?;
        return Ok(exit);
    }
    context.out.line(&format!("{count} files, {} in {}", render::bytes(bytes), args.to.display()))?;
    if files.is_none() {
        let elsewhere = home.shown_path("");
        context.out.notice(&format!("the files of tasks are not in it: they are in {elsewhere}; copy them after this"));
    }
    Ok(exit)
}

/// What records name of files, and the backup does not have. What cannot be asked is said, and is no reason to have no backup.
async fn missing(context: &Context, manifest: &Manifest, begun: Timestamp) -> Vec<String> {
    let found = async {
        let store = context.home.open_as_it_is().await?;
        let mut missing = Vec::new();
        for (session, id, path) in suspected(store.as_ref(), manifest, begun).await? {
            // Retention may have forgotten it meanwhile, and its files before it.
            if store.get(&session, &id).await.is_ok() {
                missing.push(path);
            }
        }
        anyhow::Ok(missing)
    };
    found.await.unwrap_or_else(|error| {
        let problem = clean_line(&format!("{error:#}"), 1_000);
        context.out.notice(&format!("whether the files that records name are in the backup is not known: {problem}"));
        Vec::new()
    })
}

/// The same, with their tasks, of all tasks that have not changed since the backup was begun.
async fn suspected(
    store: &dyn Store,
    manifest: &Manifest,
    begun: Timestamp,
) -> Result<Vec<(SessionId, TaskId, String)>> {
    let copied: HashSet<&str> = manifest.entries.iter().map(|entry| entry.path.as_str()).collect();
    let mut suspected = Vec::new();
    let mut sessions = SessionQuery { limit: SessionQuery::MAX_LIMIT, ..SessionQuery::default() };
    loop {
        let page = store.sessions(&sessions).await?;
        for session in page.sessions.into_iter().map(|session| session.id) {
            let mut query =
                TaskQuery { filter: TaskFilter::all(), limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() };
            loop {
                let page = store.list(&session, &query).await?;
                for task in page.tasks.into_iter().filter(|task| task.updated_at < begun) {
                    for path in task.artifacts.iter().filter_map(|artifact| artifact.path.as_deref()) {
                        let path = SessionFiles::path_below(backup::FILES, path).display().to_string();
                        if !copied.contains(path.as_str()) {
                            suspected.push((session.clone(), task.id.clone(), path));
                        }
                    }
                }
                query.after = page.next;
                if query.after.is_none() {
                    break;
                }
            }
        }
        sessions.after = page.next;
        if sessions.after.is_none() {
            return Ok(suspected);
        }
    }
}

/// Refuses a place in a folder that a kind is granted: its guests could read all sessions' records there, and change what
/// `restore` makes a home of. What `--grant` names is not known here.
fn refuse_granted(config: &Path, to: &Path) -> Result<()> {
    // One that cannot be read grants nothing, and is copied all the same.
    let Ok(config) = Config::read(config, false) else { return Ok(()) };
    let place = std::path::absolute(to)?;
    let there = place.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    let whole =
        there.map_or(place.clone(), |(above, real)| real.join(place.strip_prefix(above).unwrap_or(Path::new(""))));
    for (kind, granted) in &config.file.kinds {
        for (name, folder) in &granted.folders {
            let Ok(folder) = config.base.join(&folder.path).canonicalize() else { continue };
            if whole.starts_with(&folder) {
                return Err(refused(format!(
                    "{} lies in {}, which the kind `{}` is granted as `{name}`: its guests could read the backup and change it; \
                     choose a place outside of it",
                    to.display(),
                    folder.display(),
                    kind.0
                )));
            }
        }
    }
    Ok(())
}

fn copy(database: &Path, files: Option<&Path>, kinds: &Path, config: &Path, to: &Path) -> Result<Manifest> {
    let staged = Staged::new(to)?;
    let (at, created_at) = (staged.path(), chrono::Utc::now().to_rfc3339());
    let mut copied = Copied::default();
    // The records come first. What they name of files was whole before it was named, and so is there when the files' turn comes; the
    // other way round, records could name what was made after the files were copied.
    let records = at.join(backup::RECORDS);
    taskwright_store::back_up_sqlite(database, &records)?;
    let what = list_file(&records).with_context(|| records.display().to_string())?;
    copied.entries.push(Entry { path: backup::RECORDS.to_owned(), what });
    match copy_file(config, &at.join(crate::config::FILE)) {
        Ok(what) => copied.entries.push(Entry { path: crate::config::FILE.to_owned(), what }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| config.display().to_string()),
    }
    // The index stands before the components by name, so each that it names is copied after it was named.
    copy_tree(kinds, &at.join(backup::KINDS), backup::KINDS, &mut copied)?;
    if let Some(files) = files {
        copy_tree(files, &at.join(backup::FILES), backup::FILES, &mut copied)?;
    }
    let manifest = Manifest::new(created_at, copied);
    let list = at.join(MANIFEST);
    let mut file = new_file(&list).with_context(|| list.display().to_string())?;
    file.write_all(&serde_json::to_vec(&manifest)?)?;
    file.sync_all()?;
    staged.put()?;
    Ok(manifest)
}
