//! The commands, one file each, and what they all need.
//! Does not read arguments: `cli` does.

mod answer;
mod cancel;
mod create;
mod hosts;
mod kinds_inspect;
mod kinds_list;
mod kinds_verify;
mod list;
mod messages;
mod prune;
mod result;
mod run;
mod send;
mod serve;
mod show;
mod wait;
mod watch;

use anyhow::Result;
use taskwright_registry::SessionId;

use crate::cli::{Cli, Command, KindsCommand};
use crate::exit_code::Exit;
use crate::home::Home;
use crate::output::Output;

/// What every command needs.
pub(crate) struct Context {
    /// Where everything lies.
    pub(crate) home: Home,
    /// Whose tasks.
    pub(crate) session: SessionId,
    /// Where to write.
    pub(crate) out: Output,
}

/// Runs one command.
pub(crate) async fn run(cli: Cli, out: Output) -> Result<Exit> {
    let context = Context { home: Home::new(cli.common.dir), session: cli.common.session, out };
    let context = &context;
    match cli.command {
        Command::Run(args) => run::run(context, &args).await,
        Command::Create(args) => create::create(context, &args).await,
        Command::List(args) => list::list(context, args).await,
        Command::Show(args) => show::show(context, &args).await,
        Command::Watch(args) => watch::watch(context, &args).await,
        Command::Messages(args) => messages::messages(context, &args).await,
        Command::Send(args) => send::send(context, args).await,
        Command::Answer(args) => answer::answer(context, &args).await,
        Command::Cancel(args) => cancel::cancel(context, args).await,
        Command::Wait(args) => wait::wait(context, &args).await,
        Command::Result(args) => result::result(context, &args).await,
        Command::Kinds(KindsCommand::List) => kinds_list::list(context).await,
        Command::Kinds(KindsCommand::Inspect { kind }) => kinds_inspect::inspect(context, &kind).await,
        Command::Kinds(KindsCommand::Verify { files }) => kinds_verify::verify(context, &files).await,
        Command::Serve(args) => serve::serve(context, &args).await,
        Command::Hosts => hosts::hosts(context).await,
        Command::Prune(args) => prune::prune(context, &args).await,
        Command::CompileComponent => unreachable!("`main` does that without a runtime"),
    }
}
