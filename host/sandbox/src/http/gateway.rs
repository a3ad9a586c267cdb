//! One instance's way to the network: a request goes out and the head of its response comes back.
//! Does not read bodies, and does not speak to a guest: `guest` and `wasi` do, over this one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use taskwright_registry::clean_line;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};
use wasmtime_wasi::runtime::AbortOnDropJoinHandle;
use wasmtime_wasi_http::io::TokioIo;

use super::body::{Line, ResponseBody};
use super::client::{Client, Stream};
use super::error::HttpError;
use super::policy::{Allowed, Asker};
use super::request::{HEADERS, Hop, Times};
use super::standing::Standing;
use super::unread::Unread;
use super::wire::{Account, Counted};
use super::{SecretGrant, redirect, secret};
use crate::LiveGrants;
use crate::meter::Meter;
use crate::shared_pool::{PoolShare, Taken};

/// How large the head of a response may be, its status line included.
const HEAD_BYTES: usize = 64 * 1024;
/// How many redirects are followed at most, and where a guest does not say.
const MOST_REDIRECTS: u32 = 20;
const REDIRECTS: u32 = 5;
/// How many addresses of one name are tried.
const TRIES: usize = 4;

/// What is sent as a body.
pub(crate) type Payload = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// What came back.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: ResponseBody,
}

/// One instance's way to the network.
#[derive(Debug)]
pub(crate) struct Gateway {
    client: Arc<Client>,
    grants: LiveGrants,
    meter: Arc<Meter>,
    asker: Arc<Asker>,
    /// What its session has of the connections and of the lookups of all.
    connections: PoolShare,
    lookups: PoolShare,
    /// Responses that the instance may have open at one time.
    open: Arc<Semaphore>,
}

/// How long parts may take, as far as a guest has said so.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish {
    pub(crate) connect: Option<Duration>,
    pub(crate) head: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) total: Option<Duration>,
}

impl Gateway {
    /// `owner` is whose instance it is: the session.
    pub(crate) fn new(
        client: Arc<Client>,
        grants: LiveGrants,
        meter: Arc<Meter>,
        asker: Arc<Asker>,
        owner: Option<&str>,
    ) -> Arc<Self> {
        let open = Arc::new(Semaphore::new(client.config.max_open as usize));
        let (connections, lookups) = (client.connections.share(owner), client.lookups.share(owner));
        Arc::new(Self { client, grants, meter, asker, connections, lookups, open })
    }

    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// A guest's wishes within the operator's limits.
    pub(crate) fn times(&self, wish: Wish) -> Times {
        let config = &self.client.config;
        let within = |wish: Option<Duration>, most: Duration| wish.map_or(most, |wish| wish.min(most));
        Times {
            connect: within(wish.connect, config.connect_timeout),
            head: within(wish.head, config.head_timeout),
            idle: within(wish.idle, config.idle_timeout),
            total: wish.total.unwrap_or(config.default_timeout).min(config.max_timeout),
        }
    }

    /// Sends a request and follows where it is sent on to. A payload that flows goes once, and is not sent on.
    pub(crate) async fn send(
        &self,
        hop: Hop,
        flowing: Option<Payload>,
        redirects: Option<u32>,
        times: Times,
    ) -> Result<Response, HttpError> {
        let result = self.follow(hop, flowing, redirects, times).await;
        let outcome = result.as_ref().map_or_else(HttpError::word, |_| "response");
        metrics::counter!("taskwright_http_requests_total", "outcome" => outcome).increment(1);
        if let Err(error) = &result {
            tracing::debug!(kind = self.asker.kind, %error, "a request has no response");
        }
        result
    }

    async fn follow(
        &self,
        mut hop: Hop,
        flowing: Option<Payload>,
        redirects: Option<u32>,
        times: Times,
    ) -> Result<Response, HttpError> {
        let allowed = redirects.unwrap_or(REDIRECTS);
        if allowed > MOST_REDIRECTS {
            return Err(HttpError::limit("http_redirects", MOST_REDIRECTS.into(), allowed.into()));
        }
        let max_open = u64::from(self.client.config.max_open);
        let open = self.open.clone().try_acquire_owned();
        let mut open = open.map_err(|_| HttpError::limit("http_open_responses", max_open, max_open + 1))?;
        let deadline = Instant::now() + times.total;
        let (mut followed, mut flowing) = (0, flowing);
        loop {
            let (response, line) = self.exchange(&hop, flowing.take(), open, times, deadline).await?;
            let location = redirect::location(response.status(), response.headers());
            let Some(location) = location.filter(|_| allowed > 0).map(str::to_owned) else {
                return self.hand_over(&hop, response, line);
            };
            followed += 1;
            if followed > allowed {
                return Err(HttpError::limit("http_redirects", allowed.into(), followed.into()));
            }
            let from = hop.to.target().clone();
            let status = response.status();
            let leaked = self.with_secrets(&hop, |secrets| secret::reveals(location.as_bytes(), secrets));
            redirect::follow(&mut hop, status, &location)?;
            if leaked && *hop.to.target() != from {
                return Err(HttpError::Denied(format!(
                    "{from} redirects to another origin with a secret in the url; that is not followed"
                )));
            }
            // The connection goes before the next one is made.
            drop(response);
            open = line.open;
        }
    }

    /// Calls with the secrets that a request has, or with none if it may not have them any more.
    fn with_secrets<R>(&self, hop: &Hop, then: impl FnOnce(&[&SecretGrant]) -> R) -> R {
        let grants = self.grants.current();
        let allowed = self.asker.judge(&grants.http, &hop.method, &hop.to, &hop.secrets());
        then(allowed.as_ref().map_or(&[], |allowed| allowed.secrets()))
    }

    /// What a guest gets to see of a response: everything but the secrets that a server has sent back in the head.
    fn hand_over(
        &self,
        hop: &Hop,
        response: http::Response<hyper::body::Incoming>,
        line: Line,
    ) -> Result<Response, HttpError> {
        let (mut head, incoming) = response.into_parts();
        let url = self.with_secrets(hop, |secrets| {
            if secrets.is_empty() {
                return hop.to.as_str().to_owned();
            }
            for value in head.headers.values_mut() {
                if let Some(clean) = secret::redacted(value.as_bytes(), secrets) {
                    *value = HeaderValue::from_bytes(&clean).unwrap_or_else(|_| HeaderValue::from_static(""));
                }
            }
            let clean = secret::redacted(hop.to.as_str().as_bytes(), secrets);
            clean.map_or_else(|| hop.to.as_str().to_owned(), |clean| String::from_utf8_lossy(&clean).into_owned())
        });
        let body = ResponseBody::new(incoming, line)?;
        Ok(Response { status: head.status, url, headers: head.headers, body })
    }

    /// One request and the head of its response. Places among what all share are waited for here, so that a wait that takes all
    /// of the request's time is told from a server that does.
    async fn exchange(
        &self,
        hop: &Hop,
        flowing: Option<Payload>,
        open: OwnedSemaphorePermit,
        times: Times,
        deadline: Instant,
    ) -> Result<(http::Response<hyper::body::Incoming>, Line), HttpError> {
        let seen = self.grants.current();
        let secrets = hop.secrets();
        let allowed = self.asker.judge(&seen.http, &hop.method, &hop.to, &secrets)?;
        let (head, payload) = (hop.filled_head(allowed.secrets())?, hop.filled_body(allowed.secrets()));
        self.meter.http_request()?;
        let place = |share: &PoolShare, dimension: &'static str| {
            let share = share.clone();
            async move {
                let taken = share.take_by(1, deadline).await;
                taken.map_err(|full| HttpError::not_free(dimension, full))
            }
        };
        let room = place(&self.connections, "http_connections").await?;
        let lookup = match hop.to.address() {
            Some(_) => None,
            None => Some(place(&self.lookups, "http_lookups").await?),
        };
        let request = match (flowing, payload) {
            (Some(flowing), _) => flowing,
            (None, Some(bytes)) => Full::new(bytes).map_err(|never| match never {}).boxed_unsync(),
            (None, None) => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        };
        let mut request = http::Request::new(request);
        *request.method_mut() = hop.method.clone();
        let wrong = |_| HttpError::Invalid("the url fits no request".to_owned());
        *request.uri_mut() = hop.to.path_and_query().parse().map_err(wrong)?;
        *request.headers_mut() = head;
        let sending = async {
            let (stream, address) = self.reach(hop, &allowed, lookup, times.connect).await?;
            let mut standing = Standing {
                asker: self.asker.clone(),
                grants: self.grants.clone(),
                seen: seen.clone(),
                method: hop.method.clone(),
                to: hop.to.clone(),
                secrets: secrets.clone(),
                address: address.ip(),
                own: self.client.own.hold(address.ip()),
            };
            standing.check()?;
            let (response, conversation) = self.converse(request, stream, room, times, deadline).await?;
            standing.check()?;
            Ok::<_, HttpError>((response, standing, conversation))
        };
        let sent = timeout_at(deadline, sending).await;
        let (response, standing, conversation) = sent.map_err(|_| HttpError::timeout("the request", times.total))??;
        let Conversation { driver, account, unread } = conversation;
        let max_bytes = self.client.config.max_response_bytes;
        let line = Line { _driver: driver, open, account, standing, unread, times, deadline, max_bytes };
        Ok((response, line))
    }

    /// A connection to an address that may be reached.
    async fn reach(
        &self,
        hop: &Hop,
        allowed: &Allowed<'_>,
        lookup: Option<Taken>,
        time: Duration,
    ) -> Result<(Box<dyn Stream>, SocketAddr), HttpError> {
        let connecting = async {
            let addresses = self.client.addresses(&hop.to, lookup).await?;
            for address in &addresses {
                let own = self.client.own.hold(address.ip());
                // All of them: a name that stands for a forbidden address as well is not to be trusted.
                self.asker.judge_address(allowed, &hop.to, address.ip(), own).inspect_err(|_| {
                    tracing::info!(kind = self.asker.kind, to = %hop.to.target(), %address, "an address was refused");
                })?;
            }
            self.connect(hop, &addresses, time).await
        };
        timeout(time, connecting).await.map_err(|_| HttpError::timeout("the connection", time))?
    }

    /// Sends a request over a connection. `room` is the connection's place, which it has until it is closed.
    async fn converse(
        &self,
        request: http::Request<Payload>,
        stream: Box<dyn Stream>,
        room: Taken,
        times: Times,
        deadline: Instant,
    ) -> Result<(http::Response<hyper::body::Incoming>, Conversation), HttpError> {
        let account = Account::new(self.meter.clone());
        let lost = |error: hyper::Error| account.refused().unwrap_or_else(|| broken(&error));
        let io = TokioIo::new(Counted::new(stream, account.clone()));
        let mut builder = hyper::client::conn::http1::Builder::new();
        builder.max_headers(HEADERS).max_header_size(HEAD_BYTES).max_buf_size(HEAD_BYTES);
        let (mut sender, connection) = builder.handshake(io).await.map_err(lost)?;
        let unread = Unread::new(times.idle);
        let clock = unread.clone();
        let driver = wasmtime_wasi::runtime::spawn(async move {
            tokio::select! {
                // What goes wrong here, the response's body tells.
                _ = timeout_at(deadline, connection) => {}
                () = clock.run_out() => {}
            }
            drop(room);
        });
        let responding = timeout(times.head, sender.send_request(request)).await;
        let response =
            responding.map_err(|_| HttpError::timeout("the head of the response", times.head))?.map_err(lost)?;
        Ok((response, Conversation { driver, account, unread }))
    }

    /// Connects to the first address that answers; each has its share of the time.
    async fn connect(
        &self,
        hop: &Hop,
        addresses: &[SocketAddr],
        time: Duration,
    ) -> Result<(Box<dyn Stream>, SocketAddr), HttpError> {
        let tried = &addresses[..addresses.len().min(TRIES)];
        let share = time / u32::try_from(tried.len().max(1)).unwrap_or(1);
        let mut last = HttpError::Dns(format!("the name `{}` has no address", hop.to.target().host));
        for (nth, address) in tried.iter().enumerate() {
            let connecting = self.client.connect(&hop.to, *address);
            // The last one may use what is left; the whole is limited outside.
            let connected =
                if nth + 1 == tried.len() { Ok(connecting.await) } else { timeout(share, connecting).await };
            match connected {
                Ok(Ok(stream)) => return Ok((stream, *address)),
                Ok(Err(error)) => last = error,
                Err(_) => last = HttpError::timeout("the connection", share),
            }
        }
        Err(last)
    }
}

/// What goes on beside a response.
struct Conversation {
    driver: AbortOnDropJoinHandle<()>,
    account: Arc<Account>,
    unread: Unread,
}

/// What hyper says went wrong, without anything of what was sent.
fn broken(error: &hyper::Error) -> HttpError {
    let text = clean_line(&error.to_string(), 200);
    if error.is_parse_too_large() {
        return HttpError::Protocol(format!(
            "the head of the response is too large: at most {HEAD_BYTES} bytes and {HEADERS} headers are taken"
        ));
    }
    if error.is_parse() {
        return HttpError::Protocol(format!("the response is no HTTP/1: {text}"));
    }
    HttpError::Connection(format!("the connection was lost: {text}"))
}

/// Whether a payload certainly has no bytes.
pub(crate) fn is_empty(payload: &impl Body) -> bool {
    payload.size_hint().exact() == Some(0)
}
