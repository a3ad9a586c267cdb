//! The imports of a component.
//! It does not decide anything: it carries values across.

use std::path::PathBuf;

use crate::artifact::{Artifact, Content};
use crate::bindings::taskwright::task::{clock, control, http, sink};
use crate::cancel::Cancel;
use crate::http::{Error, Head, Request};
use crate::links::Links;
use crate::message::Part;
use crate::progress::Progress;
use crate::refusal::Refusal;

pub(crate) async fn state(detail: Option<String>) -> Result<(), Refusal> {
    Ok(sink::state(detail).await?)
}

pub(crate) async fn progress(progress: Progress) -> Result<(), Refusal> {
    let Progress { current, total, unit, label } = progress;
    Ok(sink::progress(sink::ProgressReport { current, total, unit, label }).await?)
}

pub(crate) async fn output(text: String) -> Result<(), Refusal> {
    Ok(sink::output(text).await?)
}

pub(crate) async fn post(parts: Vec<Part>, in_reply_to: Option<String>) -> Result<String, Refusal> {
    let parts = parts.into_iter().map(Into::into).collect();
    Ok(sink::post(parts, in_reply_to).await?)
}

pub(crate) async fn request_input(prompt: String, expected: Option<String>) -> Result<String, Refusal> {
    Ok(sink::request_input(prompt, expected).await?)
}

pub(crate) async fn draft(name: String, chunk: Vec<u8>) -> Result<(), Refusal> {
    Ok(sink::draft(name, chunk).await?)
}

pub(crate) async fn artifact(artifact: Artifact) -> Result<(), Refusal> {
    let Artifact { name, media_type, content } = artifact;
    let content = match content {
        Content::Draft => sink::ArtifactContent::Draft,
        Content::Bytes(bytes) => sink::ArtifactContent::Bytes(bytes),
        Content::Url(url) => sink::ArtifactContent::Url(url),
    };
    Ok(sink::artifact(sink::ArtifactEntry { name, media_type, content }).await?)
}

pub(crate) async fn link(links: Links) -> Result<(), Refusal> {
    let Links { child_session_id, remote_task_id, resource_ids } = links;
    Ok(sink::link(sink::LinkSet { child_session_id, remote_task_id, resource_ids }).await?)
}

pub(crate) async fn checkpoint(state: Vec<u8>) -> Result<(), Refusal> {
    Ok(sink::checkpoint(state).await?)
}

pub(crate) fn cancel_requested() -> Option<Cancel> {
    control::cancel_requested().map(Into::into)
}

pub(crate) fn idempotency_key(call: &str) -> String {
    control::idempotency_key(call)
}

pub(crate) fn now() -> u64 {
    clock::now()
}

pub(crate) async fn sleep(milliseconds: u64) {
    clock::sleep(milliseconds).await;
}

pub(crate) fn folder(name: &str) -> PathBuf {
    PathBuf::from(format!("/{name}"))
}

/// The body of a response.
#[derive(Debug)]
pub(crate) struct Body(http::Body);

impl Body {
    pub(crate) async fn read(&mut self, at_most: u32) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.read(at_most).await?)
    }
}

pub(crate) async fn send(request: Request) -> Result<Head, Error> {
    let Request { method, url, headers, body, body_secrets, timeout, redirects } = request;
    let headers = headers.into_iter().map(|(name, value)| http::Header { name, value }).collect();
    let timeout = timeout.map(crate::clock::milliseconds);
    let response = http::send(http::Request { method, url, headers, body, body_secrets, timeout, redirects }).await?;
    let headers = response.headers.into_iter().map(|header| (header.name, header.value)).collect();
    Ok(Head { status: response.status, url: response.url, headers, body: Body(response.body) })
}
