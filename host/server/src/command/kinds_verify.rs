//! `kinds verify`: says of files and known kinds whether they would be accepted, and why not.
//! Does not install or run anything, and keeps no compiled code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::clean_line;
use taskwright_sandbox::{Kind, Sandbox};

use super::Context;
use crate::exit_code::Exit;
use crate::home;
use crate::kind_source::{self, Component};

/// `kinds verify`.
pub(crate) async fn verify(context: &Context, files: &[PathBuf]) -> Result<Exit> {
    let sandbox = home::looking(None, context.config()?)?;
    let mut exit = Exit::Succeeded;
    for path in files {
        let shown = clean_line(&path.display().to_string(), 400);
        match judge(context, &sandbox, path).await {
            Ok((component, kind)) if context.out.is_json() => {
                context.out.json(&json!({
                    "file": path,
                    "ok": true,
                    "description": kind.description(),
                    "digest": kind.digest(),
                    "signature": component.standing.to_string(),
                }))?;
            }
            Ok((component, kind)) => {
                let about = kind.description();
                context.out.line(&format!(
                    "ok {shown}: {} {} {} ({})",
                    about.kind,
                    clean_line(&about.version, 64),
                    kind.digest(),
                    component.standing
                ))?;
            }
            Err(problem) => {
                exit = Exit::Refused;
                if context.out.is_json() {
                    context.out.json(&json!({"file": path, "ok": false, "problem": problem}))?;
                } else {
                    context.out.line(&format!("refused {}", clean_line(&problem, 2_000)))?;
                }
            }
        }
    }
    Ok(exit)
}

/// The file, or the known kind of that name, as it would be loaded.
async fn judge(context: &Context, sandbox: &Sandbox, path: &Path) -> Result<(Component, Arc<Kind>), String> {
    let shown = path.display().to_string();
    let trust = context.config().map_err(|error| format!("{error:#}"))?.trust();
    let mut named = None;
    if !path.exists() && path.components().count() == 1 {
        let known = kind_source::known(&context.home.kinds(), &trust).map_err(|error| format!("{error:#}"))?;
        named = known.into_iter().find(|found| found.name.as_deref() == path.to_str()).map(|found| found.component);
    }
    // The error names the file or the kind already.
    let component = named.unwrap_or_else(|| kind_source::file(path, &trust)).map_err(|error| format!("{error:#}"))?;
    let kind = match component.said {
        // As it was accepted; nothing is written down by a look.
        Some(ref said) => sandbox.load_as(&component.wasm, said).await,
        None => sandbox.load(&component.wasm).await,
    };
    let kind = kind.map_err(|error| format!("{shown}: {error}"))?;
    Ok((component, kind))
}
