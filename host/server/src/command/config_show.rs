//! `config show`: what holds, defaults included, in the form of the file.
//! Does not look whether folders and secrets are there: `config check` does.

use anyhow::Result;
use serde_json::json;

use super::Context;
use crate::config::show::effective;
use crate::exit_code::Exit;

/// `config show`.
pub(crate) fn show(context: &Context) -> Result<Exit> {
    let config = context.config()?;
    let effective = effective(config);
    if context.out.is_json() {
        context.out.json(&json!({"file": config.path, "config": effective}))?;
        return Ok(Exit::Succeeded);
    }
    let head = match &config.path {
        Some(path) => format!("# From {}, and the defaults.\n", path.display()),
        None => format!("# The defaults: there is no {}.\n", context.config_path().display()),
    };
    context.out.text(&format!("{head}\n{}", toml::to_string_pretty(&effective)?))?;
    Ok(Exit::Succeeded)
}
