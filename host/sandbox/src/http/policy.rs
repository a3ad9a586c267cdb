//! Whether a request may be sent: to which origin, with which method and secrets, to which address.
//! Does no IO and keeps nothing: the same question has the same answer.

use std::collections::BTreeSet;
use std::net::IpAddr;

use taskwright_registry::clean_line;

use super::address::{Sort, sort};
use super::destination::Destination;
use super::error::HttpError;
use super::{HttpGrant, HttpTarget, SecretGrant};
use crate::capability;
use crate::toml_name::toml_text;

/// On whose behalf a question is asked: what the line of configuration that would help has to name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asker {
    /// The kind's name.
    pub(crate) kind: String,
    /// The name of its first want of the capability `http`.
    pub(crate) want: Option<String>,
}

/// A request that may be sent.
#[derive(Debug, Clone)]
pub(crate) struct Allowed<'g> {
    /// The grants of which each allows it by itself, secrets included.
    grants: Vec<&'g HttpGrant>,
    secrets: Vec<&'g SecretGrant>,
}

/// Brings a method into the form that it is sent in, or says what is wrong with it.
pub(crate) fn method(given: &str) -> Result<http::Method, HttpError> {
    let wrong = |problem| Err(HttpError::Invalid(format!("the method `{}` {problem}", clean_line(given, 40))));
    if given.len() > 32 {
        return wrong("is too long");
    }
    // Whoever writes `get` means GET. Methods of other names are told apart by case.
    let upper = given.to_ascii_uppercase();
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
    let name = if known.contains(&upper.as_str()) { &upper } else { given };
    match http::Method::from_bytes(name.as_bytes()) {
        Ok(http::Method::CONNECT | http::Method::TRACE) => wrong("is never sent for a guest"),
        Ok(method) => Ok(method),
        Err(_) => wrong("is none"),
    }
}

fn allows_method(grant: &HttpGrant, method: &http::Method) -> bool {
    match grant.methods.as_slice() {
        [] => matches!(*method, http::Method::GET | http::Method::HEAD),
        methods => methods.iter().any(|allowed| allowed == method.as_str()),
    }
}

fn covers(grant: &HttpGrant, target: &HttpTarget) -> bool {
    grant.targets.iter().any(|allowed| allowed.covers(target))
}

impl Asker {
    /// The line of configuration under which this would be allowed.
    fn line(&self, grant: Option<&HttpGrant>, target: &HttpTarget, method: &str, more: &str) -> String {
        let want = grant.map(|grant| grant.name.as_str()).or(self.want.as_deref()).unwrap_or("NAME");
        let (table, want) = (capability::table(&self.kind), toml_text(&clean_line(want, 80)));
        format!("[[{table}.http]] name = {want} allow = [\"{target}\"] methods = [\"{method}\"]{more}")
    }

    /// Whether a request with this method and these secrets may go there.
    ///
    /// # Errors
    /// `Denied`, with what was refused and the line that would allow it.
    pub(crate) fn judge<'g>(
        &self,
        grants: &'g [HttpGrant],
        method: &http::Method,
        to: &Destination,
        secrets: &BTreeSet<String>,
    ) -> Result<Allowed<'g>, HttpError> {
        let target = to.target();
        let here: Vec<&HttpGrant> = grants.iter().filter(|grant| covers(grant, target)).collect();
        let Some(first) = here.first() else {
            let only = if let [only] = grants { Some(only) } else { None };
            let line = self.line(only, target, method.as_str(), "");
            return Err(HttpError::Denied(format!(
                "requests to {target} are not allowed; in taskwright.toml this would allow them: {line}"
            )));
        };
        let (name, table) = (toml_text(&first.name), capability::table(&self.kind));
        let allowing: Vec<&HttpGrant> = here.iter().copied().filter(|grant| allows_method(grant, method)).collect();
        if allowing.is_empty() {
            let line = self.line(Some(first), target, method.as_str(), "");
            return Err(HttpError::Denied(format!(
                "the method {method} is not allowed for {target}; in taskwright.toml this would allow it: {line}"
            )));
        }
        let has = |grant: &&HttpGrant, name: &String| grant.secrets.iter().any(|secret| secret.name == *name);
        let holding = |grant: &&HttpGrant| secrets.iter().all(|name| has(grant, name));
        let grants: Vec<&HttpGrant> = allowing.iter().copied().filter(holding).collect();
        let Some(chosen) = grants.first() else {
            let lacking = secrets.iter().find(|name| !allowing.iter().any(|grant| has(grant, name)));
            let lacking = lacking.or(secrets.first()).map(String::as_str).unwrap_or_default();
            return Err(HttpError::Denied(format!(
                "no secret `{lacking}` may be sent to {target}; add it to the secrets of [[{table}.http]] name = {name} in taskwright.toml"
            )));
        };
        let secrets = chosen.secrets.iter().filter(|secret| secrets.contains(&secret.name)).collect();
        Ok(Allowed { grants, secrets })
    }

    /// Whether a request that is allowed may be sent to this address of its host; `own` says that it is one of this machine.
    ///
    /// # Errors
    /// `DeniedAddress`. It says what sort of address it is and not which: what a name stands for inside of a network is
    /// nothing that a guest needs to know.
    pub(crate) fn judge_address(
        &self,
        allowed: &Allowed<'_>,
        to: &Destination,
        address: IpAddr,
        own: bool,
    ) -> Result<(), HttpError> {
        let target = to.target();
        let private = || allowed.grants.iter().any(|grant| grant.private);
        let refused = |what: &str, help: String| {
            Err(HttpError::DeniedAddress(format!("{target} has {what}, and no request goes there{help}")))
        };
        let with = |more: &str| {
            let line = self.line(allowed.grants.first().copied(), target, "GET", more);
            format!("; in taskwright.toml this would allow it: {line}")
        };
        let sort = match sort(address) {
            Sort::Public if own => Sort::Private("an address of this machine"),
            sort => sort,
        };
        match sort {
            Sort::Public => Ok(()),
            Sort::Private(_) if private() => Ok(()),
            Sort::Private(what) => refused(what, with(" private = true")),
            // A name can be made to lead here by whoever owns it; an address in the configuration is meant.
            Sort::Metadata if private() && to.address() == Some(address) => Ok(()),
            Sort::Metadata => refused("the address of a cloud's metadata", String::new()),
            Sort::Unusable(what) => refused(what, String::new()),
        }
    }
}

impl<'g> Allowed<'g> {
    /// The secrets that the request has placeholders of.
    pub(crate) fn secrets(&self) -> &[&'g SecretGrant] {
        &self.secrets
    }
}

/// For fuzzing: asks everything that is asked about one url under targets, and panics where an answer breaks a promise.
/// Targets that are none are passed over. Returns whether a request may be sent.
pub(crate) fn fuzz(allow: &[&str], private: bool, method_name: &str, url: &str, address: IpAddr) -> bool {
    let targets: Vec<HttpTarget> = allow.iter().filter_map(|text| text.parse().ok()).collect();
    for target in &targets {
        assert_eq!(target.to_string().parse().as_ref(), Ok(target), "a target is shown as it is read");
    }
    let methods = vec!["GET".to_owned(), "POST".to_owned()];
    let grant = HttpGrant { name: "api".to_owned(), targets: targets.clone(), methods, private, secrets: Vec::new() };
    let asker = Asker { kind: "fuzz".to_owned(), want: None };
    let (Ok(method), Ok(to)) = (method(method_name), Destination::parse(url)) else { return false };
    let again = Destination::parse(to.as_str()).expect("what was taken once is taken again");
    assert_eq!(again, to, "and is the same");
    assert!(!to.as_str().contains('#'), "a fragment is not sent");
    assert!(to.path_and_query().starts_with('/'), "a request line begins with a slash");
    assert!(to.path_and_query().bytes().all(|b| (0x21..0x7f).contains(&b)), "and has no blank in it");
    let grants = [grant];
    let Ok(allowed) = asker.judge(&grants, &method, &to, &BTreeSet::new()) else { return false };
    assert!(matches!(method.as_str(), "GET" | "POST"), "{method} was not allowed");
    let host = &to.target().host;
    let meant = |target: &HttpTarget| match target.host.strip_prefix("*.") {
        Some(end) => host.ends_with(&format!(".{end}")) && to.address().is_none(),
        None => *host == target.host,
    };
    let same = |target: &&HttpTarget| target.scheme == to.target().scheme && target.port == to.target().port;
    assert!(targets.iter().filter(same).any(meant), "{host} was not allowed");
    let address = to.address().unwrap_or(address);
    if asker.judge_address(&allowed, &to, address, false).is_err() {
        return false;
    }
    assert!(private || sort(address) == Sort::Public, "{address} is not public");
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SecretText;

    fn grant(allow: &str, methods: &[&str]) -> HttpGrant {
        HttpGrant {
            name: "api".to_owned(),
            targets: vec![allow.parse().unwrap()],
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            private: false,
            secrets: Vec::new(),
        }
    }

    fn asker() -> Asker {
        Asker { kind: "poll".to_owned(), want: Some("site".to_owned()) }
    }

    fn judge(grants: &[HttpGrant], name: &str, url: &str, secrets: &[&str]) -> Result<Vec<String>, String> {
        let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
        let to = Destination::parse(url)?;
        let allowed = asker().judge(grants, &method(name).map_err(|error| error.to_string())?, &to, &secrets);
        let allowed = allowed.map_err(|error| error.to_string())?;
        Ok(allowed.secrets().iter().map(|secret| secret.value.reveal().to_owned()).collect())
    }

    #[test]
    fn what_is_not_allowed_is_refused_with_the_line_that_would_allow_it() {
        let refused = judge(&[], "GET", "https://api.example.com/x", &[]).unwrap_err();
        let line = r#"[[kinds.poll.http]] name = "site" allow = ["https://api.example.com"] methods = ["GET"]"#;
        assert!(refused.contains(line), "{refused}");
        let dotted = Asker { kind: "my.poll".to_owned(), want: None };
        let to = Destination::parse("https://api.example.com/x").unwrap();
        let refused = dotted.judge(&[], &http::Method::GET, &to, &BTreeSet::new()).unwrap_err().to_string();
        assert!(refused.contains(r#"[[kinds."my.poll".http]] name = "NAME""#), "{refused}");
        let grants = [grant("https://api.example.com", &[])];
        judge(&grants, "GET", "https://api.example.com/x", &[]).unwrap();
        judge(&grants, "head", "https://api.example.com:443/x", &[]).unwrap();
        let refused = judge(&grants, "POST", "https://api.example.com/x", &[]).unwrap_err();
        assert!(refused.contains(r#"name = "api""#) && refused.contains(r#"methods = ["POST"]"#), "{refused}");
        for url in [
            "http://api.example.com/",
            "https://api.example.com:8443/",
            "https://example.com/",
            "https://api.example.com.evil.org/",
            "https://evil.org/?https://api.example.com",
        ] {
            assert!(judge(&grants, "GET", url, &[]).is_err(), "{url}");
        }
    }

    #[test]
    fn some_methods_are_never_sent() {
        for name in ["", "CONNECT", "TRACE", "trace", "GET /", "GET\r\n", "GÉT", &"X".repeat(33)] {
            assert!(matches!(method(name), Err(HttpError::Invalid(_))), "{name:?}");
        }
        assert_eq!(method("PURGE").unwrap().as_str(), "PURGE");
        assert_eq!(method("purge").unwrap().as_str(), "purge");
    }

    #[test]
    fn a_secret_goes_only_where_its_own_grant_goes() {
        let secret = |value: &str| SecretGrant { name: "token".to_owned(), value: SecretText::new(value.to_owned()) };
        let (a, b, wide) = (grant("https://a.example", &[]), grant("https://b.example", &[]), {
            HttpGrant { name: "wide".to_owned(), ..grant("https://*.example", &["GET", "POST"]) }
        });
        let grants = [
            wide,
            HttpGrant { secrets: vec![secret("for a")], ..a },
            HttpGrant { secrets: vec![secret("for b")], ..b },
        ];
        assert_eq!(judge(&grants, "GET", "https://a.example/", &["token"]).unwrap(), ["for a"]);
        assert_eq!(judge(&grants, "GET", "https://b.example/", &["token"]).unwrap(), ["for b"]);
        for (name, url, secret) in [
            ("GET", "https://c.example/", "token"),
            // The grant with the secret does not allow the method, and the one that does has no secret.
            ("POST", "https://a.example/", "token"),
            ("GET", "https://a.example/", "other"),
        ] {
            let refused = judge(&grants, name, url, &[secret]).unwrap_err();
            assert!(refused.contains(&format!("no secret `{secret}` may be sent")), "{refused}");
            assert!(!refused.contains("for a"), "{refused}");
        }
    }

    #[test]
    fn an_address_that_is_not_public_needs_a_word_of_its_own() {
        let to = Destination::parse("https://api.example.com/").unwrap();
        let judged = |private, url: &str, address: &str| {
            let to = Destination::parse(url).unwrap();
            let grants = [HttpGrant { private, ..grant(&to.target().to_string(), &[]) }];
            let allowed = asker().judge(&grants, &http::Method::GET, &to, &BTreeSet::new()).unwrap();
            asker().judge_address(&allowed, &to, address.parse().unwrap(), false)
        };
        judged(false, to.as_str(), "93.184.216.34").unwrap();
        let refused = judged(false, to.as_str(), "10.0.0.1").unwrap_err().to_string();
        assert!(refused.contains("private = true") && !refused.contains("10.0.0.1"), "{refused}");
        judged(true, to.as_str(), "10.0.0.1").unwrap();
        judged(true, to.as_str(), "::1").unwrap();
        for (private, url, address) in [
            (false, "https://api.example.com/", "::ffff:127.0.0.1"),
            (false, "https://169.254.169.254/", "169.254.169.254"),
            (true, "https://api.example.com/", "169.254.169.254"),
            (true, "https://api.example.com/", "64:ff9b::a9fe:a9fe"),
            (true, "https://api.example.com/", "0.0.0.0"),
            (true, "https://api.example.com/", "224.0.0.1"),
            (true, "https://api.example.com/", "255.255.255.255"),
        ] {
            judged(private, url, address).unwrap_err();
        }
        judged(true, "https://169.254.169.254/", "169.254.169.254").unwrap();
    }

    #[test]
    fn an_own_public_address_needs_private() {
        let to = Destination::parse("https://api.example.com/").unwrap();
        let own = "93.184.216.34".parse().unwrap();
        for private in [true, false] {
            let grants = [HttpGrant { private, ..grant("https://api.example.com", &[]) }];
            let allowed = asker().judge(&grants, &http::Method::GET, &to, &BTreeSet::new()).unwrap();
            assert_eq!(asker().judge_address(&allowed, &to, own, true).is_ok(), private);
            asker().judge_address(&allowed, &to, own, false).unwrap();
        }
    }

    #[test]
    fn a_secret_of_one_grant_does_not_open_private_addresses_by_another() {
        let secrets = vec![SecretGrant { name: "t".to_owned(), value: SecretText::new("x".to_owned()) }];
        let grants = [
            HttpGrant { secrets, ..grant("https://*.example.com", &[]) },
            HttpGrant { private: true, ..grant("https://in.example.com", &[]) },
        ];
        let to = Destination::parse("https://in.example.com/").unwrap();
        let get = http::Method::GET;
        let (with, without) = (BTreeSet::from(["t".to_owned()]), BTreeSet::new());
        let inside = "10.0.0.1".parse().unwrap();
        let allowed = asker().judge(&grants, &get, &to, &without).unwrap();
        asker().judge_address(&allowed, &to, inside, false).unwrap();
        let allowed = asker().judge(&grants, &get, &to, &with).unwrap();
        asker().judge_address(&allowed, &to, inside, false).unwrap_err();
    }

    fn urls() -> impl Strategy<Value = String> {
        let scheme = prop_oneof![4 => Just("https"), 2 => Just("http"), 1 => Just("ftp")];
        let piece = prop_oneof![
            Just("example".to_owned()),
            Just("com".to_owned()),
            Just("a".to_owned()),
            Just("127.0.0.1".to_owned()),
            Just("[::ffff:1.2.3.4]".to_owned()),
            Just("0x7f".to_owned()),
            "[a-z0-9.@:/?#%\\\\_{}*\u{e9}\u{3002}-]{0,6}",
        ];
        let host = proptest::collection::vec(piece, 1..5).prop_map(|pieces| pieces.join("."));
        (scheme, host, "(:[0-9]{0,5})?", "(/[ -~]{0,10})?")
            .prop_map(|(scheme, host, port, path)| format!("{scheme}://{host}{port}{path}"))
    }

    proptest! {
        #[test]
        fn no_url_breaks_a_promise_of_the_policy(
            url in urls(),
            allow in proptest::collection::vec(urls(), 0..3),
            wild in "(https://\\*\\.(example\\.)?com)?",
            private: bool,
            method in "(GET|POST|PUT|get)",
            address: [u8; 16],
        ) {
            let mut allow: Vec<&str> = allow.iter().map(String::as_str).collect();
            allow.push(&wild);
            fuzz(&allow, private, &method, &url, std::net::Ipv6Addr::from(address).to_canonical());
            // What a url's own origin allows, it allows.
            if let Ok(to) = Destination::parse(&url) {
                let own = to.target().to_string();
                let public = IpAddr::from([93, 184, 216, 34]);
                prop_assert_eq!(
                    fuzz(&[&own], true, "GET", &url, public),
                    !matches!(sort(to.address().unwrap_or(public)), Sort::Unusable(_))
                );
            }
        }
    }
}
