//! A kind that a runner knows, wherever its code comes from.
//! Does not run anything: an `Instance` does.

use std::sync::Arc;

use serde_json::Value;
use taskwright_registry::{Budget, Description, Recovery, Schema, SchemaViolation, Task, Timestamp};
use taskwright_sandbox::{Allowance, AttemptHost, Grants, LiveGrants, LoadError, check_description};

use crate::instance::Instance;
use crate::native_instance::NativeInstance;
use crate::{KindSettings, NativeKind};

/// What a catalog holds.
#[derive(Clone)]
pub(crate) struct Kind {
    description: Arc<Description>,
    code: Code,
}

#[derive(Clone)]
enum Code {
    Component {
        kind: Arc<taskwright_sandbox::Kind>,
        settings: Box<KindSettings>,
        budget: Box<Budget>,
        grants: LiveGrants,
    },
    Native {
        kind: Arc<dyn NativeKind>,
        schema: Schema,
    },
}

impl Kind {
    /// A component, with what the operator allows it.
    pub(crate) fn component(kind: Arc<taskwright_sandbox::Kind>, settings: KindSettings) -> Self {
        let description = Arc::new(kind.description().clone());
        let budget = Box::new(kind.default_budget().replaced_by(&settings.budget));
        kind.keep_ways(&settings.grants);
        let grants = wanted(&description, &settings.grants).into();
        Self { description, code: Code::Component { kind, settings: Box::new(settings), budget, grants } }
    }

    /// Changes what the operator allows it. Grants hold for instances that exist from their next call on, the budget for
    /// later ones.
    pub(crate) fn change_settings(&mut self, change: impl Fn(&mut KindSettings)) {
        if let Code::Component { kind, settings, budget, grants } = &mut self.code {
            change(settings);
            **budget = kind.default_budget().replaced_by(&settings.budget);
            kind.keep_ways(&settings.grants);
            grants.replace(wanted(&self.description, &settings.grants));
        }
    }

    /// Takes over what the operator allows the same code now.
    pub(crate) fn take_settings(&mut self, newer: &Self) {
        if let Code::Component { settings: newer, .. } = &newer.code {
            self.change_settings(|settings| settings.clone_from(newer));
        }
    }

    /// Code of this process. What it says of itself has to keep the same rules as what a component says.
    pub(crate) fn native(kind: Arc<dyn NativeKind>) -> Result<Self, LoadError> {
        let description = kind.description();
        let schema = check_description(&description)?;
        Ok(Self { description: Arc::new(description), code: Code::Native { kind, schema } })
    }

    pub(crate) fn description(&self) -> &Description {
        &self.description
    }

    /// Whether its tasks are run by this runner.
    pub(crate) fn runs_here(&self) -> bool {
        match &self.code {
            Code::Component { settings, .. } => !settings.runs_elsewhere,
            Code::Native { .. } => true,
        }
    }

    /// What its code is, for a person.
    pub(crate) fn origin(&self) -> String {
        match &self.code {
            Code::Component { kind, .. } => kind.digest().to_owned(),
            Code::Native { .. } => format!("native code, version {}", self.description.version),
        }
    }

    /// The digest of a component; `None` for native code.
    pub(crate) fn digest(&self) -> Option<&str> {
        match &self.code {
            Code::Component { kind, .. } => Some(kind.digest()),
            Code::Native { .. } => None,
        }
    }

    /// What the operator and the kind allow an attempt; `None` for code of this process.
    pub(crate) fn budget(&self) -> Option<Budget> {
        match &self.code {
            Code::Component { budget, .. } => Some(**budget),
            Code::Native { .. } => None,
        }
    }

    /// Whether both are certainly the same code. Of native code nobody can say so.
    pub(crate) fn is_same_code(&self, other: &Self) -> bool {
        match (&self.code, &other.code) {
            (Code::Component { kind: one, .. }, Code::Component { kind: two, .. }) => one.digest() == two.digest(),
            _ => false,
        }
    }

    /// What follows the loss of a host, as far as the kind's description allows.
    pub(crate) fn recovery(&self, spec: &Value) -> Recovery {
        if self.description.reattach.allows(spec) { Recovery::Reattach } else { Recovery::HostBound }
    }

    /// Whether its tasks take messages that answer no question.
    pub(crate) fn takes_messages(&self) -> bool {
        self.description.takes_messages
    }

    /// Checks a specification against the kind's schema.
    pub(crate) fn check_spec(&self, spec: &Value) -> Result<(), SchemaViolation> {
        match &self.code {
            Code::Component { kind, .. } => kind.check_spec(spec),
            Code::Native { schema, .. } => schema.check(spec),
        }
    }

    /// What an attempt of a task may use: what the operator allows the kind, or less where the task's creator says so. None
    /// for code of this process, which nothing limits.
    pub(crate) fn allowed(&self, task: &Task) -> Option<Budget> {
        match &self.code {
            Code::Component { budget, .. } => Some(budget.narrowed_by(&task.budget)),
            Code::Native { .. } => None,
        }
    }

    /// What the operator grants it. None for code of this process, which can do what its process can.
    pub(crate) fn grants(&self) -> Option<&LiveGrants> {
        match &self.code {
            Code::Component { grants, .. } => Some(grants),
            Code::Native { .. } => None,
        }
    }

    /// Makes an instance for one claim. Whether that worked, the first call says. It is granted no more than all the
    /// `bounds` are. Needs a tokio runtime.
    pub(crate) fn instantiate(
        &self,
        host: Arc<dyn AttemptHost>,
        task: &Task,
        bounds: Vec<LiveGrants>,
        now: Timestamp,
    ) -> Arc<dyn Instance> {
        match &self.code {
            Code::Component { kind, budget, grants, .. } => {
                let budget = budget.narrowed_by(&task.budget);
                let allowance = Allowance {
                    budget,
                    used: task.attempt_usage(&budget, now),
                    owner: Some(task.session_id.to_string()),
                };
                Arc::new(kind.instantiate(host, allowance, grants.within(bounds)))
            }
            Code::Native { kind, .. } => Arc::new(NativeInstance::begin(kind.clone(), host)),
        }
    }
}

/// What a kind gets: what the operator allows, as far as the kind wants it. A folder of the task's own needs no wish: there is
/// nothing in it but what the task puts there.
fn wanted(description: &Description, allowed: &Grants) -> Grants {
    let wants = |capability: &str, name: Option<&str>| {
        let mut wants = description.wants.iter().filter(|want| want.capability == capability);
        wants.any(|want| name.is_none_or(|name| want.name == name))
    };
    let mut granted = allowed.clone();
    granted.folders.retain(|folder| wants("files", Some(&folder.name)));
    granted.http.retain(|http| wants("http", Some(&http.name)));
    granted.spawner = granted.spawner.filter(|_| wants("spawner", None));
    granted
}

#[cfg(test)]
mod tests {
    use taskwright_registry::{Reattach, Want};
    use taskwright_sandbox::{FolderGrant, HttpGrant, SpawnGrant};

    use super::*;

    fn description(wants: &[(&str, &str)]) -> Description {
        let want = |(capability, name): &(&str, &str)| Want {
            capability: (*capability).to_owned(),
            name: (*name).to_owned(),
            reason: String::new(),
            required: false,
        };
        Description {
            kind: "k".to_owned(),
            version: "1.0.0".to_owned(),
            summary: String::new(),
            spec_schema: Value::Null,
            reattach: Reattach::Never,
            takes_messages: true,
            wants: wants.iter().map(want).collect(),
        }
    }

    #[test]
    fn a_kind_gets_what_the_operator_allows_and_it_wants() {
        let http = |name: &str| HttpGrant {
            name: name.to_owned(),
            targets: Vec::new(),
            methods: Vec::new(),
            private: false,
            secrets: Vec::new(),
        };
        let allowed = Grants {
            folders: vec![FolderGrant::read("a", "/a"), FolderGrant::read("b", "/b")],
            task_folder: true,
            http: vec![http("a"), http("api")],
            spawner: Some(SpawnGrant::new(Vec::new())),
        };
        let got = wanted(&description(&[("files", "a"), ("http", "api"), ("http", "b")]), &allowed);
        assert_eq!(got.folders, [FolderGrant::read("a", "/a")], "a folder `b` was not asked for");
        assert_eq!((got.http, got.spawner, got.task_folder), (vec![http("api")], None, true));
        let got = wanted(&description(&[("spawner", "children")]), &allowed);
        assert!(got.folders.is_empty() && got.http.is_empty() && got.spawner.is_some());
    }
}
