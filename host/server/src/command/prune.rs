//! `prune`: forgets what a session, or all of them, have had over for long enough, and the code that no task needs any more.
//! Does not touch a session that was not named, and does not wait for `serve`, which forgets in all of them from time to time.

use anyhow::Result;
use serde_json::json;

use super::Context;
use crate::cli::PruneArgs;
use crate::exit_code::Exit;

/// `prune`.
pub(crate) async fn prune(context: &Context, args: &PruneArgs) -> Result<Exit> {
    let runner = context.home.reader(context.home.open().await?)?;
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
    let code = sweep(context).await?;
    if context.out.is_json() {
        let forgot = json!({"tasks": forgotten.tasks, "events": forgotten.events});
        context.out.json(&json!({"session": only, "forgot": forgot, "removed": code}))?;
    } else {
        context.out.line(&format!("forgot {} tasks and {} events of {whose}", forgotten.tasks, forgotten.events))?;
        for digest in code {
            context.out.line(&format!("removed {digest}: no task needs it any more"))?;
        }
    }
    Ok(Exit::Succeeded)
}

/// Removes components that neither new tasks run nor live ones began with.
async fn sweep(context: &Context) -> Result<Vec<String>> {
    let folder = context.home.kinds();
    if folder.digests()?.is_empty() {
        return Ok(Vec::new());
    }
    let in_use = context.home.open().await?.code_in_use().await?;
    let needed = |digest: &str| in_use.iter().any(|in_use| in_use.code.as_deref() == Some(digest));
    folder.change(|index| {
        index.kinds.retain(|installed| installed.newest || needed(&installed.digest));
        folder.sweep(|digest| index.is_newest(digest) || needed(digest))
    })
}
