//! The kinds that `serve` serves: what the configuration and `kinds/` say, put into a runner, and again when they change.
//! Does not notice changes: `watched_files` does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use taskwright_registry::clean_line;
use taskwright_runner::{KindSettings, Runner};
use taskwright_store::Store;

use crate::config::Config;
use crate::exit_code::refused;
use crate::grant::{self, Grant};
use crate::home::Home;
use crate::kind_source::{self, Component, Origin};
use crate::output::Output;

/// What is served.
pub(crate) struct Served {
    home: Home,
    out: Output,
    runner: Runner,
    store: Arc<dyn Store>,
    files: Vec<PathBuf>,
    grants: Vec<Grant>,
    /// The digest of what new tasks of a kind run.
    newest: BTreeMap<String, String>,
    /// Kinds and code of theirs that is kept for tasks that began with it.
    kept: BTreeSet<(String, String)>,
    /// What was said already, so that a change elsewhere does not say it again.
    said: BTreeSet<String>,
}

/// A kind that can be served.
struct Ready {
    component: Component,
    settings: KindSettings,
}

impl Served {
    /// Nothing is served yet.
    pub(crate) fn new(
        home: Home,
        out: Output,
        runner: Runner,
        store: Arc<dyn Store>,
        files: Vec<PathBuf>,
        grants: Vec<Grant>,
    ) -> Self {
        let (newest, kept, said) = Default::default();
        Self { home, out, runner, store, files, grants, newest, kept, said }
    }

    /// The kinds that are served.
    pub(crate) fn names(&self) -> Vec<String> {
        self.newest.keys().cloned().collect()
    }

    /// Serves what a configuration and the files say now. Nothing has changed if it cannot.
    pub(crate) async fn apply(&mut self, config: &Config) -> Result<()> {
        let mut said = BTreeSet::new();
        let ready = self.ready(config, &mut said).await?;
        // From here on nothing of the operator's can be wrong.
        for name in self.names() {
            if !ready.contains_key(&name) {
                self.runner.remove_kind(&name);
                self.newest.remove(&name);
                self.kept.retain(|(kind, _)| *kind != name);
                said.insert(format!("`{name}` is no longer served; its instances go on"));
            }
        }
        for (name, ready) in &ready {
            let Component { digest, wasm, signature, origin, .. } = &ready.component;
            if self.newest.get(name) == Some(digest) {
                self.runner.set_settings(name, ready.settings.clone())?;
            } else {
                self.runner.upgrade_kind(wasm, ready.settings.clone()).await.with_context(|| origin.to_string())?;
                if self.newest.insert(name.clone(), digest.clone()).is_some() {
                    self.out.notice(&format!("new tasks of `{name}` run {digest}"));
                }
            }
            // Tasks that begin with it may outlive what it came from: a file, or this program's own version. What is
            // installed is there already, and must not come back if it is removed at this moment.
            if *origin != Origin::Installed {
                self.home.kinds().keep(digest, wasm, signature.as_deref())?;
            }
        }
        self.keep_what_tasks_need(config, &mut said).await?;
        for line in said.difference(&self.said) {
            self.out.notice(line);
        }
        self.said = said;
        Ok(())
    }

    /// The kinds that can be served, by name.
    async fn ready(&self, config: &Config, said: &mut BTreeSet<String>) -> Result<BTreeMap<String, Ready>> {
        let (folder, trust) = (self.home.kinds(), config.trust());
        // A kind is looked at before it is added: what lacks a grant is left out, and its tasks stay queued rather than fail.
        let looking = self.home.sandbox(config)?;
        let mut loaded = Vec::new();
        for found in kind_source::known(&folder, &trust)? {
            match found.load(&looking).await {
                Ok(one) => loaded.push(one),
                Err(problem) => {
                    said.insert(format!("not served: {problem}"));
                }
            }
        }
        for path in &self.files {
            // A guest that could change it would be another one from then on.
            self.home.own_paths()?.add(path)?;
            let component = kind_source::file(path, &trust)?;
            // A file that somebody has named is meant: what is wrong with it is not passed over.
            let kind = looking.load(&component.wasm).await.with_context(|| component.origin.to_string())?;
            loaded.push((component, kind));
        }
        let mut ready: BTreeMap<String, Ready> = BTreeMap::new();
        for (component, kind) in loaded {
            let about = kind.description();
            if let Some(present) = ready.get(&about.kind).filter(|present| present.component.digest != component.digest)
            {
                return Err(refused(format!(
                    "the kind `{}` is there twice: {} and {}. Remove one of them",
                    about.kind, present.component.origin, component.origin
                )));
            }
            let settings = grant::allowed(&self.home, config, &about.kind, &self.grants)?;
            match grant::missing(about, &settings) {
                Some(problem) => {
                    said.insert(format!("not served: {problem}"));
                }
                None => {
                    ready.insert(about.kind.clone(), Ready { component, settings });
                }
            }
        }
        let mut unknown: BTreeSet<&str> = config.file.kinds.keys().map(|name| name.0.as_str()).collect();
        unknown
            .retain(|name| !ready.contains_key(*name) && !said.iter().any(|line| line.contains(&format!("`{name}`"))));
        for name in unknown {
            said.insert(format!("{} has a table for the kind `{name}`, which is not there", crate::config::FILE));
        }
        Ok(ready)
    }

    /// Adds the older code that live tasks began with, as far as it is there.
    async fn keep_what_tasks_need(&mut self, config: &Config, said: &mut BTreeSet<String>) -> Result<()> {
        let (folder, trust) = (self.home.kinds(), config.trust());
        for in_use in self.store.code_in_use().await? {
            let Some(code) = in_use.code else { continue };
            if self.newest.get(&in_use.kind) == Some(&code) {
                continue;
            }
            let kind = clean_line(&in_use.kind, 80);
            let kept = (in_use.kind.clone(), code.clone());
            if !self.kept.contains(&kept) {
                if !folder.has(&code) {
                    said.insert(format!(
                        "{} tasks of `{kind}` began with {code}, which is not here: they wait until it is installed again",
                        in_use.tasks
                    ));
                    continue;
                }
                let settings = grant::allowed(&self.home, config, &in_use.kind, &self.grants)?;
                let added = match kind_source::by_digest(&folder, &code, &trust) {
                    Ok(component) => self.runner.keep_kind(&component.wasm, settings).await.map_err(Into::into),
                    Err(error) => Err(error),
                };
                if let Err(error) = added {
                    said.insert(format!("{} tasks of `{kind}` began with {code} and wait: {error:#}", in_use.tasks));
                    continue;
                }
                self.kept.insert(kept);
            }
            // The kind may be there in older versions alone.
            self.runner.set_settings(&in_use.kind, grant::allowed(&self.home, config, &in_use.kind, &self.grants)?)?;
        }
        Ok(())
    }
}
