//! `tools`: what an agent's model is told of its tools, and a call of one by hand.
//! Does not speak to a model.

use anyhow::Result;
use serde_json::{Value, json};
use taskwright_registry::clean_json;
use taskwright_tools::{AgentTools, ToolOutcome};

use super::{Context, create, kinds_inspect};
use crate::cli::{ToolsArgs, ToolsCommand};
use crate::exit_code::Exit;
use crate::{json_argument, kind_source};

/// `tools`.
pub(crate) async fn tools(context: &Context, args: &ToolsArgs) -> Result<Exit> {
    match &args.command {
        None => show_definitions(context, &args.spawn).await,
        Some(ToolsCommand::Call { name, arguments }) => {
            let arguments = json_argument::json("--arguments", arguments, ". Quote it as a whole")?;
            call(context, &args.spawn, name, arguments).await
        }
    }
}

async fn show_definitions(context: &Context, spawn: &[String]) -> Result<Exit> {
    let mut kinds = Vec::new();
    for name in spawn {
        let (_, kind) = kinds_inspect::find(context, name).await?;
        kinds.push(kind.description().clone());
    }
    print(context, &json!(AgentTools::new().spawning(kinds).definitions()))?;
    Ok(Exit::Succeeded)
}

async fn call(context: &Context, spawn: &[String], name: &str, arguments: Value) -> Result<Exit> {
    let known = kind_source::names(&context.home)?;
    let mut tools = AgentTools::new().knowing(known).producer("taskwright command line");
    let runner = if spawn.is_empty() {
        context.home.reader(context.home.open().await?)?
    } else {
        context.home.runner(context.home.open_or_create().await?, context.config()?.runner(), context.out)?
    };
    for name in spawn {
        tools = tools.spawning([create::add_kind(context, &runner, Some(name), None).await?]);
    }
    let outcome = tools.call(&runner.session(context.session.clone()), name, arguments).await;
    print(context, &json!(outcome))?;
    Ok(exit_of(&outcome))
}

/// A tool's error is no error of the command line: it was shown. Scripts are told all the same.
fn exit_of(outcome: &ToolOutcome) -> Exit {
    match outcome.content["error"].as_str().filter(|_| outcome.is_error) {
        None => Exit::Succeeded,
        Some("unknown_task") => Exit::NotFound,
        Some("unavailable") => Exit::Broken,
        Some(_) => Exit::Refused,
    }
}

fn print(context: &Context, value: &Value) -> Result<()> {
    if context.out.is_json() {
        context.out.json(value)?;
    } else {
        context.out.line(&clean_json(serde_json::to_string_pretty(value)?))?;
    }
    Ok(())
}
