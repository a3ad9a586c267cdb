//! `external checkpoint`: what whoever goes on with the work begins with.
//! Does not store one: `external report --checkpoint` does.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{Context, hold};
use crate::cli::CheckpointArgs;
use crate::exit_code::{Exit, not_found};
use crate::output_file;

/// `external checkpoint`.
pub(super) async fn checkpoint(context: &Context, args: &CheckpointArgs) -> Result<Exit> {
    let task = hold(context, context.home.open().await?, &args.token).await?;
    let Some(bytes) = task.checkpoint() else {
        return Err(not_found(format!("task {} has no checkpoint; its work begins anew", args.token.task_id)));
    };
    match &args.output {
        Some(path) => {
            let mut file = output_file::create(&context.home, path, None)?;
            file.write_all(bytes).with_context(|| path.display().to_string())?;
            if context.out.is_json() {
                context.out.json(&json!({"output": path, "bytes": bytes.len()}))?;
            } else {
                context.out.notice(&format!("{} bytes to {}", bytes.len(), path.display()));
            }
        }
        None if context.out.is_json() => context.out.json(&json!({"bytes": bytes.len(), "hex": hex::encode(bytes)}))?,
        None => context.out.foreign(bytes)?,
    }
    Ok(Exit::Succeeded)
}
