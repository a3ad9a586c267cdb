//! `kinds inspect`: what a kind takes, wants and may use.
//! Does not run a task of it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use taskwright_registry::{Budget, Dimension, Reattach, clean_line, clean_text};
use taskwright_sandbox::Kind;

use super::Context;
use crate::exit_code::Exit;
use crate::kind_source::{self, Component};
use crate::render;

/// `kinds inspect`.
pub(crate) async fn inspect(context: &Context, name: &str) -> Result<Exit> {
    let (component, kind) = find(context, name).await?;
    let about = kind.description();
    let budget = budget(kind.default_budget());
    if context.out.is_json() {
        context.out.json(&json!({
            "description": about,
            "digest": kind.digest(),
            "origin": component.origin,
            "bytes": component.wasm.len(),
            "contract_version": kind.contract_version(),
            "imports": kind.imports(),
            "exports": kind.exports(),
            "budget": budget.iter().map(|(name, limit, _)| ((*name).to_owned(), json!(limit))).collect::<serde_json::Map<String, Value>>(),
        }))?;
        return Ok(Exit::Succeeded);
    }
    let lines = |names: &[String]| names.iter().map(|name| clean_line(name, 200)).collect::<Vec<_>>().join("\n");
    let wants: Vec<String> = about
        .wants
        .iter()
        .map(|want| {
            let need = if want.required { "required" } else { "optional" };
            let how = if want.capability == "files" { format!("; --grant {}=DIR", want.name) } else { String::new() };
            clean_line(&format!("{} {} ({need}): {}{how}", want.capability, want.name, want.reason), 400)
        })
        .collect();
    let schema = serde_json::to_string_pretty(&about.spec_schema)?;
    let limits: Vec<String> = budget.iter().map(|(name, _, text)| format!("{name} {text}")).collect();
    context.out.text(&render::fields(&[
        ("kind", context.out.bold(&clean_line(&about.kind, 64))),
        ("version", clean_line(&about.version, 64)),
        ("says", clean_line(&about.summary, 400)),
        ("from", clean_line(&component.origin, 400)),
        ("size", render::bytes(component.wasm.len() as u64)),
        ("digest", kind.digest().to_owned()),
        ("contract", clean_line(kind.contract_version(), 64)),
        ("re-attaches", reattach(&about.reattach)),
        ("wants", if wants.is_empty() { "nothing".to_owned() } else { wants.join("\n") }),
        ("budget", limits.join("\n")),
        ("imports", lines(kind.imports())),
        ("spec", clean_text(&schema, 64 * 1024)),
    ]))?;
    Ok(Exit::Succeeded)
}

fn reattach(says: &Reattach) -> String {
    match says {
        Reattach::Never => "never".to_owned(),
        Reattach::Always => "always".to_owned(),
        Reattach::AsSpec(pointer) => format!("if the specification has true at `{}`", clean_line(pointer, 256)),
    }
}

async fn find(context: &Context, name: &str) -> Result<(Component, Arc<Kind>)> {
    let sandbox = context.home.sandbox()?;
    let shipped = kind_source::shipped();
    let mut known: Vec<String> = shipped.iter().map(|(name, _)| (*name).to_owned()).collect();
    let given = if let Some((_, component)) = shipped.into_iter().find(|(shipped, _)| *shipped == name) {
        Some(component)
    } else if Path::new(name).is_file() {
        Some(kind_source::file(Path::new(name))?)
    } else {
        None
    };
    if let Some(component) = given {
        let kind = sandbox.load(&component.wasm).await.with_context(|| component.origin.clone())?;
        return Ok((component, kind));
    }
    for component in kind_source::installed(&context.home)? {
        match sandbox.load(&component.wasm).await {
            Ok(kind) if kind.description().kind == name => return Ok((component, kind)),
            Ok(kind) => known.push(kind.description().kind.clone()),
            Err(error) => context.out.notice(&format!("{}: {error}; passed over", component.origin)),
        }
    }
    Err(kind_source::unknown(name, known))
}

/// Each dimension by its name: its limit, `None` for no limit, and the limit as text.
fn budget(budget: &Budget) -> Vec<(&'static str, Option<u64>, String)> {
    let row = |&dimension: &Dimension| match budget.get(dimension) {
        u64::MAX => (dimension.as_str(), None, "without limit".to_owned()),
        limit => (dimension.as_str(), Some(limit), render::amount(dimension, limit)),
    };
    Dimension::ALL.iter().map(row).collect()
}
