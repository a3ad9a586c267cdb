//! `taskwright:task/http`: what a guest says and hears, in the contract's words.
//! Does not send: `gateway` does.

use std::sync::Arc;

use bytes::Bytes;
use taskwright_registry::Dimension;
use wasmtime::component::{Accessor, Resource};
use wasmtime_wasi::WasiView;

use super::body::OpenBody;
use super::destination::Destination;
use super::error::HttpError;
use super::gateway::{Gateway, Response, Wish};
use super::policy;
use super::request::{self, Hop};
use crate::attempt::Attempt;
use crate::bindings::taskwright::task::{http, types};
use crate::contract::Contract;
use crate::turn::give_way;

type Answer<T> = wasmtime::Result<Result<T, http::Error>>;

fn said(error: HttpError) -> http::Error {
    match error {
        HttpError::Invalid(text) => http::Error::Invalid(text),
        HttpError::Denied(text) | HttpError::DeniedAddress(text) => http::Error::Denied(text),
        HttpError::LimitExceeded { dimension, allowed, wanted } => {
            http::Error::LimitExceeded(types::Limit { dimension, allowed, wanted })
        }
        timeout @ HttpError::Timeout { .. } => http::Error::Timeout(timeout.to_string()),
        HttpError::Dns(text) => http::Error::Dns(text),
        HttpError::Connection(text) => http::Error::Connection(text),
        HttpError::Tls(text) => http::Error::Tls(text),
        HttpError::Protocol(text) => http::Error::Protocol(text),
    }
}

/// How many bytes of the guest's a request takes across.
fn carried(request: &http::Request) -> usize {
    let headers: usize = request.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
    request.method.len() + request.url.len() + headers + request.body.as_ref().map_or(0, Vec::len)
}

async fn send(gateway: &Gateway, request: http::Request) -> Result<Response, HttpError> {
    let method = policy::method(&request.method)?;
    let to = Destination::parse(&request.url).map_err(HttpError::Invalid)?;
    let headers = request.headers.into_iter().map(|header| (header.name, header.value)).collect();
    let headers = request::headers(headers)?;
    let body = request.body.map(Bytes::from);
    let hop = Hop::new(method, to, headers, body, request.body_secrets)?;
    let times = gateway.times(Wish { total: request.timeout.map(std::time::Duration::from_millis), ..Wish::default() });
    gateway.send(hop, None, request.redirects, times).await
}

impl http::Host for Attempt {}

impl http::HostBody for Attempt {
    fn drop(&mut self, body: Resource<OpenBody>) -> wasmtime::Result<()> {
        self.ctx().table.delete(body)?;
        Ok(())
    }
}

impl<S: Send> http::HostWithStore<S> for Contract {
    async fn send(accessor: &Accessor<S, Self>, request: http::Request) -> Answer<http::Response> {
        let (gateway, on_virtual_time): (Arc<Gateway>, bool) = accessor.with(|mut view| {
            let attempt = view.get();
            (attempt.http.clone(), attempt.virtual_clock.is_some())
        });
        let _carried = gateway.meter().carry(carried(&request))?;
        if on_virtual_time {
            gateway.meter().look()?;
            return Ok(Err(http::Error::Denied("`describe` must not send anything".to_owned())));
        }
        gateway.meter().host_call_in_turn().await?;
        let sent = send(&gateway, request).await;
        give_way().await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => return Ok(Err(said(error))),
        };
        let headers = response
            .headers
            .iter()
            .map(|(name, value)| http::Header { name: name.as_str().to_owned(), value: value.as_bytes().to_vec() });
        let headers = headers.collect();
        let body = OpenBody::new(response.body);
        let body = accessor.with(|mut view| view.get().ctx().table.push(body))?;
        Ok(Ok(http::Response { status: response.status.as_u16(), url: response.url, headers, body }))
    }
}

impl<S: Send> http::HostBodyWithStore<S> for Contract {
    async fn read(accessor: &Accessor<S, Self>, body: Resource<OpenBody>, max_bytes: u32) -> Answer<Option<Vec<u8>>> {
        let (gateway, body) = accessor.with(|mut view| {
            let attempt = view.get();
            let gateway = attempt.http.clone();
            attempt.ctx().table.get(&body).map(|body| (gateway, body.clone()))
        })?;
        gateway.meter().host_call_in_turn().await?;
        let most = gateway.meter().budget().get(Dimension::CallBytes);
        let at_most = usize::try_from(u64::from(max_bytes).min(most)).unwrap_or(usize::MAX);
        let read = body.read(at_most).await;
        give_way().await;
        Ok(read.map(|piece| piece.map(Vec::from)).map_err(said))
    }
}
