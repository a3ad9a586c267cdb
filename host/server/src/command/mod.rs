//! The commands, one file each, and what they all need.
//! Does not read arguments: `cli` does.

mod answer;
mod backup;
mod cancel;
mod config_check;
mod config_show;
mod create;
mod external;
mod hidden;
mod hosts;
mod kinds_inspect;
mod kinds_install;
mod kinds_list;
mod kinds_remove;
mod kinds_upgrade;
mod kinds_verify;
mod list;
mod messages;
mod migrate;
mod prune;
mod repair;
mod restore;
mod result;
mod run;
mod send;
mod serve;
mod sessions;
mod show;
mod terms;
mod tools;
mod transfer;
mod wait;
mod wait_several;
mod wakes;
mod watch;

use std::cell::OnceCell;
use std::path::PathBuf;

use anyhow::Result;
use taskwright_registry::SessionId;

use crate::cli::{Cli, Command, ConfigCommand, KindsCommand};
use crate::config::Config;
use crate::exit_code::Exit;
use crate::home::Home;
use crate::interrupt::Interrupts;
use crate::open_stores::OpenStores;
use crate::output::Output;

/// What every command needs.
pub(crate) struct Context {
    /// Where everything lies.
    pub(crate) home: Home,
    /// Whose tasks.
    pub(crate) session: SessionId,
    /// Whether the session was named, and is not the one that is meant where none is.
    pub(crate) session_named: bool,
    /// Where to write.
    pub(crate) out: Output,
    /// The file of the configuration, if one was named.
    config_file: Option<PathBuf>,
    config: OnceCell<Config>,
}

impl Context {
    /// The operator's configuration. Commands that only read records do without.
    pub(crate) fn config(&self) -> Result<&Config> {
        match self.config.get() {
            Some(config) => Ok(config),
            None => {
                let config = self.read_config()?;
                Ok(self.config.get_or_init(|| config))
            }
        }
    }

    /// The configuration as its file is now.
    pub(crate) fn read_config(&self) -> Result<Config> {
        Config::read(&self.config_path(), self.config_is_named())
    }

    /// Whether somebody has named the file of the configuration, which must be there then.
    pub(crate) fn config_is_named(&self) -> bool {
        self.config_file.is_some()
    }

    /// Where the configuration is read, if it is there.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.config_file.clone().unwrap_or_else(|| self.home.config_path())
    }
}

/// Runs one command. Those that begin nothing that must be brought to an end are cut short by a signal; `serve` and `run` hear it
/// themselves. Where the first has not been enough, a further one ends the process at once. The stores that it opens are noted, and
/// closed by whoever gave the list.
pub(crate) async fn run(cli: Cli, out: Output, stores: OpenStores) -> Result<Exit> {
    let mut interrupts = match &cli.command {
        Command::Serve(_) => {
            Interrupts::of_a_service()?.insist(2);
            return carry_out(cli, out, stores).await;
        }
        Command::Run(_) => {
            Interrupts::listen()?.insist(3);
            return carry_out(cli, out, stores).await;
        }
        _ => Interrupts::listen()?,
    };
    Interrupts::listen()?.insist(2);
    tokio::select! {
        biased;
        ended = carry_out(cli, out, stores) => ended,
        ask = interrupts.next() => Ok(ask.exit()),
    }
}

async fn carry_out(cli: Cli, out: Output, stores: OpenStores) -> Result<Exit> {
    let context = Context {
        home: Home::new(cli.common.dir, cli.common.store, cli.common.files.as_deref(), cli.common.state_dir, stores)?,
        session: cli.common.session,
        session_named: cli.common.session_named,
        out,
        config_file: cli.common.config,
        config: OnceCell::new(),
    };
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
        Command::Transfer(args) => transfer::transfer(context, &args).await,
        Command::Hidden(args) => hidden::hidden(context, &args).await,
        Command::Sessions(command) => sessions::run(context, command).await,
        Command::External(command) => external::run(context, command).await,
        Command::Wait(args) => wait::wait(context, &args).await,
        Command::Wakes(args) => wakes::wakes(context, &args).await,
        Command::Result(args) => result::result(context, &args).await,
        Command::Tools(args) => tools::tools(context, &args).await,
        Command::Kinds(KindsCommand::List) => kinds_list::list(context).await,
        Command::Kinds(KindsCommand::Inspect { kind }) => kinds_inspect::inspect(context, &kind).await,
        Command::Kinds(KindsCommand::Verify { files }) => kinds_verify::verify(context, &files).await,
        Command::Kinds(KindsCommand::Install(args)) => kinds_install::install(context, &args).await,
        Command::Kinds(KindsCommand::Upgrade(args)) => kinds_upgrade::upgrade(context, &args).await,
        Command::Kinds(KindsCommand::Remove { kind, force }) => kinds_remove::remove(context, &kind, force).await,
        Command::Config(ConfigCommand::Check) => config_check::check(context).await,
        Command::Config(ConfigCommand::Show) => config_show::show(context),
        Command::Serve(args) => serve::serve(context, &args).await,
        Command::Hosts => hosts::hosts(context).await,
        Command::Migrate(args) => migrate::run(context, &args).await,
        Command::Repair(args) => repair::repair(context, &args).await,
        Command::Backup(args) => backup::backup(context, &args).await,
        Command::Restore(args) => restore::restore(context, &args).await,
        Command::Prune(args) => prune::prune(context, &args).await,
        Command::CompileComponent => unreachable!("`main` does that without a runtime"),
    }
}
