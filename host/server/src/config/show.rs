//! The configuration as it holds, defaults included, in the form of the file itself.
//! Does not hold secrets: it names where they are.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use serde::Serialize;
use taskwright_registry::{Budget, Dimension, Unit};
use taskwright_sandbox::SpawnGrant;

use super::Config;
use super::kind::{AccessConfig, KindConfig, SpawnerConfig};
use super::secret::SecretSource;

/// Everything that holds.
#[derive(Debug, Serialize)]
pub(crate) struct Effective {
    require_signature: bool,
    trusted_keys: Vec<String>,
    host: Host,
    budget: Limits,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    kinds: BTreeMap<String, Kind>,
}

type Limits = BTreeMap<&'static str, Figure>;

/// A text where it says exactly what the number does.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Figure {
    Number(u64),
    Text(String),
}

#[derive(Debug, Serialize)]
struct Host {
    slots: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_slots: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_limit: Option<usize>,
    lease: String,
    keep: String,
    drain_grace: String,
    max_crashes: u32,
    progress_interval: String,
    output_log: Figure,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_free: Option<Figure>,
    max_instances: u32,
    max_guest_memory: Figure,
}

#[derive(Debug, Serialize)]
struct Kind {
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
    task_folder: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    budget: Limits,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    folders: BTreeMap<String, Folder>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    http: Vec<Http>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spawner: Option<Spawner>,
}

#[derive(Debug, Serialize)]
struct Folder {
    path: String,
    access: AccessConfig,
}

#[derive(Debug, Serialize)]
struct Http {
    name: String,
    allow: Vec<String>,
    methods: Vec<String>,
    private: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    secrets: BTreeMap<String, Source>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    Env(String),
    File(String),
}

#[derive(Debug, Serialize)]
struct Spawner {
    kinds: Vec<String>,
    max_depth: u32,
    max_live: u32,
    per_minute: u32,
    delegates: Vec<String>,
}

/// What holds, with whole paths.
pub(crate) fn effective(config: &Config) -> Effective {
    let most = config.most();
    Effective {
        require_signature: config.file.require_signature,
        trusted_keys: config.file.trusted_keys.iter().map(ToString::to_string).collect(),
        host: host(config),
        budget: limits(&most),
        kinds: config.file.kinds.iter().map(|(name, kind)| (name.0.clone(), one(config, kind))).collect(),
    }
}

fn host(config: &Config) -> Host {
    let runner = config.runner();
    Host {
        slots: runner.slots,
        session_slots: runner.session_slots,
        session_limit: runner.shared_limits.session,
        lease: time(runner.lease.millis()),
        keep: runner.retention.map_or_else(|| "forever".to_owned(), span),
        drain_grace: span(runner.drain_grace),
        max_crashes: runner.crash_limit,
        progress_interval: span(runner.progress_interval),
        output_log: size(runner.output_log_bytes),
        keep_free: runner.keep_free_bytes.map(size),
        max_instances: runner.sandbox.max_instances,
        max_guest_memory: size(runner.sandbox.guest_memory_bytes),
    }
}

fn one(config: &Config, kind: &KindConfig) -> Kind {
    let whole = |path: &std::path::Path| config.base.join(path).display().to_string();
    let folders = kind
        .folders
        .iter()
        .map(|(name, folder)| (name.clone(), Folder { path: whole(&folder.path), access: folder.access }));
    let http = kind.http.iter().map(|http| Http {
        name: http.name.clone(),
        allow: http.allow.iter().map(|target| target.0.to_string()).collect(),
        methods: if http.methods.is_empty() {
            vec!["GET".to_owned(), "HEAD".to_owned()]
        } else {
            http.methods.iter().map(|method| method.0.clone()).collect()
        },
        private: http.private,
        secrets: http.secrets.iter().map(|(name, source)| (name.clone(), located(source, &whole))).collect(),
    });
    Kind {
        limit: kind.limit.map(NonZeroUsize::get),
        task_folder: kind.task_folder,
        budget: limits(&kind.budget.0),
        folders: folders.collect(),
        http: http.collect(),
        spawner: kind.spawner.as_ref().map(spawner),
    }
}

fn located(source: &SecretSource, whole: &impl Fn(&std::path::Path) -> String) -> Source {
    match source {
        SecretSource::Env(name) => Source::Env(name.clone()),
        SecretSource::File(path) => Source::File(whole(path)),
    }
}

fn spawner(spawner: &SpawnerConfig) -> Spawner {
    let SpawnGrant { kinds, max_depth, max_live, per_minute, delegates } = spawner.grant();
    Spawner { kinds, max_depth, max_live, per_minute, delegates }
}

fn limits(budget: &Budget) -> Limits {
    let one = |&dimension: &Dimension| {
        let limit = budget.get(dimension);
        let figure = match dimension.unit() {
            Unit::Bytes => size(limit),
            Unit::Milliseconds => Figure::Text(time(limit)),
            Unit::Count => Figure::Number(limit),
        };
        (limit != u64::MAX).then_some((dimension.as_str(), figure))
    };
    Dimension::ALL.iter().filter_map(one).collect()
}

fn size(bytes: u64) -> Figure {
    for (unit, name) in [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return Figure::Text(format!("{} {name}", bytes / unit));
        }
    }
    Figure::Number(bytes)
}

fn span(span: Duration) -> String {
    time(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

fn time(ms: u64) -> String {
    for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
        if ms >= unit && ms.is_multiple_of(unit) {
            return format!("{} {name}", ms / unit);
        }
    }
    format!("{ms} ms")
}
