//! The addresses of this machine itself, public ones as well.
//! Does not judge them: `policy` does.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::address::leads_to;

/// How long the system's answer is believed: an interface that comes up counts after this long at the latest.
const FRESH: Duration = Duration::from_secs(5);

type Found = Arc<HashSet<IpAddr>>;

/// The addresses of this machine's interfaces, as the system said lately.
#[derive(Debug, Default)]
pub(crate) struct OwnAddresses {
    known: Mutex<Option<(Instant, Found)>>,
}

impl OwnAddresses {
    /// Whether an address leads to this machine, in whatever form. Asking the system takes some microseconds.
    pub(crate) fn hold(&self, address: IpAddr) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match &*known {
            Some((since, found)) if since.elapsed() < FRESH => found.clone(),
            _ => {
                let found = interfaces(known.as_ref().map(|(_, found)| found));
                *known = Some((Instant::now(), found.clone()));
                found
            }
        };
        drop(known);
        found.contains(&leads_to(address))
    }
}

/// Asks the system. Where it does not answer, what it said before stands.
fn interfaces(before: Option<&Found>) -> Found {
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => Arc::new(interfaces.iter().map(|interface| leads_to(interface.ip())).collect()),
        Err(error) => {
            tracing::warn!(%error, "the addresses of this machine cannot be listed");
            before.cloned().unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_machine_is_known_in_each_form() {
        let own = OwnAddresses::default();
        for text in ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"] {
            assert!(own.hold(text.parse().unwrap()), "{text}");
        }
        assert!(!own.hold("203.0.113.7".parse().unwrap()));
    }
}
