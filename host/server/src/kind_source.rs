//! Where kinds come from: those that ship, those that are installed in the home's `kinds/`, files dropped there by hand, and
//! files named on the command line.
//! Does not judge what a component does: the sandbox does when it loads one.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use taskwright_runner::{KindSettings, Runner};
use taskwright_sandbox::{Kind, Sandbox, SelfDescription};

use crate::exit_code::{not_found, refused};
use crate::home::Home;
use crate::kinds_folder::{KindsFolder, digest_of, read_file, signature_beside};
use crate::output::Output;
use crate::trust::{Standing, Trust};

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is part of this program.
    Shipped,
    /// The home's `kinds/` has it by its digest.
    Installed,
    /// A file that was named, or dropped into `kinds/`.
    File(PathBuf),
}

impl Origin {
    /// Whether it is this file.
    pub(crate) fn is_file(&self, path: &Path) -> bool {
        matches!(self, Origin::File(file) if file == path)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Shipped => f.write_str("shipped"),
            Origin::Installed => f.write_str("installed"),
            Origin::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A file that may be a kind.
#[derive(Debug, Clone)]
pub(crate) struct Component {
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// Its bytes.
    pub(crate) wasm: Cow<'static, [u8]>,
    /// What they are named by.
    pub(crate) digest: String,
    /// Who vouches for it.
    pub(crate) standing: Standing,
    /// Whether its bytes can change without anybody's being told.
    pub(crate) pinned: bool,
    /// The text of its signature.
    pub(crate) signature: Option<String>,
    /// The name that it has here, whatever it says.
    pub(crate) name: Option<String>,
    /// What it was accepted as. A component that nobody has installed is asked, once in this process.
    pub(crate) said: Option<SelfDescription>,
}

impl Component {
    /// Loads it as what it was accepted as, and writes down what it says where that was not done before.
    pub(crate) async fn load(&self, sandbox: &Sandbox, folder: &KindsFolder) -> Result<Arc<Kind>> {
        let kind = match &self.said {
            Some(said) => sandbox.load_as(&self.wasm, said).await,
            None => sandbox.load(&self.wasm).await,
        };
        let kind = kind.with_context(|| self.origin.to_string())?;
        let says = &kind.description().kind;
        if let Some(name) = self.name.as_ref().filter(|name| *name != says) {
            return Err(refused(format!(
                "{}: it is here as the kind `{name}` and says that it is `{says}`",
                self.origin
            )));
        }
        if self.origin == Origin::Installed && self.said.is_none() {
            // A home that cannot be written to can be looked at all the same.
            let _ = folder.write_down(&self.digest, kind.self_description());
        }
        Ok(kind)
    }
}

/// A kind that is there, or why it cannot be read.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// Its name, where that is known without loading it.
    pub(crate) name: Option<String>,
    /// The component.
    pub(crate) component: Result<Component>,
}

impl Found {
    /// Loads it; what is wrong otherwise, in one line that says where it comes from.
    pub(crate) async fn load(self, sandbox: &Sandbox, folder: &KindsFolder) -> Result<(Component, Arc<Kind>), String> {
        let component = self.component.map_err(|error| format!("{error:#}"))?;
        match component.load(sandbox, folder).await {
            Ok(kind) => Ok((component, kind)),
            Err(error) => Err(format!("{error:#}")),
        }
    }
}

/// The kinds that ship.
pub(crate) fn shipped() -> Vec<(&'static str, Component)> {
    let component = |name: &str, wasm: &'static [u8]| Component {
        origin: Origin::Shipped,
        digest: digest_of(wasm),
        wasm: Cow::Borrowed(wasm),
        standing: Standing::Shipped,
        pinned: true,
        signature: None,
        name: Some(name.to_owned()),
        said: None,
    };
    taskwright_components::all().iter().map(|kind| (kind.name, component(kind.name, kind.wasm))).collect()
}

/// Whether a kind ships.
pub(crate) fn ships(name: &str) -> bool {
    taskwright_components::all().iter().any(|kind| kind.name == name)
}

/// Reads one file, with the signature beside it.
pub(crate) fn file(path: &Path, trust: &Trust) -> Result<Component> {
    let wasm = read_file(path)?;
    judged(Origin::File(path.to_owned()), wasm, signature_beside(path)?, trust, false)
}

/// Reads what `kinds/` has under a digest.
pub(crate) fn by_digest(folder: &KindsFolder, digest: &str, trust: &Trust) -> Result<Component> {
    let shipped = shipped().into_iter().map(|(_, component)| component).find(|component| component.digest == digest);
    if let Some(component) = shipped {
        return Ok(component);
    }
    let (wasm, signature) = folder.read(digest)?;
    let name = folder.index()?.get(digest).map(|installed| installed.kind.clone());
    let said = folder.said(digest)?;
    Ok(Component { name, said, ..judged(Origin::Installed, wasm, signature, trust, true)? })
}

/// A component that was read, if the operator's trust allows it.
pub(crate) fn judged(
    origin: Origin,
    wasm: Vec<u8>,
    signature: Option<String>,
    trust: &Trust,
    pinned: bool,
) -> Result<Component> {
    let standing = trust.judge(&origin.to_string(), &wasm, signature.as_deref())?;
    let (digest, wasm) = (digest_of(&wasm), Cow::Owned(wasm));
    Ok(Component { digest, origin, wasm, standing, pinned, signature, name: None, said: None })
}

/// What new tasks run of what lies in `kinds/`: what is installed, and behind it what was put there by hand.
pub(crate) fn installed(folder: &KindsFolder, trust: &Trust) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for installed in folder.index()?.kinds.iter().filter(|installed| installed.newest) {
        let component = by_digest(folder, &installed.digest, trust)
            .with_context(|| format!("the installed kind `{}`", installed.kind));
        found.push(Found { origin: Origin::Installed, name: Some(installed.kind.clone()), component });
    }
    for path in folder.dropped()? {
        found.push(Found { component: file(&path, trust), origin: Origin::File(path), name: None });
    }
    Ok(found)
}

/// Everything that is a kind without being named as a file: what ships, and behind it what lies in `kinds/`.
pub(crate) fn known(folder: &KindsFolder, trust: &Trust) -> Result<Vec<Found>> {
    let shipped = shipped().into_iter().map(|(name, component)| Found {
        origin: component.origin.clone(),
        name: Some(name.to_owned()),
        component: Ok(component),
    });
    Ok(shipped.chain(installed(folder, trust)?).collect())
}

/// Adds the one kind that a command needs: the file's, or the one of that name. It is granted nothing yet.
pub(crate) async fn add_one(
    runner: &Runner,
    home: &Home,
    trust: &Trust,
    name: Option<&str>,
    path: Option<&Path>,
    out: Output,
) -> Result<(Arc<Kind>, Component)> {
    let (sandbox, folder) = (runner.sandbox()?, home.kinds());
    if let Some(path) = path {
        let component = file(path, trust)?;
        let kind = component.load(&sandbox, &folder).await?;
        let says = &kind.description().kind;
        if let Some(name) = name.filter(|name| name != says) {
            return Err(refused(format!(
                "{} is the kind `{says}`, not `{name}`; leave the name out or name the right file",
                component.origin
            )));
        }
        check_not_shipped(&component, says)?;
        return Ok((add(runner, kind)?, component));
    }
    let name = name.ok_or_else(|| refused("name a kind, or a file with --kind FILE"))?;
    let known = known(&folder, trust)?;
    let mut names = Vec::new();
    let (named, dropped): (Vec<_>, Vec<_>) = known.into_iter().partition(|found| found.name.is_some());
    for found in named {
        if found.name.as_deref() == Some(name) {
            let component = found.component?;
            let kind = component.load(&sandbox, &folder).await?;
            return Ok((add(runner, kind)?, component));
        }
        names.extend(found.name);
    }
    for found in dropped {
        match found.load(&sandbox, &folder).await {
            Ok((component, kind)) if kind.description().kind == name => return Ok((add(runner, kind)?, component)),
            Ok((_, kind)) => names.push(kind.description().kind.clone()),
            Err(problem) => out.notice(&format!("{problem}; passed over")),
        }
    }
    Err(unknown(name, names))
}

fn add(runner: &Runner, kind: Arc<Kind>) -> Result<Arc<Kind>> {
    // What it may do is settled when it is known what it wants.
    runner.add_loaded_kind(kind.clone(), KindSettings::default().runs_elsewhere())?;
    Ok(kind)
}

/// Refuses a component of somebody else's that calls itself by the name of a kind that ships.
pub(crate) fn check_not_shipped(component: &Component, name: &str) -> Result<()> {
    let is_other = |(shipped, shipping): &(&str, Component)| *shipped == name && shipping.digest != component.digest;
    if shipped().iter().any(is_other) {
        return Err(refused(format!(
            "{}: the kind `{name}` is part of this program; a kind of your own needs another name",
            taskwright_registry::clean_line(&component.origin.to_string(), 400)
        )));
    }
    Ok(())
}

/// The error about a kind that nobody knows.
pub(crate) fn unknown(name: &str, known: Vec<String>) -> anyhow::Error {
    let own = "A kind of your own is given with --kind FILE, or installed with `taskwright kinds install FILE`";
    unknown_with(name, known, own)
}

/// The same with advice about a kind of one's own.
pub(crate) fn unknown_with(name: &str, mut known: Vec<String>, own: &str) -> anyhow::Error {
    known.sort();
    known.dedup();
    let name = taskwright_registry::clean_line(name, 80);
    let known = known.join(", ");
    refused(format!("there is no kind `{name}`; the known ones are: {known}. {own}"))
}

/// The names that are known without loading anything: of what ships, and of what is installed for new tasks.
pub(crate) fn names(home: &Home) -> Result<Vec<String>> {
    let mut names: Vec<String> = taskwright_components::all().iter().map(|kind| kind.name.to_owned()).collect();
    names.extend(home.kinds().index()?.kinds.into_iter().filter(|kind| kind.newest).map(|kind| kind.kind));
    Ok(names)
}

/// Refuses a name that is nowhere before anything is made, where that can be told cheaply.
pub(crate) fn check_name(home: &Home, name: Option<&str>, path: Option<&Path>) -> Result<()> {
    match (name, path) {
        (_, Some(path)) if !path.exists() => Err(not_found(format!("there is no file {}", path.display()))),
        (Some(name), None) => {
            let known = names(home)?;
            if known.iter().any(|known| known == name) || !home.kinds().dropped()?.is_empty() {
                return Ok(());
            }
            Err(unknown(name, known))
        }
        _ => Ok(()),
    }
}

/// Whether the code of a digest is here.
pub(crate) fn is_here(home: &Home, digest: &str) -> bool {
    home.kinds().has(digest) || shipped().iter().any(|(_, component)| component.digest == digest)
}
