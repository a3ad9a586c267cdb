//! `kinds upgrade`: puts another version in the place of an installed one, after showing what that changes.
//! Does not touch tasks: those that have begun go on with the version that they began with.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::Context;
use super::kinds_install::checked;
use crate::cli::UpgradeArgs;
use crate::exit_code::{Exit, refused};
use crate::kind_changes::{Accepted, changes};
use crate::kind_source;

/// `kinds upgrade`.
pub(crate) async fn upgrade(context: &Context, args: &UpgradeArgs) -> Result<Exit> {
    let config = context.config()?;
    let sandbox = context.home.sandbox(config)?;
    let new = checked(&sandbox, config, &args.file, args.digest.as_deref(), args.signature.as_deref()).await?;
    let name = &new.kind.description().kind;
    let folder = context.home.kinds();
    let present = folder.index()?.newest(name).cloned().ok_or_else(|| {
        refused(format!("the kind `{name}` is not installed; `taskwright kinds install {}` does", args.file.display()))
    })?;
    if present.digest == new.component.digest {
        new.put(&folder)?;
        new.tell(context, "already installed")?;
        return Ok(Exit::Succeeded);
    }
    // What was accepted, and not what the old one would say now: for that it need not even be there.
    let accepted = match present.said()? {
        Some(said) => said,
        None => {
            let old = kind_source::by_digest(&folder, &present.digest, &config.trust())?;
            let old = old.load(&sandbox, &folder).await.with_context(|| format!("the installed `{name}`"))?;
            old.self_description().clone()
        }
    };
    let old = Accepted { said: &accepted, imports: &present.imports };
    let changes = changes(&old, &Accepted::of(&new.kind), &config.most());
    let unaccepted = changes.iter().filter(|change| change.needs_accept).count();
    let may = args.accept || unaccepted == 0;
    if context.out.is_json() {
        context.out.json(&json!({
            "kind": name,
            "from": present.digest,
            "to": new.component.digest,
            "changes": changes,
            "upgraded": may && !args.dry_run,
        }))?;
    } else {
        context.out.line(&format!("{name}: {} -> {}", present.digest, new.component.digest))?;
        for change in &changes {
            let mark = if change.needs_accept { "!" } else { " " };
            context.out.line(&format!("{mark} {:<12} {}", change.what, change.text))?;
        }
    }
    if args.dry_run {
        return Ok(Exit::Succeeded);
    }
    if !may {
        return Err(refused(format!(
            "{unaccepted} of these changes have to be accepted; nothing was changed. Say --accept if you do"
        )));
    }
    folder.change(|index| {
        if index.newest(name).is_none_or(|newest| newest.digest != present.digest) {
            return Err(refused(format!("the kind `{name}` was changed by somebody else meanwhile; look again")));
        }
        new.put(&folder)?;
        index.install(new.entry()?);
        Ok(())
    })?;
    if !context.out.is_json() {
        new.tell(context, "installed")?;
        context.out.notice("new tasks run it; those that have begun go on with the version that they began with");
    }
    Ok(Exit::Succeeded)
}
