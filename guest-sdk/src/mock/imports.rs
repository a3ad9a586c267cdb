//! The functions that a kind imports, as the mock host has them.
//! It does not do anything with what it is told but record it.

use std::future::poll_fn;
use std::path::PathBuf;
use std::task::Poll;

use super::call::Call;
use super::record::Posted;
use super::world::World;
use crate::artifact::{Artifact, Content};
use crate::cancel::Cancel;
use crate::http::{Error, Head, Request};
use crate::links::Links;
use crate::message::{InputRequest, Part};
use crate::progress::Progress;
use crate::refusal::Refusal;

/// Does what a call does and yields before it returns, as every function of a real host.
pub(super) async fn call<T>(call: Call, act: impl FnOnce(&World) -> Result<T, Refusal>) -> Result<T, Refusal> {
    let world = World::current();
    let outcome = match world.called(call) {
        Ok(()) => act(&world),
        Err(refusal) => Err(refusal),
    };
    give_way().await;
    outcome
}

/// Yields once.
pub(super) async fn give_way() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

pub(crate) async fn state(detail: Option<String>) -> Result<(), Refusal> {
    call(Call::State, |world| {
        world.record.borrow_mut().states.push(detail);
        Ok(())
    })
    .await
}

pub(crate) async fn progress(progress: Progress) -> Result<(), Refusal> {
    call(Call::Progress, |world| {
        world.record.borrow_mut().progress.push(progress);
        Ok(())
    })
    .await
}

pub(crate) async fn output(text: String) -> Result<(), Refusal> {
    call(Call::Output, |world| {
        world.record.borrow_mut().output.push_str(&text);
        Ok(())
    })
    .await
}

pub(crate) async fn post(parts: Vec<Part>, in_reply_to: Option<String>) -> Result<String, Refusal> {
    call(Call::Post, |world| {
        let id = world.new_id("tmsg_");
        world.record.borrow_mut().posts.push(Posted { id: id.clone(), parts, in_reply_to });
        Ok(id)
    })
    .await
}

pub(crate) async fn request_input(prompt: String, expected: Option<String>) -> Result<String, Refusal> {
    call(Call::RequestInput, |world| {
        let expected = expected.map(|schema| serde_json::from_str(&schema)).transpose();
        let expected = expected.map_err(|error| Refusal::Invalid(format!("expected: {error}")))?;
        let id = world.new_id("inreq_");
        let request = InputRequest { id: id.clone(), prompt, expected };
        world.record.borrow_mut().questions.push(request.clone());
        *world.pending.borrow_mut() = Some(request);
        Ok(id)
    })
    .await
}

pub(crate) async fn draft(name: String, chunk: Vec<u8>) -> Result<(), Refusal> {
    call(Call::Draft, |world| {
        world.record.borrow_mut().drafts.entry(name).or_default().extend(chunk);
        Ok(())
    })
    .await
}

pub(crate) async fn artifact(mut artifact: Artifact) -> Result<(), Refusal> {
    call(Call::Artifact, |world| {
        let mut record = world.record.borrow_mut();
        if artifact.content == Content::Draft {
            let Some(bytes) = record.drafts.remove(&artifact.name) else {
                return Err(Refusal::Invalid(format!("nothing was drafted as `{}`", artifact.name)));
            };
            artifact.content = Content::Bytes(bytes);
        }
        record.artifacts.push(artifact);
        Ok(())
    })
    .await
}

pub(crate) async fn link(links: Links) -> Result<(), Refusal> {
    call(Call::Link, |world| {
        let mut record = world.record.borrow_mut();
        for id in links.resource_ids {
            if !record.resource_ids.contains(&id) {
                record.resource_ids.push(id);
            }
        }
        record.child_session_id = links.child_session_id.or(record.child_session_id.take());
        record.remote_task_id = links.remote_task_id.or(record.remote_task_id.take());
        Ok(())
    })
    .await
}

pub(crate) async fn checkpoint(state: Vec<u8>) -> Result<(), Refusal> {
    call(Call::Checkpoint, |world| {
        world.record.borrow_mut().checkpoints.push(state.clone());
        *world.checkpoint.borrow_mut() = Some(state);
        Ok(())
    })
    .await
}

pub(crate) fn cancel_requested() -> Option<Cancel> {
    let world = World::current();
    // It has no refusal to give.
    let _ = world.called(Call::CancelRequested);
    world.cancel.borrow().clone()
}

pub(crate) fn idempotency_key(call: &str) -> String {
    let world = World::current();
    let _ = world.called(Call::IdempotencyKey);
    world.idempotency_key(call)
}

pub(crate) fn now() -> u64 {
    World::current().now.get()
}

pub(crate) async fn sleep(milliseconds: u64) {
    let world = World::current();
    let _ = world.called(Call::Sleep);
    let until = world.now.get().saturating_add(milliseconds);
    poll_fn(|context| {
        if world.now.get() >= until {
            return Poll::Ready(());
        }
        world.wake_at(until, context.waker().clone());
        Poll::Pending
    })
    .await;
}

pub(crate) fn folder(name: &str) -> PathBuf {
    World::current().folder(name).unwrap_or_else(|| {
        panic!("the kind asks for the folder `{name}`, which the test has not granted: `MockHost::folder` does")
    })
}

pub(crate) async fn send(request: Request) -> Result<Head, Error> {
    let world = World::current();
    // A refusal of the sink's is told in the words that requests have.
    let refused = world.called(Call::Send).err().map(|refusal| match refusal {
        Refusal::Invalid(text) => Error::Invalid(text),
        Refusal::LimitExceeded(limit) => Error::LimitExceeded(limit),
        other => Error::Denied(other.to_string()),
    });
    world.record.borrow_mut().requests.push(request.clone());
    let reply = refused.map_or_else(|| world.replies.borrow_mut().next(&request), Err);
    give_way().await;
    reply?.answer(&request.url)
}
