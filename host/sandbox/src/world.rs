//! Everything that a kind may import, linked. This is the one place that says no to an import.
//! Does not decide about grants: what an instance is granted is in its store.

use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random};
use wasmtime_wasi_io::bindings::wasi::io;

use crate::attempt::Attempt;
use crate::bindings;
use crate::clocks::HasClocks;
use crate::contract::Contract;
use crate::files::HasFiles;
use crate::poll::HasPoll;
use crate::random::HasRandom;

/// One released version of the contract, with the patches that change nothing in it.
struct Served {
    /// The first of its line. A component of `0.1.7` is of the line of `0.1.0`.
    version: &'static str,
    /// Links what a component of this line imports. Only conversion differs between lines: each one's functions end in the
    /// same `Contract`, and there is one policy.
    link: fn(&mut Linker<Attempt>) -> wasmtime::Result<()>,
    /// Its interfaces that may be imported.
    interfaces: &'static [&'static str],
}

/// Every version of the contract that this host serves, oldest first. docs/contract-versions.md says how one is added.
const SERVED: [Served; 1] = [Served {
    version: "0.1.0",
    link: |linker| bindings::Kind::add_to_linker::<_, Contract>(linker, |attempt| attempt),
    interfaces: &CONTRACT,
}];

/// The versions of the contract that this host serves, oldest first.
pub const SERVED_CONTRACTS: [&str; SERVED.len()] = versions();

const fn versions() -> [&'static str; SERVED.len()] {
    let mut versions = [""; SERVED.len()];
    let mut at = 0;
    while at < SERVED.len() {
        versions[at] = SERVED[at].version;
        at += 1;
    }
    versions
}

/// The newest version of the contract that this host speaks.
pub(crate) const CONTRACT_VERSION: &str = SERVED[SERVED.len() - 1].version;
/// The export that makes a component a kind, without its version.
pub(crate) const EXECUTOR: &str = "taskwright:task/executor";

/// Interfaces of the contract that may be imported.
const CONTRACT: [&str; 6] = ["types", "sink", "control", "clock", "http", "spawner"];

/// Interfaces of WASI 0.2 that may be imported. All of them are linked for every kind, because the runtimes of languages
/// import them whether they use them or not; without a grant there is nothing behind them.
const WASI: [&str; 22] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// The linker that every kind is linked with.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Attempt>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    for served in &SERVED {
        (served.link)(l)?;
    }
    io::error::add_to_linker::<_, HasTable>(l, |attempt| attempt.ctx().table)?;
    io::poll::add_to_linker::<_, HasPoll>(l, Attempt::polls)?;
    io::streams::add_to_linker::<_, HasTable>(l, |attempt| attempt.ctx().table)?;
    clocks::wall_clock::add_to_linker::<_, HasClocks>(l, Attempt::clocks)?;
    clocks::monotonic_clock::add_to_linker::<_, HasClocks>(l, Attempt::clocks)?;
    filesystem::types::add_to_linker::<_, HasFiles>(l, Attempt::files)?;
    filesystem::preopens::add_to_linker::<_, HasFiles>(l, Attempt::files)?;
    random::random::add_to_linker::<_, HasRandom>(l, Attempt::random)?;
    random::insecure::add_to_linker::<_, HasRandom>(l, Attempt::random)?;
    random::insecure_seed::add_to_linker::<_, HasRandom>(l, Attempt::random)?;
    cli::exit::add_to_linker::<_, WasiCli>(l, Attempt::cli)?;
    cli::environment::add_to_linker::<_, WasiCli>(l, Attempt::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, Attempt::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, Attempt::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, Attempt::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, Attempt::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, Attempt::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, Attempt::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, Attempt::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, Attempt::cli)?;
    crate::http::add_wasi_to_linker(l)?;
    Ok(linker)
}

/// Why an import is not in the world, and what would help; `None` if it is.
pub(crate) fn refuse_import(import: &str) -> Option<String> {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    let contract = interface.strip_prefix("taskwright:task/");
    if let Some(name) = contract {
        let Some(served) = served(version) else {
            let spoken = SERVED_CONTRACTS.join(", ");
            return Some(format!("this host speaks these versions of the contract: {spoken}"));
        };
        if !served.interfaces.contains(&name) {
            return Some(format!("version {} of the contract has no such interface", served.version));
        }
        return None;
    }
    if WASI.contains(&interface) {
        if version.starts_with("0.2.") {
            return None;
        }
        return Some("of WASI only version 0.2 is offered; build the component for wasm32-wasip2".to_owned());
    }
    if interface.starts_with("wasi:sockets/") {
        return Some("no configuration opens sockets to a kind; requests over HTTP are granted by `http`".to_owned());
    }
    if interface.starts_with("wasi:http/") {
        return Some("of wasi:http only `types` and `outgoing-handler` are offered: a kind serves nothing".to_owned());
    }
    Some("it is neither of the contract nor of the part of WASI 0.2 that kinds get".to_owned())
}

/// Whether a version of the contract is one that this host speaks: the patch may be any.
pub(crate) fn same_contract(version: &str) -> bool {
    served(version).is_some()
}

/// The line that a version belongs to.
fn served(version: &str) -> Option<&'static Served> {
    let (line, patch) = version.rsplit_once('.')?;
    let number = !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit());
    SERVED.iter().find(|served| number && served.version.rsplit_once('.').is_some_and(|(own, _)| own == line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_what_is_allowed() {
        let engine = wasmtime::Engine::default();
        linker(&engine).unwrap();
        for import in [
            "taskwright:task/sink@0.1.0",
            "taskwright:task/types@0.1.7",
            "wasi:io/streams@0.2.9",
            "wasi:http/types@0.2.4",
        ] {
            assert_eq!(refuse_import(import), None, "{import}");
        }
        for import in [
            "taskwright:task/sink@0.2.0",
            "taskwright:task/kettle@0.1.0",
            "wasi:io/streams@0.3.0",
            "wasi:sockets/tcp@0.2.0",
            "wasi:http/incoming-handler@0.2.0",
            "env",
        ] {
            assert!(refuse_import(import).is_some(), "{import}");
        }
    }
}
