//! Whether what was allowed when a request began is still allowed now.
//! Does not decide: it asks the same policy the same question again.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::destination::Destination;
use super::error::HttpError;
use super::policy::Asker;
use crate::{Grants, LiveGrants};

/// A request that was allowed.
pub(crate) struct Standing {
    pub(crate) asker: Arc<Asker>,
    pub(crate) grants: LiveGrants,
    /// The grants by which it was allowed last.
    pub(crate) seen: Arc<Grants>,
    pub(crate) method: http::Method,
    pub(crate) to: Destination,
    pub(crate) secrets: BTreeSet<String>,
    pub(crate) address: IpAddr,
    /// Whether that is one of this machine.
    pub(crate) own: bool,
}

impl Standing {
    /// Refuses what was allowed and is not any more.
    pub(crate) fn check(&mut self) -> Result<(), HttpError> {
        let current = self.grants.current();
        if Arc::ptr_eq(&current, &self.seen) {
            return Ok(());
        }
        let allowed = self.asker.judge(&current.http, &self.method, &self.to, &self.secrets)?;
        self.asker.judge_address(&allowed, &self.to, self.address, self.own)?;
        drop(allowed);
        self.seen = current;
        Ok(())
    }
}
