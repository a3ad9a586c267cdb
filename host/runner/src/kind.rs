//! A kind that a runner knows, wherever its code comes from.
//! Does not run anything: an `Instance` does.

use std::sync::Arc;

use serde_json::Value;
use taskwright_registry::{Description, Schema, SchemaViolation};
use taskwright_sandbox::{AttemptHost, LoadError, check_description};

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
    Component { kind: Arc<taskwright_sandbox::Kind>, settings: KindSettings },
    Native { kind: Arc<dyn NativeKind>, schema: Schema },
}

impl Kind {
    /// A component, with what the operator allows it.
    pub(crate) fn component(kind: Arc<taskwright_sandbox::Kind>, settings: KindSettings) -> Self {
        let description = Arc::new(kind.description().clone());
        Self { description, code: Code::Component { kind, settings } }
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

    /// Makes an instance for one claim. Whether that worked, the first call says. Needs a tokio runtime.
    pub(crate) fn instantiate(&self, host: Arc<dyn AttemptHost>) -> Arc<dyn Instance> {
        match &self.code {
            Code::Component { kind, settings } => {
                let budget = settings.budget.unwrap_or_else(|| *kind.default_budget());
                Arc::new(kind.instantiate(host, budget, settings.grants.clone()))
            }
            Code::Native { kind, .. } => Arc::new(NativeInstance::begin(kind.clone(), host)),
        }
    }
}
