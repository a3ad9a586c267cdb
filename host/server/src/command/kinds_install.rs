//! `kinds install`: checks components and puts them into the home's `kinds/`, all or none.
//! Does not run a task of them, and does not replace what is installed: `kinds upgrade` does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::json;
use taskwright_registry::clean_line;
use taskwright_sandbox::{Kind, Sandbox};

use super::Context;
use crate::cli::InstallArgs;
use crate::config::Config;
use crate::exit_code::{Exit, not_found, refused};
use crate::kind_source::{self, Component, Origin};
use crate::kinds_folder::{Installed, KindsFolder, digest_of, read_file, read_signature, signature_beside};
use crate::trust::Standing;
use crate::{grant, render};

/// `kinds install`.
pub(crate) async fn install(context: &Context, args: &InstallArgs) -> Result<Exit> {
    let config = context.config()?;
    let paths = paths(args)?;
    let sandbox = context.home.sandbox(config)?;
    let mut all = Vec::new();
    for path in &paths {
        let digest = args.digest.as_deref();
        all.push(checked(&sandbox, config, path, digest, args.signature.as_deref()).await?);
    }
    for (at, one) in all.iter().enumerate() {
        let name = &one.kind.description().kind;
        if args.name.as_ref().is_some_and(|wanted| wanted != name) {
            return Err(refused(format!(
                "{} is the kind `{name}`, not `{}`",
                one.shown(),
                args.name.as_deref().unwrap_or_default()
            )));
        }
        if kind_source::ships(name) {
            return Err(refused(format!(
                "{}: the kind `{name}` is part of this program; a kind of your own needs another name",
                one.shown()
            )));
        }
        if let Some(other) = all[..at].iter().find(|other| other.kind.description().kind == *name) {
            return Err(refused(format!(
                "{} and {} are both the kind `{name}`; nothing was installed",
                other.shown(),
                one.shown()
            )));
        }
    }
    let folder = context.home.kinds();
    let fresh = folder.change(|index| {
        let mut fresh = Vec::new();
        for one in &all {
            let new = one.entry()?;
            match index.newest(&new.kind) {
                Some(present) if present.digest == new.digest => {
                    // Perhaps its file was harmed: it is written again.
                    one.put(&folder)?;
                    index.write_down(&new.digest, one.kind.self_description())?;
                    fresh.push(false);
                }
                Some(present) => {
                    return Err(refused(format!(
                        "the kind `{}` is installed already, version {}, {}; `taskwright kinds upgrade FILE` replaces it",
                        new.kind, present.version, present.digest
                    )));
                }
                None => {
                    one.put(&folder)?;
                    index.install(new);
                    fresh.push(true);
                }
            }
        }
        Ok(fresh)
    })?;
    for (one, fresh) in all.iter().zip(fresh) {
        one.tell(context, if fresh { "installed" } else { "already installed" })?;
    }
    Ok(Exit::Succeeded)
}

/// The files that are meant.
fn paths(args: &InstallArgs) -> Result<Vec<PathBuf>> {
    if !args.path.exists() {
        return Err(not_found(format!("there is no {}", args.path.display())));
    }
    if !args.path.is_dir() {
        return Ok(vec![args.path.clone()]);
    }
    if args.digest.is_some() || args.signature.is_some() || args.name.is_some() {
        return Err(refused("--name, --digest and --signature are about one file; name that instead of a folder"));
    }
    let paths = KindsFolder::new(args.path.clone()).dropped()?;
    if paths.is_empty() {
        return Err(refused(format!("there is no *.wasm in {}", args.path.display())));
    }
    Ok(paths)
}

/// A component that may be installed.
pub(crate) struct Checked {
    pub(crate) component: Component,
    pub(crate) kind: Arc<Kind>,
}

/// Reads a component, and refuses one that is not the one that is meant, not signed as the operator demands, or no kind.
pub(crate) async fn checked(
    sandbox: &Sandbox,
    config: &Config,
    path: &Path,
    digest: Option<&str>,
    signature: Option<&Path>,
) -> Result<Checked> {
    let wasm = read_file(path)?;
    let shown = path.display().to_string();
    let actual = digest_of(&wasm);
    if let Some(expected) = digest.filter(|expected| *expected != actual) {
        return Err(refused(format!(
            "{shown}: expected {expected}, found {actual}; it is not the file that was meant"
        )));
    }
    let signature = match signature {
        Some(path) => Some(read_signature(path)?),
        None => signature_beside(path)?,
    };
    let component = kind_source::judged(Origin::File(path.to_owned()), wasm, signature, &config.trust(), true)?;
    // A file that nobody has accepted: it is asked.
    let kind = sandbox.load(&component.wasm).await.context(shown)?;
    Ok(Checked { component, kind })
}

impl Checked {
    fn shown(&self) -> String {
        clean_line(&self.component.origin.to_string(), 400)
    }

    /// Its line in the index, as the newest of its kind.
    pub(crate) fn entry(&self) -> Result<Installed> {
        let about = self.kind.description();
        let from = match &self.component.origin {
            Origin::File(path) => std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string(),
            other => other.to_string(),
        };
        Ok(Installed {
            kind: about.kind.clone(),
            version: about.version.clone(),
            digest: self.component.digest.clone(),
            newest: true,
            installed_at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            from,
            signed_by: match &self.component.standing {
                Standing::Signed(key) => Some(key.clone()),
                _ => None,
            },
            imports: self.kind.imports().to_vec(),
            wants: about.wants.clone(),
            said: Some(self.kind.self_description().to_json()?),
        })
    }

    /// Puts its bytes and its signature into the folder, where nobody finds them before the index names them.
    pub(crate) fn put(&self, folder: &KindsFolder) -> Result<()> {
        let Component { digest, wasm, signature, .. } = &self.component;
        folder.keep(digest, wasm, signature.as_deref(), None)
    }

    /// Says what was done and what is left to do.
    pub(crate) fn tell(&self, context: &Context, done: &str) -> Result<()> {
        let (about, config) = (self.kind.description(), context.config()?);
        let settings = grant::settings(config, &about.kind, &[])?;
        let missing: Vec<String> = about
            .wants
            .iter()
            .filter(|want| !settings.grants.hold(want))
            .map(|want| {
                let need = if want.required { "needs" } else { "would like" };
                let (capability, name) = (clean_line(&want.capability, 40), clean_line(&want.name, 80));
                format!(
                    "it {need} {capability} `{name}` ({}): {}",
                    clean_line(&want.reason, 200),
                    grant::how(&about.kind, want)
                )
            })
            .collect();
        if context.out.is_json() {
            context.out.json(&json!({
                "done": done,
                "kind": about.kind,
                "version": about.version,
                "digest": self.component.digest,
                "signature": self.component.standing.to_string(),
                "bytes": self.component.wasm.len(),
                "missing": missing,
            }))?;
            return Ok(());
        }
        context.out.line(&format!(
            "{done} {} {} {} ({}, {})",
            about.kind,
            clean_line(&about.version, 64),
            self.component.digest,
            render::bytes(self.component.wasm.len() as u64),
            self.component.standing
        ))?;
        for line in missing {
            context.out.line(&format!("  {line}"))?;
        }
        Ok(())
    }
}
