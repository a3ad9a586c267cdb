//! One allowed target of requests: scheme, host or pattern of hosts, port.
//! Does not know addresses: those are checked after the name is resolved.

use std::fmt;
use std::str::FromStr;

use taskwright_registry::clean_line;

/// How to talk to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// The port where none is named.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }

    /// The scheme's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// Where requests may go: `https://api.example.com`, `https://*.example.com`, `http://127.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpTarget {
    /// How to talk to it.
    pub scheme: Scheme,
    /// A host name or address in lower case; `*.` before it stands for one or more labels more, and not for none.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A text that is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{actual}` is no target of requests: expected SCHEME://HOST or SCHEME://HOST:PORT, such as https://api.example.com"
)]
pub struct InvalidTarget {
    /// What was given.
    pub actual: String,
}

impl FromStr for HttpTarget {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || InvalidTarget { actual: clean_line(text, 200) };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(wrong()),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (rest, scheme.default_port()),
        };
        let usable = |c: char| c.is_ascii_alphanumeric() || "-.[]:*".contains(c);
        if host.is_empty() || !host.chars().all(usable) || host.trim_start_matches("*.").contains('*') || port == 0 {
            return Err(wrong());
        }
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        if *port == scheme.default_port() {
            write!(f, "{}://{host}", scheme.as_str())
        } else {
            write!(f, "{}://{host}:{port}", scheme.as_str())
        }
    }
}
