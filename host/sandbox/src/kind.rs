//! A kind: verified, compiled, linked and described.
//! Does not hold anything of a task.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use taskwright_registry::{Description, SchemaViolation};
use tokio::sync::Semaphore;
use wasmtime::Engine;

use crate::describe::Described;
use crate::engine_places::{EnginePlaces, Needs};
use crate::executor::ExecutorPre;
use crate::file_thread::FilePools;
use crate::http::{Asker, Client};
use crate::life::{Plan, Shared};
use crate::meter::Meter;
use crate::shared_pool::SharedPool;
use crate::verify::Outside;
use crate::{Allowance, AttemptHost, Budget, Grants, Instance, LiveGrants, ProtectedPaths, SelfDescription};

/// A kind that is ready to be instantiated.
pub struct Kind {
    pub(crate) engine: Engine,
    pub(crate) bound: ExecutorPre,
    pub(crate) http: Arc<Client>,
    pub(crate) protected: ProtectedPaths,
    pub(crate) room: Arc<Semaphore>,
    pub(crate) memory: Arc<SharedPool>,
    pub(crate) file_pools: FilePools,
    pub(crate) places: Arc<EnginePlaces>,
    pub(crate) needs: Needs,
    pub(crate) max_instances: u32,
    pub(crate) described: Described,
    pub(crate) digest: String,
    pub(crate) budget: Budget,
    pub(crate) outside: Outside,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Kind");
        debug.field("kind", &self.described.said.description.kind).field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Kind {
    /// Keeps the ways to folders that are about to be granted: what a guest can change in one grant must not change where
    /// another one leads.
    pub fn keep_ways(&self, grants: &Grants) {
        for folder in &grants.folders {
            // One that cannot be followed cannot be opened for the guest either, which is told then.
            if let Err(error) = self.protected.keep_way(&folder.host_path) {
                tracing::debug!(folder = %folder.host_path.display(), %error, "the way to a granted folder cannot be followed");
            }
        }
    }

    /// What the kind says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.described.said.description
    }

    /// The whole of it, to be kept beside the digest.
    #[must_use]
    pub fn self_description(&self) -> &SelfDescription {
        &self.described.said
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

    /// What the kind wishes for an attempt; without a limit where it wishes nothing.
    #[must_use]
    pub fn wishes(&self) -> &Budget {
        &self.described.said.wishes
    }

    /// What the component imports.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.outside.imports
    }

    /// What the component exports.
    #[must_use]
    pub fn exports(&self) -> &[String] {
        &self.outside.exports
    }

    /// The version of the contract that the component was made for.
    #[must_use]
    pub fn contract_version(&self) -> &str {
        &self.outside.contract_version
    }

    /// Checks a specification against the kind's schema.
    ///
    /// # Errors
    /// The first violation, with its place.
    pub fn check_spec(&self, spec: &Value) -> Result<(), SchemaViolation> {
        self.described.schema.check(spec)
    }

    /// On whose behalf requests over HTTP are judged.
    fn asker(&self) -> Asker {
        let Description { kind, wants, .. } = self.description();
        let want = wants.iter().find(|want| want.capability == "http").map(|want| want.name.clone());
        Asker { kind: kind.clone(), want }
    }

    /// Makes an instance for one attempt. It starts to exist at once; whether that worked, the first call says. Grants that
    /// are replaced later hold from its next call on.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn instantiate(
        self: &Arc<Self>,
        host: Arc<dyn AttemptHost>,
        allowance: impl Into<Allowance>,
        grants: impl Into<LiveGrants>,
    ) -> Instance {
        let wants = &self.described.said.description.wants;
        let allowance = allowance.into();
        let memory = self.memory.share(allowance.owner.as_deref());
        let plan = Plan {
            engine: self.engine.clone(),
            kind: self.bound.clone(),
            host,
            grants: grants.into(),
            http: self.http.clone(),
            asker: Arc::new(self.asker()),
            protected: self.protected.clone(),
            wants_own_folder: wants.iter().any(|want| want.capability == "files" && want.name == "task"),
            room: self.room.clone(),
            places: self.places.share(allowance.owner.as_deref(), self.needs, memory.clone()),
            memory,
            owner: allowance.owner.as_deref().map(Arc::from),
            file_places: None,
            file_share: self.file_pools.share(allowance.owner.as_deref()),
            max_instances: self.max_instances,
        };
        Instance::begin(plan, Arc::new(Shared::new(Arc::new(Meter::new(allowance)))))
    }
}
