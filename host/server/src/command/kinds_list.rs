//! `kinds list`: the kinds that are known here.
//! Does not make a home where there is none.

use anyhow::Result;
use serde_json::json;
use taskwright_registry::clean_line;

use super::Context;
use crate::exit_code::Exit;
use crate::trust::Standing;
use crate::{kind_source, render};

/// How much of a digest tells it from others.
const SHORT_DIGEST: usize = "sha256:".len() + 12;

/// `kinds list`.
pub(crate) async fn list(context: &Context) -> Result<Exit> {
    let config = context.config()?;
    let sandbox = context.home.sandbox(config)?;
    let (mut rows, mut kinds) = (Vec::new(), Vec::new());
    let folder = context.home.kinds();
    for found in kind_source::known(&folder, &config.trust())? {
        match found.load(&sandbox, &folder).await {
            Ok((component, kind)) => {
                let about = kind.description();
                rows.push(vec![
                    clean_line(&about.kind, 64),
                    clean_line(&about.version, 32),
                    component.digest.chars().take(SHORT_DIGEST).collect(),
                    component.standing.word().to_owned(),
                    if component.pinned { "pinned" } else { "not pinned" }.to_owned(),
                    clean_line(&component.origin.to_string(), 200),
                    clean_line(&about.summary, 200),
                ]);
                kinds.push(json!({
                    "description": about,
                    "digest": component.digest,
                    "origin": component.origin.to_string(),
                    "pinned": component.pinned,
                    "signed_by": match &component.standing {
                        Standing::Signed(key) => Some(key),
                        _ => None,
                    },
                }));
            }
            Err(problem) => context.out.notice(&format!("{problem}; passed over")),
        }
    }
    if context.out.is_json() {
        context.out.json(&json!({"kinds": kinds}))?;
    } else {
        context.out.text(&render::table(&["KIND", "VERSION", "DIGEST", "SIGNED", "PINNED", "FROM", "SAYS"], &rows))?;
    }
    Ok(Exit::Succeeded)
}
