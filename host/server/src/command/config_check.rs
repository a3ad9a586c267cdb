//! `config check`: whether the configuration can be used as it is, its folders and secrets included.
//! Does not show it: `config show` does.

use anyhow::Result;
use serde_json::json;

use super::Context;
use crate::config::kind::HttpConfig;
use crate::exit_code::Exit;
use crate::{grant, kind_source};

/// `config check`.
pub(crate) async fn check(context: &Context) -> Result<Exit> {
    let config = context.config()?;
    let (mut problems, mut notes) = (Vec::new(), Vec::new());
    for (name, kind) in &config.file.kinds {
        if let Err(error) = grant::allowed(&context.home, config, &name.0, &[]) {
            problems.push(format!("{error:#}"));
        }
        notes.extend(kind.http.iter().flat_map(|http| unprotected(&name.0, http)));
    }
    let sandbox = context.home.sandbox(config)?;
    let mut known = Vec::new();
    let folder = context.home.kinds();
    for found in kind_source::known(&folder, &config.trust())? {
        match found.load(&sandbox, &folder).await {
            Ok((_, kind)) => known.push(kind),
            Err(problem) => problems.push(problem),
        }
    }
    for (name, kind) in &config.file.kinds {
        let Some(found) = known.iter().find(|known| known.description().kind == name.0) else {
            notes.push(format!("there is no kind `{}` here; its table is of no use yet", name.0));
            continue;
        };
        let wants = |capability: &str, wanted: &str| {
            let mut wants = found.description().wants.iter();
            wants.any(|want| want.capability == capability && want.name == wanted)
        };
        let folders = kind.folders.keys().filter(|folder| !wants("files", folder)).map(|folder| ("the folder", folder));
        let http = kind.http.iter().map(|http| &http.name).filter(|http| !wants("http", http));
        for (what, unwanted) in folders.chain(http.map(|name| ("requests", name))) {
            notes.push(format!("the kind `{}` does not want {what} `{unwanted}`, and does not get it", name.0));
        }
    }
    let exit = if problems.is_empty() { Exit::Succeeded } else { Exit::Refused };
    if context.out.is_json() {
        let ok = problems.is_empty();
        context.out.json(&json!({"file": config.path, "ok": ok, "problems": problems, "notes": notes}))?;
        return Ok(exit);
    }
    for line in
        problems.iter().map(|line| format!("wrong: {line}")).chain(notes.iter().map(|line| format!("note: {line}")))
    {
        context.out.line(&line)?;
    }
    if problems.is_empty() {
        context.out.line(&match &config.path {
            Some(path) => format!("ok {}", path.display()),
            None => format!("ok: there is no {}, the defaults hold", context.config_path().display()),
        })?;
    }
    Ok(exit)
}

/// Where a secret would be sent without TLS, so that anybody on the way can read it.
fn unprotected<'a>(kind: &'a str, http: &'a HttpConfig) -> impl Iterator<Item = String> + 'a {
    let open = http.allow.iter().map(|target| target.0.to_string()).filter(|target| target.starts_with("http://"));
    open.filter(|_| !http.secrets.is_empty()).map(move |target| {
        format!(
            "the requests `{}` of the kind `{kind}` have secrets and may go to {target}, where anybody on the way can read them; \
             use https://",
            http.name
        )
    })
}
