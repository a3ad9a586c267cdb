//! `kinds inspect`: what a kind takes, what it wants and what it gets of that.
//! Does not run a task of it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};
use taskwright_registry::{Dimension, Reattach, clean_line, clean_text};
use taskwright_runner::KindSettings;
use taskwright_sandbox::Kind;

use super::Context;
use crate::config::Config;
use crate::exit_code::Exit;
use crate::kind_source::{self, Component};
use crate::{grant, render};

/// `kinds inspect`.
pub(crate) async fn inspect(context: &Context, name: &str) -> Result<Exit> {
    let config = context.config()?;
    let (component, kind) = find(context, name).await?;
    let about = kind.description();
    // A secret that is missing here says nothing about the kind.
    let settings = grant::settings(config, &about.kind, &[]).unwrap_or_else(|error| {
        context.out.notice(&format!("{error:#}"));
        KindSettings::default()
    });
    let limits = limits(&kind, config, &settings);
    if context.out.is_json() {
        let rows = limits.iter().map(|row| (row.name.to_owned(), json!(row.effective)));
        let sides = limits.iter().map(|row| {
            (row.name.to_owned(), json!({"wish": row.wish, "operator": row.operator, "effective": row.effective}))
        });
        let given: Vec<Value> = about
            .wants
            .iter()
            .map(|want| {
                let given = settings.grants.hold(want);
                let how = (!given).then(|| grant::how(&about.kind, want));
                json!({"capability": want.capability, "name": want.name, "given": given, "how": how})
            })
            .collect();
        context.out.json(&json!({
            "description": about,
            "digest": kind.digest(),
            "origin": component.origin.to_string(),
            "pinned": component.pinned,
            "signature": component.standing.to_string(),
            "bytes": component.wasm.len(),
            "contract_version": kind.contract_version(),
            "imports": kind.imports(),
            "exports": kind.exports(),
            "given": given,
            "budget": rows.collect::<serde_json::Map<String, Value>>(),
            "budget_sides": sides.collect::<serde_json::Map<String, Value>>(),
        }))?;
        return Ok(Exit::Succeeded);
    }
    let lines = |names: &[String]| names.iter().map(|name| clean_line(name, 200)).collect::<Vec<_>>().join("\n");
    let wants: Vec<String> = about
        .wants
        .iter()
        .map(|want| {
            let need = if want.required { "required" } else { "optional" };
            let what = clean_line(&format!("{} {} ({need}): {}", want.capability, want.name, want.reason), 400);
            if settings.grants.hold(want) {
                format!("{what}; given")
            } else {
                format!("{what}; not given: {}", grant::how(&about.kind, want))
            }
        })
        .collect();
    let schema = serde_json::to_string_pretty(&about.spec_schema)?;
    let rows: Vec<Vec<String>> = limits.iter().map(Limit::row).collect();
    let budget = render::table(&["", "wish", "operator", "holds"], &rows);
    let from = format!("{}{}", component.origin, if component.pinned { "" } else { " (not pinned)" });
    context.out.text(&render::fields(&[
        ("kind", context.out.bold(&clean_line(&about.kind, 64))),
        ("version", clean_line(&about.version, 64)),
        ("says", clean_line(&about.summary, 400)),
        ("from", clean_line(&from, 400)),
        ("size", render::bytes(component.wasm.len() as u64)),
        ("digest", kind.digest().to_owned()),
        ("signature", component.standing.to_string()),
        ("contract", clean_line(kind.contract_version(), 64)),
        ("re-attaches", reattach(&about.reattach)),
        ("messages", if about.takes_messages { "taken" } else { "only answers to its questions" }.to_owned()),
        ("wants", if wants.is_empty() { "nothing".to_owned() } else { wants.join("\n") }),
        ("budget", budget.trim_end().to_owned()),
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

pub(super) async fn find(context: &Context, name: &str) -> Result<(Component, Arc<Kind>)> {
    let config = context.config()?;
    let sandbox = context.home.sandbox(config)?;
    let folder = context.home.kinds();
    let known = kind_source::known(&folder, &config.trust())?;
    let (named, dropped): (Vec<_>, Vec<_>) = known.into_iter().partition(|found| found.name.is_some());
    let mut names = Vec::new();
    let mut given = None;
    for found in named {
        if found.name.as_deref() == Some(name) {
            given = Some(found.component?);
        }
        names.extend(found.name);
    }
    if given.is_none() && Path::new(name).is_file() {
        given = Some(kind_source::file(Path::new(name), &config.trust())?);
    }
    if let Some(component) = given {
        let kind = component.load(&sandbox, &folder).await?;
        return Ok((component, kind));
    }
    for found in dropped {
        match found.load(&sandbox, &folder).await {
            Ok((component, kind)) if kind.description().kind == name => return Ok((component, kind)),
            Ok((_, kind)) => names.push(kind.description().kind.clone()),
            Err(problem) => context.out.notice(&format!("{problem}; passed over")),
        }
    }
    let own = "A kind of your own is inspected by its file: `taskwright kinds inspect FILE`";
    Err(kind_source::unknown_with(name, names, own))
}

/// One dimension, from the kind's and from the operator's side. `None` is no limit.
struct Limit {
    dimension: Dimension,
    name: &'static str,
    wish: Option<u64>,
    operator: Option<u64>,
    effective: Option<u64>,
}

impl Limit {
    fn row(&self) -> Vec<String> {
        let amount = |limit: Option<u64>, none: &str| {
            limit.map_or_else(|| none.to_owned(), |limit| render::amount(self.dimension, limit))
        };
        vec![
            self.name.to_owned(),
            amount(self.wish, "-"),
            amount(self.operator, "-"),
            amount(self.effective, "without limit"),
        ]
    }
}

fn limits(kind: &Kind, config: &Config, settings: &KindSettings) -> Vec<Limit> {
    let some = |limit: u64| (limit != u64::MAX).then_some(limit);
    let operator = config.most().replaced_by(&settings.budget);
    let effective = kind.default_budget().replaced_by(&settings.budget);
    let row = |&dimension: &Dimension| Limit {
        dimension,
        name: dimension.as_str(),
        wish: some(kind.wishes().get(dimension)),
        operator: some(operator.get(dimension)),
        effective: some(effective.get(dimension)),
    };
    Dimension::ALL.iter().map(row).collect()
}
