//! A url that a request can go to: parsed once, checked, and in one spelling.
//! Does not know what is allowed: that is `policy`.

use std::net::IpAddr;

use taskwright_registry::clean_line;
use url::{Host, Position, Url};

use super::{HttpTarget, Scheme};

/// How long a url may be.
pub(crate) const URL_BYTES: usize = 8 * 1024;

/// A url that a request can go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    url: Url,
    target: HttpTarget,
}

impl Destination {
    /// Takes a url as a guest, a server or an operator has written it. The error says what is wrong with it.
    ///
    /// The parser is that of browsers: it brings every spelling of a host into one. What it would silently repair, and what
    /// readers of urls are known to disagree about, is refused.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let shown = || clean_line(text, 200);
        if text.len() > URL_BYTES {
            return Err(format!("a url of {} bytes; at most {URL_BYTES} are taken", text.len()));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(format!("`{}` has a blank, a control character or a backslash in it", shown()));
        }
        if text.contains("{{secret:") {
            return Err("a secret cannot stand in a url; put it into a header".to_owned());
        }
        let mut url = Url::parse(text).map_err(|error| format!("`{}` is no url: {error}", shown()))?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return Err(format!("`{}` is no scheme for a request; use https", clean_line(other, 40))),
        };
        // The parser takes `https:example.com` and `https:///example.com` for what they may have meant.
        let rest = text.get(scheme.as_str().len()..).and_then(|rest| rest.strip_prefix("://"));
        if rest.is_none_or(|rest| rest.starts_with('/')) {
            return Err(format!("`{}` is no url: expected {}://HOST", shown(), scheme.as_str()));
        }
        let authority = rest.unwrap_or_default().split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err("a url with a user or a password in it is not taken; put them into a header".to_owned());
        }
        if let Some(name) = url.domain().and_then(|name| name.strip_suffix('.')).map(str::to_owned) {
            url.set_host(Some(&name)).map_err(|error| format!("`{}` is no url: {error}", shown()))?;
        }
        if let Some(name) = url.domain() {
            check_name(name)?;
        }
        url.set_fragment(None);
        let host = url.host_str().filter(|host| !host.is_empty()).map(str::to_owned);
        let host = host.ok_or_else(|| format!("`{}` has no host", shown()))?;
        let port = url.port().unwrap_or(scheme.default_port());
        if port == 0 {
            return Err("nothing listens on port 0".to_owned());
        }
        Ok(Self { target: HttpTarget { scheme, host, port }, url })
    }

    /// Where a redirect from here leads.
    pub(crate) fn join(&self, location: &str) -> Result<Self, String> {
        let joined = self.url.join(location).map_err(|error| format!("it redirects to what is no url: {error}"))?;
        Self::parse(joined.as_str()).map_err(|problem| format!("it redirects to what is not taken: {problem}"))
    }

    /// Scheme, host and port: the origin.
    pub(crate) fn target(&self) -> &HttpTarget {
        &self.target
    }

    /// The whole url, without a fragment.
    pub(crate) fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The address, where the host is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.url.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    /// What the request line names.
    pub(crate) fn path_and_query(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }

    /// What the header `host` says.
    pub(crate) fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }
}

/// A name as resolvers and certificates know it: up to 253 bytes, labels of 1 to 63 letters, digits, `-` and `_`.
fn check_name(name: &str) -> Result<(), String> {
    let usable = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if name.len() > 253 || !name.split('.').all(usable) {
        return Err(format!("`{}` is no name of a host", clean_line(name, 80)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_is_that_address() {
        for text in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://017700000001/",
            "http://127.0.0.1./",
            "http://%31%32%37.0.0.1/",
            "http://１２７.0.0.1/",
            "http://127。0。0。1/",
        ] {
            let found = Destination::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
            assert_eq!(found.address(), Some("127.0.0.1".parse().unwrap()), "{text}");
            assert_eq!(found.target().host, "127.0.0.1");
        }
        for text in ["http://[::ffff:169.254.169.254]/", "http://[0:0:0:0:0:ffff:a9fe:a9fe]/"] {
            let found = Destination::parse(text).unwrap();
            assert_eq!(found.address(), Some("::ffff:169.254.169.254".parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_host_has_one_spelling() {
        for text in ["https://API.example.com/x#y", "https://api.example.com.:443/x", "HTTPS://ＡＰＩ.example.com/x"]
        {
            let found = Destination::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
            assert_eq!(found.as_str(), "https://api.example.com/x");
            assert_eq!((found.authority(), found.path_and_query()), ("api.example.com", "/x"));
        }
        let found = Destination::parse("http://[::1]:8080?q=1").unwrap();
        assert_eq!((found.authority(), found.path_and_query()), ("[::1]:8080", "/?q=1"));
    }

    #[test]
    fn what_readers_of_urls_disagree_about_is_refused() {
        for text in [
            "",
            "api.example.com",
            "https:api.example.com",
            "https:/api.example.com",
            "https:///api.example.com",
            "https://",
            "https:///",
            "https://.",
            "https://a..b",
            "https://a.example.com..",
            "https://user@example.com/",
            "https://user:pass@example.com/",
            "https://@example.com/",
            "https://:@example.com/",
            "https://allowed.example\\@evil.example/",
            "https://allowed.example\\.evil.example/",
            " https://example.com/",
            "https://example.com/ ",
            "https://exam\tple.com/",
            "https://example.com/\r\nhost: evil",
            "https://example.com/\u{85}",
            "https://[fe80::1%25eth0]/",
            "https://[::1",
            "https://1.2.3.4.5/",
            "https://256.1.1.1/",
            "https://0x100000000/",
            "https://example.com:0/",
            "https://example.com:65536/",
            "https://exa%00mple.com/",
            "https://exa%2fmple.com/",
            "https://exa$mple.com/",
            "https://exa\u{ad}/%zz/{{secret:X}}",
            "ftp://example.com/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/plain,x",
            "ws://example.com/",
            "gopher://example.com/",
            "unix:/var/run/docker.sock",
        ] {
            assert!(Destination::parse(text).is_err(), "{text:?} is taken as {:?}", Destination::parse(text));
        }
        assert!(Destination::parse(&format!("https://example.com/{}", "x".repeat(URL_BYTES))).is_err());
    }

    #[test]
    fn a_redirect_is_read_beside_where_it_came_from() {
        let from = Destination::parse("https://a.example/x/y?q").unwrap();
        for (location, to) in [
            ("/z", "https://a.example/z"),
            ("z", "https://a.example/x/z"),
            ("//b.example/", "https://b.example/"),
            ("http://c.example:80/#part", "http://c.example/"),
        ] {
            assert_eq!(from.join(location).unwrap().as_str(), to);
        }
        for location in ["ftp://a.example/", "https://user@b.example/", "https://"] {
            assert!(from.join(location).is_err(), "{location}");
        }
    }
}
