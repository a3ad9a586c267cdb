//! `kinds list`: the kinds that are known here.
//! Does not make a home where there is none.

use anyhow::Result;
use serde_json::json;
use taskwright_registry::clean_line;

use super::Context;
use crate::exit_code::Exit;
use crate::{kind_source, render};

/// `kinds list`.
pub(crate) async fn list(context: &Context) -> Result<Exit> {
    let sandbox = context.home.sandbox()?;
    let (mut rows, mut kinds) = (Vec::new(), Vec::new());
    for component in kind_source::known(&context.home)? {
        match sandbox.load(&component.wasm).await {
            Ok(kind) => {
                let about = kind.description();
                rows.push(vec![
                    clean_line(&about.kind, 64),
                    clean_line(&about.version, 32),
                    clean_line(&component.origin, 200),
                    clean_line(&about.summary, 200),
                ]);
                kinds.push(json!({"description": about, "digest": kind.digest(), "origin": component.origin}));
            }
            Err(error) => context.out.notice(&format!("{}: {error}; passed over", component.origin)),
        }
    }
    if context.out.is_json() {
        context.out.json(&json!({"kinds": kinds}))?;
    } else {
        context.out.text(&render::table(&["KIND", "VERSION", "FROM", "SAYS"], &rows))?;
    }
    Ok(Exit::Succeeded)
}
