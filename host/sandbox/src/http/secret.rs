//! Placeholders of secrets in what a guest sends, and secrets in what comes back.
//! Does not decide who may use a secret: `policy` does.

use std::collections::BTreeSet;

use super::SecretGrant;

const BEGIN: &[u8] = b"{{secret:";
const END: &[u8] = b"}}";
/// How long a secret's name may be.
const NAME_BYTES: usize = 64;

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return None;
    }
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// What is before a placeholder, its name, what is behind it.
type Found<'a> = (&'a [u8], &'a str, &'a [u8]);

/// The next placeholder, or what is wrong with it.
fn next(bytes: &[u8]) -> Option<Result<Found<'_>, String>> {
    let begin = find(bytes, BEGIN)?;
    let (before, rest) = (&bytes[..begin], &bytes[begin + BEGIN.len()..]);
    let usable = |name: &&str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    let end = find(&rest[..rest.len().min(NAME_BYTES + END.len())], END);
    let name = end.and_then(|end| std::str::from_utf8(&rest[..end]).ok()).filter(usable);
    let Some((name, end)) = name.zip(end) else {
        let expected = format!("a name of at most {NAME_BYTES} letters, digits, `_`, `-` and `.`, and then `}}}}`");
        return Some(Err(format!("behind `{{{{secret:` there is to be {expected}")));
    };
    Some(Ok((before, name, &rest[end + END.len()..])))
}

/// The names of all secrets that a text has placeholders of. The error says what is wrong with a placeholder.
pub(crate) fn names(mut bytes: &[u8]) -> Result<BTreeSet<String>, String> {
    let mut names = BTreeSet::new();
    while let Some(found) = next(bytes) {
        let (_, name, rest) = found?;
        names.insert(name.to_owned());
        bytes = rest;
    }
    Ok(names)
}

/// Puts secrets where their placeholders are. What a secret holds is not looked at again. A name that is not among the
/// secrets stays as it is; `policy` has refused it before.
pub(crate) fn fill(mut bytes: &[u8], secrets: &[&SecretGrant]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(bytes.len());
    while let Some(Ok((before, name, rest))) = next(bytes) {
        filled.extend_from_slice(before);
        match secrets.iter().find(|secret| secret.name == name) {
            Some(secret) => filled.extend_from_slice(secret.value.reveal().as_bytes()),
            None => filled.extend_from_slice(&bytes[before.len()..bytes.len() - rest.len()]),
        }
        bytes = rest;
    }
    filled.extend_from_slice(bytes);
    filled
}

/// Whether one of the secrets stands in a text, as it is or percent-encoded.
pub(crate) fn reveals(bytes: &[u8], secrets: &[&SecretGrant]) -> bool {
    redacted(bytes, secrets).is_some()
}

/// The text with placeholders where the secrets were; `None` if there were none.
pub(crate) fn redacted(bytes: &[u8], secrets: &[&SecretGrant]) -> Option<Vec<u8>> {
    let mut text: Option<Vec<u8>> = None;
    for secret in secrets {
        let plain = secret.value.reveal();
        let encoded: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
        for value in [plain.as_bytes(), encoded.as_bytes()] {
            let mut rest = text.as_deref().unwrap_or(bytes);
            if find(rest, value).is_none() {
                continue;
            }
            let mut clean = Vec::with_capacity(rest.len());
            while let Some(at) = find(rest, value) {
                clean.extend_from_slice(&rest[..at]);
                clean.extend_from_slice(format!("{{{{secret:{}}}}}", secret.name).as_bytes());
                rest = &rest[at + value.len()..];
            }
            clean.extend_from_slice(rest);
            text = Some(clean);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretText;

    fn secret(name: &str, value: &str) -> SecretGrant {
        SecretGrant { name: name.to_owned(), value: SecretText::new(value.to_owned()) }
    }

    #[test]
    fn a_placeholder_is_found_and_filled_and_what_it_is_filled_with_is_left_alone() {
        let (token, key) = (secret("token", "{{secret:key}}"), secret("key", "k"));
        let text = b"Bearer {{secret:token}} and {{secret:key}}{{secret:other}}";
        let found: Vec<String> = names(text).unwrap().into_iter().collect();
        assert_eq!(found, ["key", "other", "token"]);
        assert_eq!(fill(text, &[&token, &key]), b"Bearer {{secret:key}} and k{{secret:other}}");
        assert_eq!(fill(b"\xff{{secret:key}}\0", &[&key]), b"\xffk\0");
    }

    #[test]
    fn a_placeholder_that_is_none_is_refused() {
        let long = format!("{{{{secret:{}}}}}", "x".repeat(NAME_BYTES + 1));
        for text in ["{{secret:}}", "{{secret:a", "{{secret:a b}}", "{{secret:a}", "{{secret:{{secret:a}}}}", &long] {
            assert!(names(text.as_bytes()).is_err(), "{text}");
        }
        assert!(names(b"{{ secret:a }} {{secret}} {secret:a}").unwrap().is_empty());
    }

    #[test]
    fn a_secret_that_comes_back_is_a_placeholder_again() {
        let token = secret("token", "s3/cret");
        assert_eq!(redacted(b"x s3/cret y s3%2Fcret", &[&token]).unwrap(), b"x {{secret:token}} y {{secret:token}}");
        assert_eq!(redacted(b"nothing", &[&token]), None);
        assert_eq!(redacted(b"nothing", &[&secret("empty", "")]), None);
        assert!(reveals(b"/?t=s3%2Fcret", &[&token]));
    }

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        assert!(!format!("{:?}", secret("token", "s3cret")).contains("s3cret"));
    }
}
