//! What a redirect makes of a request.
//! Does not send it, and does not say whether it may be sent: it is judged like any other.

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, COOKIE, LOCATION,
};
use http::{HeaderName, Method, StatusCode};

use super::error::HttpError;
use super::request::Hop;
use super::{HttpTarget, secret};

/// Where a response leads, if it is a redirect that says so.
pub(crate) fn location(status: StatusCode, headers: &http::HeaderMap) -> Option<&str> {
    let leads = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    if leads { headers.get(LOCATION)?.to_str().ok() } else { None }
}

/// The request that follows one that was redirected.
///
/// # Errors
/// `Invalid` for a url that is not taken, `Denied` where a secret would have to go to another origin.
pub(crate) fn follow(hop: &mut Hop, status: StatusCode, location: &str) -> Result<(), HttpError> {
    let to = hop.to.join(location).map_err(|problem| HttpError::Invalid(format!("{}: {problem}", hop.to.target())))?;
    // RFC 9110, 15.4: everybody turns a POST into a GET at 301 and 302, and that is what 303 is for.
    let becomes_get = match status.as_u16() {
        303 => !matches!(hop.method, Method::GET | Method::HEAD),
        301 | 302 => hop.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        hop.method = Method::GET;
        hop.drop_body();
        hop.headers.retain(|(name, _)| !describes_body(name));
    }
    if to.target() != hop.to.target() {
        leave_origin(hop, to.target())?;
    }
    hop.to = to;
    Ok(())
}

fn describes_body(name: &HeaderName) -> bool {
    [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION].contains(name)
}

/// Leaves behind what was meant for the origin alone.
fn leave_origin(hop: &mut Hop, to: &HttpTarget) -> Result<(), HttpError> {
    if hop.body_has_secrets() {
        return Err(HttpError::Denied(format!(
            "{} redirects a body with a secret in it to {to}; a secret is not carried to another origin",
            hop.to.target()
        )));
    }
    hop.headers.retain(|(name, value)| {
        *name != AUTHORIZATION && *name != COOKIE && secret::names(value).is_ok_and(|names| names.is_empty())
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::http::destination::Destination;

    use super::*;

    fn hop(method: Method, body_secrets: bool) -> Hop {
        let header = |name: &'static str, value: &'static str| {
            (HeaderName::from_static(name), Bytes::from_static(value.as_bytes()))
        };
        let headers = vec![
            header("authorization", "Basic abc"),
            header("cookie", "a=b"),
            header("x-key", "{{secret:key}}"),
            header("x-plain", "plain"),
            header("content-type", "text/plain"),
        ];
        let body = Bytes::from_static(b"{{secret:key}}");
        Hop::new(method, Destination::parse("https://a.example/x").unwrap(), headers, Some(body), body_secrets).unwrap()
    }

    fn names(hop: &Hop) -> Vec<&str> {
        hop.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn within_an_origin_everything_goes_along() {
        let mut hop = hop(Method::POST, true);
        follow(&mut hop, StatusCode::PERMANENT_REDIRECT, "/y").unwrap();
        assert_eq!((hop.method.as_str(), hop.to.as_str()), ("POST", "https://a.example/y"));
        assert_eq!(hop.headers.len(), 5);
        assert!(hop.body_has_secrets());
    }

    #[test]
    fn to_another_origin_nothing_secret_goes_along() {
        for to in ["https://b.example/", "http://a.example/", "https://a.example:8443/"] {
            let mut plain = hop(Method::POST, false);
            follow(&mut plain, StatusCode::TEMPORARY_REDIRECT, to).unwrap();
            assert_eq!(names(&plain), ["x-plain", "content-type"], "{to}");
            let error = follow(&mut hop(Method::POST, true), StatusCode::TEMPORARY_REDIRECT, to).unwrap_err();
            assert!(matches!(error, HttpError::Denied(_)), "{error:?}");
        }
        // And it does not come back with the way back.
        let mut there = hop(Method::GET, false);
        follow(&mut there, StatusCode::FOUND, "https://b.example/").unwrap();
        follow(&mut there, StatusCode::FOUND, "https://a.example/").unwrap();
        assert_eq!(names(&there), ["x-plain", "content-type"]);
    }

    #[test]
    fn a_method_is_rewritten_where_everybody_does() {
        for (method, status, becomes) in [
            (Method::POST, 301, "GET"),
            (Method::POST, 302, "GET"),
            (Method::POST, 303, "GET"),
            (Method::PUT, 303, "GET"),
            (Method::DELETE, 303, "GET"),
            (Method::HEAD, 303, "HEAD"),
            (Method::PUT, 301, "PUT"),
            (Method::POST, 307, "POST"),
            (Method::POST, 308, "POST"),
        ] {
            let mut hop = hop(method.clone(), false);
            follow(&mut hop, StatusCode::from_u16(status).unwrap(), "/y").unwrap();
            assert_eq!(hop.method.as_str(), becomes, "{method} {status}");
            assert_eq!(names(&hop).contains(&"content-type"), becomes == method.as_str(), "{method} {status}");
        }
    }

    #[test]
    fn a_redirect_without_a_place_is_a_response() {
        let mut headers = http::HeaderMap::new();
        assert_eq!(location(StatusCode::FOUND, &headers), None);
        headers.insert(LOCATION, "/x".parse().unwrap());
        assert_eq!(location(StatusCode::FOUND, &headers), Some("/x"));
        assert_eq!(location(StatusCode::NOT_MODIFIED, &headers), None);
        assert_eq!(location(StatusCode::MULTIPLE_CHOICES, &headers), None);
    }
}
