//! A kind that a runner knows, wherever its code comes from.
//! Does not run anything: an `Instance` does.

use std::sync::Arc;

use serde_json::Value;
use taskwright_registry::{Budget, Description, Schema, SchemaViolation, Task, Timestamp};
use taskwright_sandbox::{Allowance, AttemptHost, LiveGrants, LoadError, check_description};

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
    Component { kind: Arc<taskwright_sandbox::Kind>, budget: Box<Budget>, grants: LiveGrants },
    Native { kind: Arc<dyn NativeKind>, schema: Schema },
}

impl Kind {
    /// A component, with what the operator allows it.
    pub(crate) fn component(kind: Arc<taskwright_sandbox::Kind>, settings: KindSettings) -> Self {
        let description = Arc::new(kind.description().clone());
        let budget = Box::new(kind.default_budget().replaced_by(&settings.budget));
        Self { description, code: Code::Component { kind, budget, grants: settings.grants.into() } }
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

    /// What its code is, for a person.
    pub(crate) fn origin(&self) -> String {
        match &self.code {
            Code::Component { kind, .. } => kind.digest().to_owned(),
            Code::Native { .. } => format!("native code, version {}", self.description.version),
        }
    }

    /// Whether both are certainly the same code. Of native code nobody can say so.
    pub(crate) fn is_same_code(&self, other: &Self) -> bool {
        match (&self.code, &other.code) {
            (Code::Component { kind: one, .. }, Code::Component { kind: two, .. }) => one.digest() == two.digest(),
            _ => false,
        }
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

    /// Makes an instance for one claim. Whether that worked, the first call says. Needs a tokio runtime.
    pub(crate) fn instantiate(&self, host: Arc<dyn AttemptHost>, task: &Task, now: Timestamp) -> Arc<dyn Instance> {
        match &self.code {
            Code::Component { kind, budget, grants } => {
                let budget = budget.narrowed_by(&task.budget);
                let allowance = Allowance {
                    budget,
                    used: task.attempt_usage(&budget, now),
                    owner: Some(task.session_id.to_string()),
                };
                Arc::new(kind.instantiate(host, allowance, grants.clone()))
            }
            Code::Native { kind, .. } => Arc::new(NativeInstance::begin(kind.clone(), host)),
        }
    }
}
