//! The kinds that `serve` serves: what the configuration and `kinds/` say, put into a runner, and again when they change.
//! Does not notice changes: `watched_files` does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use taskwright_registry::clean_line;
use taskwright_runner::{KindSettings, Runner};
use taskwright_sandbox::{Kind, Sandbox};
use taskwright_store::Store;

use crate::config::Config;
use crate::exit_code::refused;
use crate::grant::{self, Grant};
use crate::home::Home;
use crate::kind_source::{self, Component, Found, Origin};
use crate::output::Output;

/// What is served.
pub(crate) struct Served {
    home: Home,
    out: Output,
    runner: Runner,
    store: Arc<dyn Store>,
    /// Components that the command line names.
    files: Vec<PathBuf>,
    grants: Vec<Grant>,
    /// Whether the first look is over: what is wrong from then on concerns what is new, and ends nothing.
    begun: bool,
    /// What new tasks of a kind run.
    newest: BTreeMap<String, Newest>,
    /// Kinds and code of theirs that is kept for tasks that began with it.
    kept: BTreeSet<(String, String)>,
    /// What each kind was last allowed.
    settled: BTreeMap<String, KindSettings>,
    /// What was said already, so that a change elsewhere does not say it again.
    said: BTreeSet<String>,
}

/// The code that new tasks of a kind run.
struct Newest {
    origin: Origin,
    kind: Arc<Kind>,
}

/// A kind that can be served.
struct Ready {
    /// Absent if it is served already and its file cannot be had any more.
    component: Option<Component>,
    origin: Origin,
    kind: Arc<Kind>,
    settings: KindSettings,
}

/// Whose a name is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    origin: Origin,
    /// Absent if it cannot be loaded.
    digest: Option<String>,
}

/// Who has a claim to a name, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    Shipped,
    Installed,
    /// The command line names the file.
    Named,
    /// A file in `kinds/` whose kind is served now.
    Served,
    /// A file in `kinds/` whose kind was served before, perhaps by another process.
    Kept,
    /// Any other file in `kinds/`.
    New,
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
        let (newest, kept, settled, said) = Default::default();
        Self { home, out, runner, store, files, grants, begun: false, newest, kept, settled, said }
    }

    /// The kinds that are served.
    pub(crate) fn names(&self) -> Vec<String> {
        self.newest.keys().cloned().collect()
    }

    /// Serves what a configuration and the files say now.
    ///
    /// What the configuration says of kinds that are served already holds first, before any file is loaded: a grant that is
    /// taken back does not wait for a compiler. A kind for which it names something that cannot be had, such as a folder that is
    /// gone, keeps what it had of what is still named. What is wrong with a kind that is new leaves out only that one; at the first call, what is wrong with a file that the command line names, or
    /// with what the configuration says of a kind, is an error.
    pub(crate) async fn apply(&mut self, config: &Config) -> Result<()> {
        let mut said = BTreeSet::new();
        self.settle(config, &mut said)?;
        let ready = self.ready(config, &mut said).await?;
        for name in self.names() {
            if !ready.contains_key(&name) {
                self.leave_out(&name, &mut said);
            }
        }
        for (name, Ready { component, origin, kind, settings }) in ready {
            let (digest, said_of_itself) = (kind.digest().to_owned(), kind.self_description().clone());
            let before = self.newest.get(&name).map(|newest| newest.kind.digest().to_owned());
            if before.as_ref() == Some(&digest) {
                self.set(&name, settings)?;
            } else {
                self.runner.upgrade_loaded_kind(kind.clone(), settings.clone()).with_context(|| origin.to_string())?;
                self.settled.insert(name.clone(), settings);
                if before.is_some() {
                    self.out.notice(&format!("new tasks of `{name}` run {digest}"));
                }
            }
            // Tasks that begin with it may outlive what it came from: a file, or this program's own version. What is
            // installed is there already, and must not come back if it is removed at this moment.
            if let Some(Component { wasm, signature, .. }) = component
                && origin != Origin::Installed
            {
                self.home.kinds().keep(&digest, &wasm, signature.as_deref(), Some(&said_of_itself))?;
            }
            self.newest.insert(name, Newest { origin, kind });
        }
        self.keep_what_tasks_need(config, &mut said).await?;
        for line in said.difference(&self.said) {
            self.out.notice(line);
        }
        self.said = said;
        self.begun = true;
        Ok(())
    }

    /// What a kind is allowed now. One that was allowed something before keeps what is left of that if this cannot be said.
    fn allowed(&self, config: &Config, name: &str, said: &mut BTreeSet<String>) -> Result<KindSettings> {
        let error = match grant::allowed(&self.home, config, name, &self.grants) {
            Ok(settings) => return Ok(settings),
            Err(error) => error,
        };
        let Some(before) = self.settled.get(name) else { return Err(error) };
        let problem = clean_line(&format!("{error:#}"), 2_000);
        said.insert(format!("`{name}` keeps what it had of what it is still to have: {problem}"));
        Ok(grant::left_of(config, name, &self.grants, before))
    }

    /// Has settings hold for a kind, all its code, and all its instances.
    fn set(&mut self, name: &str, settings: KindSettings) -> Result<()> {
        self.runner.set_settings(name, settings.clone())?;
        self.settled.insert(name.to_owned(), settings);
        Ok(())
    }

    /// Has what the configuration says now hold for the kinds that are served already.
    fn settle(&mut self, config: &Config, said: &mut BTreeSet<String>) -> Result<()> {
        let names: BTreeSet<&String> = self.newest.keys().chain(self.kept.iter().map(|(kind, _)| kind)).collect();
        let mut all = Vec::new();
        for name in names {
            all.push((name.clone(), self.allowed(config, name, said)?));
        }
        for (name, settings) in all {
            let lacks = self.newest.get(&name).and_then(|now| grant::missing(now.kind.description(), &settings));
            // Also where it is left out then: its instances go on, without what was taken back.
            self.set(&name, settings)?;
            if lacks.is_some() {
                self.leave_out(&name, said);
            }
        }
        Ok(())
    }

    fn leave_out(&mut self, name: &str, said: &mut BTreeSet<String>) {
        self.runner.remove_kind(name);
        self.newest.remove(name);
        self.kept.retain(|(kind, _)| kind != name);
        said.insert(format!("`{name}` is no longer served; its instances go on"));
    }

    /// The kinds that can be served, by name.
    async fn ready(&mut self, config: &Config, said: &mut BTreeSet<String>) -> Result<BTreeMap<String, Ready>> {
        let (folder, trust, sandbox) = (self.home.kinds(), config.trust(), self.runner.sandbox()?);
        let known = kind_source::known(&folder, &trust)?;
        // What was removed is no longer served from here on, however long the rest takes.
        for name in self.names() {
            let is_there = |found: &Found| found.name.as_ref() == Some(&name);
            if self.newest[&name].origin == Origin::Installed && !known.iter().any(is_there) {
                self.leave_out(&name, said);
            }
        }
        let mut ready: BTreeMap<String, Ready> = BTreeMap::new();
        // Whose a name is, whether or not that one can be served: nobody comes into what another is granted because the
        // other is out of order.
        let mut owners: BTreeMap<String, Owner> = BTreeMap::new();
        let mut loaded = Vec::new();
        for found in known {
            let (shown, name) = (found.origin.to_string(), found.name);
            let candidate = match found.component {
                Ok(component) => self.load(&component, &sandbox).await.map(|kind| (component, kind)),
                Err(error) => Err(error),
            };
            match candidate {
                Ok((component, kind)) => loaded.push((self.claim(&component), component, kind)),
                Err(error) => {
                    said.insert(not_served(&shown, &error));
                    owners.extend(name.map(|name| (name, Owner { origin: found.origin, digest: None })));
                }
            }
        }
        for path in &self.files {
            // A guest that could change it would be another one from then on.
            self.home.own_paths()?.add(path)?;
            let candidate = match kind_source::file(path, &trust) {
                Ok(component) => self.load(&component, &sandbox).await.map(|kind| (component, kind)),
                Err(error) => Err(error),
            };
            match candidate {
                Ok((component, kind)) => loaded.push((Claim::Named, component, kind)),
                // A file that somebody has named is meant: what is wrong with it is not passed over.
                Err(error) if !self.begun => return Err(error),
                Err(error) => {
                    said.insert(not_served(&path.display().to_string(), &error));
                    if let Some((name, before)) = self.as_before(path, config, said)? {
                        let digest = Some(before.kind.digest().to_owned());
                        owners.insert(name.clone(), Owner { origin: before.origin.clone(), digest });
                        ready.insert(name, before);
                    }
                }
            }
        }
        // Within a claim by the names of the files.
        loaded.sort_by_key(|(claim, ..)| *claim);
        for (claim, component, kind) in loaded {
            let about = kind.description();
            let origin = component.origin.clone();
            let own = Owner { origin: origin.clone(), digest: Some(component.digest.clone()) };
            let owner = owners.entry(about.kind.clone()).or_insert_with(|| own.clone());
            if *owner != own {
                if owner.digest == own.digest {
                    continue;
                }
                let problem = format!(
                    "the kind `{}` is there twice: {} and {origin}. Remove one of them",
                    about.kind, owner.origin
                );
                let meant = claim == Claim::Named || self.files.iter().any(|file| owner.origin.is_file(file));
                if meant && !self.begun {
                    return Err(refused(problem));
                }
                said.insert(format!("not served: {origin}: {problem}"));
                continue;
            }
            let settings = match self.allowed(config, &about.kind, said) {
                Ok(settings) => settings,
                Err(error) if !self.begun => return Err(error),
                Err(error) => {
                    said.insert(not_served(&origin.to_string(), &error));
                    continue;
                }
            };
            match grant::missing(about, &settings) {
                Some(problem) => {
                    said.insert(format!("not served: {problem}"));
                }
                None => {
                    ready.insert(about.kind.clone(), Ready { component: Some(component), origin, kind, settings });
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

    /// A component, loaded; what is served already is not looked at again.
    async fn load(&self, component: &Component, sandbox: &Sandbox) -> Result<Arc<Kind>> {
        let served = self.newest.values().find(|newest| newest.kind.digest() == component.digest);
        match served {
            Some(newest) if component.name.as_ref().is_none_or(|name| *name == newest.kind.description().kind) => {
                Ok(newest.kind.clone())
            }
            _ => component.load(sandbox, &self.home.kinds()).await,
        }
    }

    /// Whose name it is if two have the same.
    fn claim(&self, component: &Component) -> Claim {
        let Component { origin, digest, .. } = component;
        match origin {
            Origin::Shipped => Claim::Shipped,
            Origin::Installed => Claim::Installed,
            Origin::File(_) if self.newest.values().any(|newest| newest.origin == *origin) => Claim::Served,
            Origin::File(_) if self.home.kinds().has(digest) => Claim::Kept,
            Origin::File(_) => Claim::New,
        }
    }

    /// What a file was served as before it became of no use.
    fn as_before(&self, path: &Path, config: &Config, said: &mut BTreeSet<String>) -> Result<Option<(String, Ready)>> {
        let Some((name, newest)) = self.newest.iter().find(|(_, newest)| newest.origin.is_file(path)) else {
            return Ok(None);
        };
        let settings = self.allowed(config, name, said)?;
        let (origin, kind) = (newest.origin.clone(), newest.kind.clone());
        Ok(Some((name.clone(), Ready { component: None, origin, kind, settings })))
    }

    /// Adds the older code that live tasks began with, as far as it is there.
    async fn keep_what_tasks_need(&mut self, config: &Config, said: &mut BTreeSet<String>) -> Result<()> {
        for in_use in self.store.code_in_use().await? {
            let Some(code) = in_use.code else { continue };
            if self.newest.get(&in_use.kind).is_some_and(|newest| newest.kind.digest() == code) {
                continue;
            }
            let kind = clean_line(&in_use.kind, 80);
            let kept = (in_use.kind.clone(), code.clone());
            if !self.kept.contains(&kept) {
                if !self.home.kinds().has(&code) {
                    said.insert(format!(
                        "{} tasks of `{kind}` began with {code}, which is not here: they wait until it is installed again",
                        in_use.tasks
                    ));
                    continue;
                }
                if let Err(error) = self.keep(&in_use.kind, &code, config).await {
                    said.insert(format!("{} tasks of `{kind}` began with {code} and wait: {error:#}", in_use.tasks));
                    continue;
                }
                self.kept.insert(kept);
            }
            // The kind may be there in older versions alone.
            let settings = self.allowed(config, &in_use.kind, said)?;
            self.set(&in_use.kind, settings)?;
        }
        Ok(())
    }

    /// Adds older code under the name that its tasks have.
    async fn keep(&self, name: &str, digest: &str, config: &Config) -> Result<()> {
        let folder = self.home.kinds();
        let settings = grant::allowed(&self.home, config, name, &self.grants)?;
        let component = kind_source::by_digest(&folder, digest, &config.trust())?;
        let kind = component.load(&self.runner.sandbox()?, &folder).await?;
        let says = &kind.description().kind;
        if says != name {
            return Err(refused(format!("it is the kind `{says}`")));
        }
        self.runner.keep_loaded_kind(kind, settings);
        Ok(())
    }
}

/// A line about a component that is left out. Most errors begin with where it comes from.
fn not_served(origin: &str, error: &anyhow::Error) -> String {
    let problem = format!("{error:#}");
    let told = if problem.contains(origin) { problem } else { format!("{origin}: {problem}") };
    format!("not served: {}", clean_line(&told, 2_000))
}
