//! A kind: verified, compiled, linked and described.
//! Does not hold anything of a task.

use std::sync::Arc;

use serde_json::Value;
use taskwright_registry::{Description, Schema, SchemaViolation};

use crate::{AttemptHost, Budget, Grants, Instance};

/// A kind that is ready to be instantiated.
#[derive(Debug)]
pub struct Kind {
    description: Description,
    schema: Schema,
    digest: String,
    budget: Budget,
    imports: Vec<String>,
    exports: Vec<String>,
    contract_version: String,
}

impl Kind {
    /// What the kind says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What an attempt may use: the kind's wishes within the operator's limits.
    #[must_use]
    pub fn default_budget(&self) -> &Budget {
        &self.budget
    }

    /// What the component imports.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// What the component exports.
    #[must_use]
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// The version of the contract that the component was made for.
    #[must_use]
    pub fn contract_version(&self) -> &str {
        &self.contract_version
    }

    /// Checks a specification against the kind's schema.
    ///
    /// # Errors
    /// The first violation, with its place.
    pub fn check_spec(&self, spec: &Value) -> Result<(), SchemaViolation> {
        self.schema.check(spec)
    }

    /// Makes an instance for one attempt. It starts to exist at once; whether that worked, the first call says.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn instantiate(self: &Arc<Self>, _host: Arc<dyn AttemptHost>, _budget: Budget, _grants: Grants) -> Instance {
        Instance
    }
}
