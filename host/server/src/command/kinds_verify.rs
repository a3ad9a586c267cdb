//! `kinds verify`: says of each file whether it would be accepted as a kind.
//! Does not install anything, and keeps no compiled code.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::clean_line;

use super::Context;
use crate::exit_code::Exit;
use crate::{home, kind_source};

/// `kinds verify`.
pub(crate) async fn verify(context: &Context, files: &[PathBuf]) -> Result<Exit> {
    let sandbox = home::looking(None)?;
    let mut exit = Exit::Succeeded;
    for path in files {
        let shown = clean_line(&path.display().to_string(), 400);
        let verdict = match kind_source::file(path) {
            // The error names the file already.
            Err(error) => Err(error.to_string()),
            Ok(component) => match sandbox.load(&component.wasm).await {
                Ok(kind) => Ok(kind),
                Err(error) => Err(format!("{shown}: {error}")),
            },
        };
        match verdict {
            Ok(kind) if context.out.is_json() => {
                context.out.json(
                    &json!({"file": path, "ok": true, "description": kind.description(), "digest": kind.digest()}),
                )?;
            }
            Ok(kind) => {
                let about = kind.description();
                context.out.line(&format!(
                    "ok {shown}: {} {} {}",
                    about.kind,
                    clean_line(&about.version, 64),
                    kind.digest()
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
