//! The allowlist of requests over HTTP: an operator's targets, a guest's method and url, the address that a name stands for.
//! Does not send anything: it only knows what must hold for any answer.

use std::net::{IpAddr, Ipv6Addr};

use taskwright_sandbox::fuzzing::http_policy;

/// Lines: targets with blanks between them, a method, a url, and an address as text; `private` anywhere in the rest of the
/// address's line allows private ones.
///
/// # Panics
/// If a request is allowed that must not be, or a url is read in two ways.
pub fn http(bytes: &[u8]) {
    if bytes.len() > 16 * 1024 {
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let allow: Vec<&str> = line().split(' ').collect();
    let (method, url, rest) = (line(), line(), line());
    let address = rest.split_whitespace().find_map(|word| word.parse().ok());
    let address = address.unwrap_or(IpAddr::V6(Ipv6Addr::LOCALHOST));
    let allowed = http_policy(&allow, rest.contains("private"), method, url, address);
    assert_eq!(allowed, http_policy(&allow, rest.contains("private"), method, url, address));
}
