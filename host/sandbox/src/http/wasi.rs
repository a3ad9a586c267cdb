//! `wasi:http@0.2`: the same requests for guests that bring their language's usual client.
//! Does not judge or send: `gateway` does. A client follows redirects itself, each as a request of its own.
//!
//! wasmtime keeps what a guest says of a request until that is sent, for as many requests as the guest has handles. What may be
//! said is bounded here, and each call is counted.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::Scheme;
use http::{HeaderName, Request};
use http_body_util::BodyExt;
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Resource};
use wasmtime_wasi_http::p2::bindings::http as bindings;
use wasmtime_wasi_http::p2::bindings::http::types::{self, HostOutgoingRequest as _};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use super::destination::Destination;
use super::error::HttpError;
use super::gateway::{Gateway, Response, Wish, is_empty};
use super::policy;
use super::request::{Hop, headers, is_the_host_s};
use crate::attempt::Attempt;
use crate::stdio::Stdio;

/// How much of a body may wait between guest and host. A guest can make as many requests as it has handles before it sends
/// one, and each may hold this much.
const CHUNK_BYTES: usize = 16 * 1024;
/// How large the headers that a guest puts together may be, for the same reason.
const FIELD_BYTES: usize = 16 * 1024;

/// What wasmtime's implementation keeps for itself.
pub(crate) fn context() -> WasiHttpCtx {
    let mut context = WasiHttpCtx::new();
    context.set_field_size_limit(FIELD_BYTES);
    context
}

/// What wasmtime's implementation leaves to its host.
pub(crate) struct Hooks {
    gateway: Arc<Gateway>,
    /// Where a refusal is told in words, for which `wasi:http` has no place.
    stdio: Arc<Stdio>,
    /// Every request is refused before anything is begun for it.
    refuses_all: bool,
}

impl Hooks {
    pub(crate) fn new(gateway: Arc<Gateway>, stdio: Arc<Stdio>) -> Self {
        Self { gateway, stdio, refuses_all: false }
    }

    /// Refuses every request at once: nothing goes on in the background whose progress a guest could watch.
    pub(crate) fn refuse_all(&mut self) {
        self.refuses_all = true;
    }
}

/// How long what a guest says of a request may be, in bytes: longer than any server takes.
const METHOD_BYTES: usize = 64;
const SCHEME_BYTES: usize = 64;
const AUTHORITY_BYTES: usize = 1_024;
const PATH_BYTES: usize = 16 * 1024;

/// The interface as wasmtime's implementation offers it.
const TYPES: &str = "wasi:http/types@0.2.12";

/// Something of a request, set by wasmtime's implementation.
type Set<T> = fn(&mut WasiHttpCtxView<'_>, Resource<HostOutgoingRequest>, T) -> wasmtime::Result<Result<(), ()>>;

/// Puts a function that sets something of a request in the place of wasmtime's own: what is longer than `most` is refused.
fn bounded<T>(
    own: &mut LinkerInstance<'_, Attempt>,
    function: &str,
    (most, length): (usize, fn(&T) -> usize),
    set: Set<T>,
) -> wasmtime::Result<()>
where
    T: ComponentType + Lift + 'static,
{
    let name = format!("[method]outgoing-request.{function}");
    own.func_wrap(&name, move |mut store, (request, said): (Resource<HostOutgoingRequest>, T)| {
        let attempt: &mut Attempt = store.data_mut();
        attempt.meter.look()?;
        let done = if length(&said) > most { Err(()) } else { set(&mut attempt.http(), request, said)? };
        Ok((done,))
    })
}

/// Offers the interfaces to guests.
pub(crate) fn add_to_linker(linker: &mut Linker<Attempt>) -> wasmtime::Result<()> {
    // Each call asks for this once.
    bindings::outgoing_handler::add_to_linker::<_, WasiHttp>(linker, Attempt::http_counted)?;
    bindings::types::add_to_linker::<_, WasiHttp>(linker, &types::LinkOptions::default(), Attempt::http_counted)?;
    linker.allow_shadowing(true);
    let mut own = linker.instance(TYPES)?;
    let other_method = |method: &types::Method| match method {
        types::Method::Other(word) => word.len(),
        _ => 0,
    };
    let other_scheme = |scheme: &Option<types::Scheme>| match scheme {
        Some(types::Scheme::Other(word)) => word.len(),
        _ => 0,
    };
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    bounded(&mut own, "set-method", (METHOD_BYTES, other_method), |http, request, method| {
        http.set_method(request, method)
    })?;
    bounded(&mut own, "set-scheme", (SCHEME_BYTES, other_scheme), |http, request, scheme| {
        http.set_scheme(request, scheme)
    })?;
    bounded(&mut own, "set-authority", (AUTHORITY_BYTES, text), |http, request, authority| {
        http.set_authority(request, authority)
    })?;
    bounded(&mut own, "set-path-with-query", (PATH_BYTES, text), |http, request, path| {
        http.set_path_with_query(request, path)
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// A response, and what goes on in the background for it.
type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Hooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        // A client says how long its body is; wasmtime holds it to that.
        Arc::new(|name| is_the_host_s(name) && name != CONTENT_LENGTH)
    }

    // What wasmtime asks before it begins a request.
    fn is_supported_scheme(&mut self, scheme: &Scheme) -> bool {
        !self.refuses_all && (*scheme == Scheme::HTTP || *scheme == Scheme::HTTPS)
    }

    fn default_scheme(&mut self) -> Option<Scheme> {
        (!self.refuses_all).then_some(Scheme::HTTPS)
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _guest: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let (gateway, stdio) = (self.gateway.clone(), self.stdio.clone());
        Box::new(async move {
            let sent = send(&gateway, request, options.unwrap_or_default()).await;
            let response = sent.map_err(|error| {
                if matches!(error, HttpError::Denied(_) | HttpError::DeniedAddress(_)) {
                    stdio.note(&format!("[wasi:http: {error}]\n"));
                }
                said(error)
            })?;
            let mut answer = http::Response::new(response.body.map_err(said).boxed_unsync());
            *answer.status_mut() = response.status;
            *answer.headers_mut() = response.headers;
            let nothing: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(async { Ok(()) });
            Ok((answer, nothing))
        })
    }
}

async fn send(gateway: &Gateway, request: Request<WasiBody>, options: RequestOptions) -> Result<Response, HttpError> {
    let (head, body) = request.into_parts();
    let method = policy::method(head.method.as_str())?;
    let to = Destination::parse(&head.uri.to_string()).map_err(HttpError::Invalid)?;
    let length: Option<(HeaderName, Bytes)> =
        head.headers.get(CONTENT_LENGTH).map(|value| (CONTENT_LENGTH, Bytes::copy_from_slice(value.as_bytes())));
    let own = head.headers.iter().filter(|(name, _)| **name != HOST && **name != CONTENT_LENGTH);
    let mut taken = headers(own.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect())?;
    let flowing = if is_empty(&body) { None } else { Some(body.map_err(Into::into).boxed_unsync()) };
    if flowing.is_some() {
        taken.extend(length);
    }
    let hop = Hop::new(method, to, taken, None, false)?;
    let times = gateway.times(Wish {
        connect: options.connect_timeout,
        head: options.first_byte_timeout,
        idle: options.between_bytes_timeout,
        total: None,
    });
    gateway.send(hop, flowing, Some(0), times).await
}

/// The nearest word that `wasi:http` has.
fn said(error: HttpError) -> Error {
    match error {
        HttpError::Denied(_) => Error::HttpRequestDenied,
        HttpError::DeniedAddress(_) => Error::DestinationIpProhibited,
        HttpError::LimitExceeded { ref dimension, allowed, .. } => match dimension.as_str() {
            "http_open_responses" | "session_http_connections" | "host_http_connections" => {
                Error::ConnectionLimitReached
            }
            "http_response_bytes" => Error::HttpResponseBodySize(Some(allowed)),
            _ => Error::InternalError(Some(error.to_string())),
        },
        HttpError::Timeout { what: "the connection", .. } => Error::ConnectionTimeout,
        HttpError::Timeout { .. } => Error::HttpResponseTimeout,
        HttpError::Dns(text) => Error::DnsError { rcode: Some(text), info_code: None },
        HttpError::Connection(text) => Error::InternalError(Some(text)),
        HttpError::Tls(_) => Error::TlsProtocolError,
        HttpError::Invalid(text) | HttpError::Protocol(text) => Error::InternalError(Some(text)),
    }
}
