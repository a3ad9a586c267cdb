//! Where kinds come from: those that ship, files in the home's `kinds/`, and files named on the command line.
//! Does not judge them: the sandbox does when it loads one.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Context, Result};
use taskwright_registry::Description;
use taskwright_runner::{KindSettings, Runner, RunnerError};

use crate::exit_code::{not_found, refused};
use crate::home::Home;
use crate::output::Output;

/// The largest file that is read at all; the sandbox has its own limit.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// A file that may be a kind.
#[derive(Debug, Clone)]
pub(crate) struct Component {
    /// Where it comes from: `shipped`, or its path.
    pub(crate) origin: String,
    /// Its bytes.
    pub(crate) wasm: Cow<'static, [u8]>,
}

/// The kinds that ship.
pub(crate) fn shipped() -> Vec<(&'static str, Component)> {
    let component = |wasm| Component { origin: "shipped".to_owned(), wasm: Cow::Borrowed(wasm) };
    taskwright_components::all().iter().map(|kind| (kind.name, component(kind.wasm))).collect()
}

/// Reads one file.
pub(crate) fn file(path: &Path) -> Result<Component> {
    let wrong = |problem: String| refused(format!("{}: {problem}", path.display()));
    let found = path.metadata().map_err(|error| wrong(error.to_string()))?;
    if !found.is_file() {
        return Err(wrong("that is no file".to_owned()));
    }
    if found.len() > MAX_FILE_BYTES {
        return Err(wrong(format!("it has {} bytes, at most {MAX_FILE_BYTES} are read", found.len())));
    }
    let wasm = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    Ok(Component { origin: path.display().to_string(), wasm: Cow::Owned(wasm) })
}

/// The files in the home's `kinds/`, by name. There are none if there is no such folder.
pub(crate) fn installed(home: &Home) -> Result<Vec<Component>> {
    let folder = home.kinds();
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| folder.display().to_string()),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| file(path)).collect()
}

/// Everything that is a kind without being named as a file: what ships, and behind it what is in the home's `kinds/`.
pub(crate) fn known(home: &Home) -> Result<Vec<Component>> {
    let mut components: Vec<Component> = shipped().into_iter().map(|(_, component)| component).collect();
    components.extend(installed(home)?);
    Ok(components)
}

/// Adds the one kind that a command needs: the file's, or the one of that name.
pub(crate) async fn add_one(
    runner: &Runner,
    home: &Home,
    name: Option<&str>,
    path: Option<&Path>,
    settings: KindSettings,
    out: Output,
) -> Result<Description> {
    if let Some(path) = path {
        let component = file(path)?;
        let added = runner.add_kind(&component.wasm, settings).await;
        let description = added.with_context(|| component.origin.clone())?;
        return match name {
            Some(name) if name != description.kind => Err(refused(format!(
                "{} is the kind `{}`, not `{name}`; leave the name out or name the right file",
                component.origin, description.kind
            ))),
            _ => Ok(description),
        };
    }
    let name = name.ok_or_else(|| refused("name a kind, or a file with --kind FILE"))?;
    let shipped = shipped();
    if let Some((_, component)) = shipped.iter().find(|(shipped, _)| *shipped == name) {
        return Ok(runner.add_kind(&component.wasm, settings).await?);
    }
    let mut known: Vec<String> = shipped.iter().map(|(name, _)| (*name).to_owned()).collect();
    for component in installed(home)? {
        match runner.add_kind(&component.wasm, settings.clone()).await {
            Ok(description) if description.kind == name => return Ok(description),
            Ok(description) => known.push(description.kind),
            Err(error) if lacks(&error, name) => return Err(error.into()),
            Err(error) => out.notice(&format!("{}: {error}; passed over", component.origin)),
        }
    }
    Err(unknown(name, known))
}

/// Whether it is this kind that lacks a grant.
fn lacks(error: &RunnerError, name: &str) -> bool {
    matches!(error, RunnerError::MissingGrants { kind, .. } if kind == name)
}

/// The error about a kind that nobody knows.
pub(crate) fn unknown(name: &str, mut known: Vec<String>) -> anyhow::Error {
    known.sort();
    known.dedup();
    let name = taskwright_registry::clean_line(name, 80);
    let known = known.join(", ");
    refused(format!(
        "there is no kind `{name}`; the known ones are: {known}. A kind of your own is given with --kind FILE"
    ))
}

/// Refuses a name that is neither shipped nor in `kinds/` before anything is made, where that can be told cheaply.
pub(crate) fn check_name(home: &Home, name: Option<&str>, path: Option<&Path>) -> Result<()> {
    match (name, path) {
        (_, Some(path)) if !path.exists() => Err(not_found(format!("there is no file {}", path.display()))),
        (Some(name), None) => {
            let shipped = shipped();
            if shipped.iter().any(|(shipped, _)| *shipped == name) || !installed(home)?.is_empty() {
                return Ok(());
            }
            Err(unknown(name, shipped.iter().map(|(name, _)| (*name).to_owned()).collect()))
        }
        _ => Ok(()),
    }
}
