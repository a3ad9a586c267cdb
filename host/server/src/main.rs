//! The `taskwright` command line: reads the arguments, runs one command, turns its end into an exit status.
//! Does not hold rules about tasks: those are in the registry, and every command goes through the store or the runner.

mod backup;
mod cli;
mod command;
mod config;
mod duration;
mod exit_code;
mod find_task;
mod grant;
mod home;
mod interrupt;
mod json_argument;
mod kind_changes;
mod kind_source;
mod kinds_folder;
mod live_tasks;
mod metrics_page;
mod open_stores;
mod output;
mod output_file;
mod own_paths;
mod part;
mod plain_file;
mod private_folder;
mod progress;
mod question;
mod render;
mod served;
mod shared_files;
mod state_folder;
mod tail;
mod trust;
mod wake_key;
mod watched_files;

use std::io::IsTerminal;
use std::process::ExitCode;

use crate::cli::Command;
use crate::exit_code::Exit;
use crate::open_stores::{CloseAtEnd, OpenStores};
use crate::output::Output;

fn main() -> ExitCode {
    let cli = cli::read();
    if matches!(cli.command, Command::CompileComponent) {
        return taskwright_sandbox::compile_child();
    }
    log_to_stderr();
    let out = Output::new(cli.common.json);
    let stores = OpenStores::default();
    // Made before the runtime and so dropped after it, also when something panics.
    let closing = CloseAtEnd(stores.clone());
    let ended = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(anyhow::Error::from).and_then(
        |runtime| {
            let ended = runtime.block_on(command::run(cli, out, stores));
            // What still blocks a thread, such as a read from a terminal, is not waited for.
            runtime.shutdown_background();
            ended
        },
    );
    drop(closing);
    match ended {
        Ok(exit) => exit.into(),
        // Nobody reads any more: that is how `| head` ends a command.
        Err(error) if exit_code::is_broken_pipe(&error) => Exit::Succeeded.into(),
        Err(error) => {
            let exit = exit_code::of_error(&error);
            out.error(&error, exit);
            exit.into()
        }
    }
}

/// What the libraries have to say, from warnings up unless `TASKWRIGHT_LOG` says otherwise.
fn log_to_stderr() {
    let given = std::env::var("TASKWRIGHT_LOG").ok().filter(|text| !text.trim().is_empty());
    let filter = given
        .and_then(|text| tracing_subscriber::EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| tracing_subscriber::EnvFilter::new("warn,wasmtime_wasi_http=error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && !output::no_color())
        .init();
}
