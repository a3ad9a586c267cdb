//! Which of the global flags each command heeds, and the refusal of one that is given to a command that does not.
//! Does not refuse what comes from the environment: that is there for all commands.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::{Cli, Command, KindsCommand, ToolsCommand};

/// A flag that every command can be given, other than `--json`, which every command heeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GlobalFlag {
    /// `--dir`.
    Dir,
    /// `--store`.
    Store,
    /// `--files`.
    Files,
    /// `--config`.
    Config,
    /// `--state-dir`.
    StateDir,
    /// `--session`.
    Session,
}

use GlobalFlag::{Config, Dir, Files, Session, StateDir, Store};

impl GlobalFlag {
    const ALL: [Self; 6] = [Dir, Store, Files, StateDir, Config, Session];

    /// What clap calls it.
    fn id(self) -> &'static str {
        match self {
            Dir => "dir",
            Store => "store",
            Files => "files_place",
            Config => "config",
            StateDir => "state_dir",
            Session => "session",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Dir => "--dir",
            Store => "--store",
            Files => "--files",
            Config => "--config",
            StateDir => "--state-dir",
            Session => "--session",
        }
    }

    /// Why a command may do without it.
    fn reason(self) -> &'static str {
        match self {
            Dir | StateDir => "it uses no folder of a store",
            Store => "it reads no records",
            Files => "it uses no files of tasks",
            Config => "it reads no configuration",
            Session => "it is not about one session, or names the session in another way",
        }
    }
}

/// The flags that a command heeds; `--state-dir` goes with `--dir`. `--dir`, `--store` and `--files` say together where a store is: a command that opens the store
/// heeds all three, since records and files belong together and are held against each other.
fn heeded(command: &Command) -> &'static [GlobalFlag] {
    match command {
        Command::Run(_) | Command::Create(_) => &[Dir, Store, Files, Config, Session],
        Command::Wakes(args) if args.all_sessions => &[Dir, Store, Files],
        Command::Prune(args) if args.all_sessions => &[Dir, Store, Files],
        Command::Tools(args) => match (&args.command, args.spawn.is_empty()) {
            (None, true) => &[],
            (None, false) => &[Dir, Config],
            (Some(ToolsCommand::Call { .. }), true) => &[Dir, Store, Files, Session],
            (Some(ToolsCommand::Call { .. }), false) => &[Dir, Store, Files, Config, Session],
        },
        Command::External(super::ExternalCommand::Register(_) | super::ExternalCommand::TakeOn(_))
        | Command::List(_)
        | Command::Show(_)
        | Command::Watch(_)
        | Command::Messages(_)
        | Command::Send(_)
        | Command::Answer(_)
        | Command::Cancel(_)
        | Command::Transfer(_)
        | Command::Wait(_)
        | Command::Hidden(_)
        | Command::Wakes(_)
        | Command::Prune(_)
        | Command::Result(_) => &[Dir, Store, Files, Session],
        Command::Backup(_) | Command::Restore(_) | Command::Repair(_) => &[Dir, Store, Files],
        // A token names its task, and the task its session.
        Command::External(_) | Command::Sessions(_) | Command::Hosts => &[Dir, Store, Files],
        Command::Serve(_) => &[Dir, Store, Files, Config],
        Command::Kinds(KindsCommand::Remove { .. }) => &[Dir, Store, Files],
        Command::Kinds(_) | Command::Config(_) => &[Dir, Config],
        // Both ends are its own arguments.
        Command::Migrate(_) | Command::CompileComponent => &[],
    }
}

/// Reads the arguments of this process. Ends the process with what is wrong with them, or with the help that was asked for.
pub(crate) fn read() -> Cli {
    let matches = without_empty_variables(Cli::command()).get_matches();
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    cli.common.session_named = matches.value_source(Session.id()) == Some(ValueSource::CommandLine);
    if let Some(problem) = problem(&matches, &cli) {
        Cli::command().error(ErrorKind::ArgumentConflict, problem).exit();
    }
    cli
}

/// The command line without the variables that are set to nothing: a script clears a variable so as often as by taking it away.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    GlobalFlag::ALL.into_iter().fold(command, |command, flag| {
        command.mut_arg(flag.id(), |argument| {
            let variable = argument.get_env().map(ToOwned::to_owned);
            match variable.and_then(std::env::var_os) {
                Some(value) if value.is_empty() => {
                    argument.env(clap::builder::Resettable::<clap::builder::OsStr>::Reset)
                }
                _ => argument,
            }
        })
    })
}

/// What is wrong with the global flags that were given.
fn problem(matches: &ArgMatches, cli: &Cli) -> Option<String> {
    let heeded = heeded(&cli.command);
    let given = |flag: GlobalFlag| matches.value_source(flag.id()) == Some(ValueSource::CommandLine);
    GlobalFlag::ALL.into_iter().filter(|flag| given(*flag)).find_map(|flag| {
        let text = flag.text();
        if matches.get_raw(flag.id()).is_some_and(|mut values| values.any(|value| value.is_empty())) {
            // It may come from a variable that nobody has set. What holds without the flag could be another store.
            return Some(format!("{text} is empty: give it a value, or leave it away"));
        }
        let reason = flag.reason();
        let stands_for = if flag == StateDir { Dir } else { flag };
        (!heeded.contains(&stands_for))
            .then(|| format!("this command does not heed {text}: {reason}. Leave {text} away"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_global_flag_is_one_that_commands_heed_or_refuse() {
        let command = Cli::command();
        let global: Vec<&str> = command
            .get_arguments()
            .filter(|argument| argument.is_global_set())
            .map(|arg| arg.get_id().as_str())
            .collect();
        let known: Vec<&str> = GlobalFlag::ALL.iter().map(|flag| flag.id()).chain(["json"]).collect();
        assert_eq!(global, known);
    }
}
