//! `prune`: forgets what a session, or all of them, have had over for long enough, and the code that no task needs any more.
//! Does not touch a session that was not named, and does not wait for `serve`, which forgets in all of them from time to time.

use anyhow::Result;
use serde_json::json;
use taskwright_registry::clean_line;
use taskwright_store::Store;

use super::Context;
use crate::cli::PruneArgs;
use crate::exit_code::Exit;
use crate::kinds_folder::STORES;

/// `prune`.
pub(crate) async fn prune(context: &Context, args: &PruneArgs) -> Result<Exit> {
    let store = context.home.open().await?;
    let runner = context.home.reader(store.clone())?;
    let only = (!args.all_sessions).then_some(&context.session);
    let whose = only.map_or_else(|| "all sessions".to_owned(), |session| format!("session {session}"));
    if args.dry_run {
        let tasks = match only {
            Some(session) => runner.prunable_in(session, args.older_than).await?,
            None => runner.prunable(args.older_than).await?,
        };
        if context.out.is_json() {
            context.out.json(&json!({"session": only, "would_forget": {"tasks": tasks}}))?;
        } else {
            context.out.line(&format!(
                "{tasks} tasks of {whose} would be forgotten, and then those whose children are all among them; nothing was"
            ))?;
        }
        return Ok(Exit::Succeeded);
    }
    context.home.refuse_files_elsewhere("the files of what is forgotten would stay").await?;
    let forgotten = match only {
        Some(session) => runner.prune_session(session, args.older_than).await?,
        None => runner.prune(args.older_than).await?,
    };
    let Swept { removed, kept, others } = sweep(context, store.as_ref(), args).await?;
    if context.out.is_json() {
        let forgot = json!({"tasks": forgotten.tasks, "events": forgotten.events});
        context.out.json(&json!({"session": only, "forgot": forgot, "removed": removed, "kept": kept}))?;
    } else {
        context.out.line(&format!("forgot {} tasks and {} events of {whose}", forgotten.tasks, forgotten.events))?;
        for digest in removed {
            context.out.line(&format!("removed {digest}: no task needs it any more"))?;
        }
    }
    if !kept.is_empty() {
        let others = clean_line(&others.join(", "), 1_000);
        context.out.notice(&format!(
            "{} versions of kinds are kept: no task of this store needs them, but tasks of {others} may, which was served with these kinds \
             too. If it is no more, take its line out of {}",
            kept.len(),
            context.home.kinds().path().join(STORES).display()
        ));
    }
    Ok(Exit::Succeeded)
}

/// What became of code that no task of the store needs.
#[derive(Default)]
struct Swept {
    removed: Vec<String>,
    /// Because tasks of another store may need it.
    kept: Vec<String>,
    /// Those stores.
    others: Vec<String>,
}

/// Removes components that neither new tasks run nor live ones began with. They are the home's: whoever names one session touches none,
/// and where several stores were served with them, none of these alone knows which are needed.
async fn sweep(context: &Context, store: &dyn Store, args: &PruneArgs) -> Result<Swept> {
    let folder = context.home.kinds();
    if (context.session_named && !args.all_sessions) || folder.digests()?.is_empty() {
        return Ok(Swept::default());
    }
    let in_use = store.code_in_use().await?;
    let needed = |digest: &str| in_use.iter().any(|in_use| in_use.code.as_deref() == Some(digest));
    let others = context.home.other_stores()?;
    if !others.is_empty() {
        let index = folder.index()?;
        let mut kept = folder.digests()?;
        kept.retain(|digest| !index.is_newest(digest) && !needed(digest));
        return Ok(Swept { kept, others, ..Swept::default() });
    }
    let removed = folder.change(|index| {
        index.kinds.retain(|installed| installed.newest || needed(&installed.digest));
        folder.sweep(|digest| index.is_newest(digest) || needed(digest))
    })?;
    Ok(Swept { removed, ..Swept::default() })
}
