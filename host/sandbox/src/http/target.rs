//! One allowed target of requests: scheme, host or pattern of hosts, port.
//! Does not know addresses: those are checked after the name is resolved.

use std::fmt;
use std::str::FromStr;

use taskwright_registry::clean_line;

use super::destination::Destination;

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

    /// The host is brought into the form that a request's url is brought into: lower case, punycode, one spelling of an
    /// address, no dot at the end.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || InvalidTarget { actual: clean_line(text, 200) };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (pattern, rest) = match rest.strip_prefix("*.") {
            Some(rest) => ("*.", rest),
            None => ("", rest),
        };
        // What a url may have and a target has not. `%` would be decoded.
        if rest.contains(['/', '\\', '?', '#', '@', '*', '%']) || rest.ends_with(':') {
            return Err(wrong());
        }
        let found = Destination::parse(&format!("{scheme}://{rest}")).map_err(|_| wrong())?;
        let HttpTarget { scheme, host, port } = found.target().clone();
        if !pattern.is_empty() && found.address().is_some() {
            return Err(wrong());
        }
        Ok(Self { scheme, host: format!("{pattern}{host}"), port })
    }
}

impl HttpTarget {
    /// Whether this, perhaps a pattern, stands for that, which is none.
    #[must_use]
    pub(crate) fn covers(&self, other: &HttpTarget) -> bool {
        if (self.scheme, self.port) != (other.scheme, other.port) {
            return false;
        }
        match self.host.strip_prefix('*') {
            // The dot stays, so that `*.example.com` is not `badexample.com`; an address has no labels.
            Some(end) if end.starts_with('.') && !is_address(&other.host) => {
                other.host.strip_suffix(end).is_some_and(|labels| !labels.is_empty())
            }
            Some(_) => false,
            None => self.host.eq_ignore_ascii_case(&other.host),
        }
    }
}

fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> HttpTarget {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_target_is_brought_into_the_form_that_urls_are_brought_into() {
        for (given, shown) in [
            ("https://API.Example.com", "https://api.example.com"),
            ("https://api.example.com:443", "https://api.example.com"),
            ("https://api.example.com.", "https://api.example.com"),
            ("http://127.1:8080", "http://127.0.0.1:8080"),
            ("http://0x7f000001", "http://127.0.0.1"),
            ("http://[0:0:0::1]:80", "http://[::1]"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://*.Example.com:8443", "https://*.example.com:8443"),
        ] {
            assert_eq!(target(given).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in [
            "",
            "example.com",
            "ftp://example.com",
            "https://",
            "https://*",
            "https://*.",
            "https://*.*.com",
            "https://a.*.com",
            "https://*.127.0.0.1",
            "https://*.[::1]",
            "https://example.com/",
            "https://example.com/path",
            "https://example.com?q",
            "https://user@example.com",
            "https://example.com:0",
            "https://example.com:",
            "https://example.com:99999",
            "https://ex ample.com",
            "https://exam%70le.com",
        ] {
            assert!(text.parse::<HttpTarget>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_stands_for_one_or_more_labels_more_and_for_nothing_else() {
        let pattern = target("https://*.example.com");
        for (other, covered) in [
            ("https://a.example.com", true),
            ("https://b.a.example.com", true),
            ("https://example.com", false),
            ("https://badexample.com", false),
            ("https://a.example.com.evil.org", false),
            ("http://a.example.com", false),
            ("https://a.example.com:8443", false),
        ] {
            assert_eq!(pattern.covers(&target(other)), covered, "{other}");
        }
    }
}
