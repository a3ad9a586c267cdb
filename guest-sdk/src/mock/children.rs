//! Children as the mock host has them: they do nothing until the test says how they end.
//! It does not run them: their kinds have tests of their own.

use std::future::poll_fn;
use std::task::Poll;

use serde_json::Value;

use super::call::Call;
use super::imports::call;
use super::world::World;
use crate::child::{ChildInfo, ChildState, NewChild};
use crate::message::Part;
use crate::refusal::Refusal;

/// A child that a kind has begun.
#[derive(Debug, Clone, PartialEq)]
pub struct MockChild {
    /// What the kind asked for.
    pub new: NewChild,
    /// How it stands.
    pub info: ChildInfo,
    /// What it left.
    pub result: Option<Value>,
    /// What the kind has sent to it, in order.
    pub messages: Vec<Vec<Part>>,
    /// Whether the kind has asked for its end. The mock host leaves it running, as a child may.
    pub cancel: Option<Option<String>>,
}

fn find<T>(world: &World, id: &str, look: impl FnOnce(&mut MockChild) -> T) -> Result<T, Refusal> {
    let mut record = world.record.borrow_mut();
    let found = record.children.iter_mut().find(|child| child.info.id == id);
    found.map(look).ok_or_else(|| Refusal::Invalid(format!("id: this task has no child `{id}`")))
}

pub(crate) async fn spawn(new: NewChild) -> Result<String, Refusal> {
    call(Call::Spawn, |world| {
        let same = |child: &&MockChild| child.new.call == new.call;
        if let Some(child) = world.record.borrow().children.iter().find(same) {
            if (&child.new.kind, &child.new.spec) != (&new.kind, &new.spec) {
                return Err(Refusal::Invalid("call: it has begun another child".to_owned()));
            }
            return Ok(child.info.id.clone());
        }
        let info = ChildInfo {
            id: world.new_id("task_"),
            kind: new.kind.clone(),
            display_name: new.display_name.clone().unwrap_or_else(|| new.kind.clone()),
            name: new.name.clone(),
            state: ChildState::Running,
            state_detail: None,
            progress: None,
            question: None,
            summary: None,
            error: None,
            attempt: 1,
            created_at: world.now.get(),
            finished_at: None,
        };
        let id = info.id.clone();
        let child = MockChild { new, info, result: None, messages: Vec::new(), cancel: None };
        world.record.borrow_mut().children.push(child);
        Ok(id)
    })
    .await
}

pub(crate) async fn children(after: Option<String>) -> Result<Vec<ChildInfo>, Refusal> {
    call(Call::Children, |world| {
        if let Some(after) = &after {
            find(world, after, |_| ())?;
        }
        let record = world.record.borrow();
        let all = record.children.iter().map(|child| child.info.clone());
        Ok(match &after {
            Some(after) => all.skip_while(|child| child.id != *after).skip(1).take(100).collect(),
            None => all.take(100).collect(),
        })
    })
    .await
}

pub(crate) async fn child(id: String) -> Result<ChildInfo, Refusal> {
    call(Call::Child, |world| find(world, &id, |child| child.info.clone())).await
}

pub(crate) async fn child_result(id: String) -> Result<Option<Value>, Refusal> {
    call(Call::ChildResult, |world| find(world, &id, |child| child.result.clone())).await
}

pub(crate) async fn wait_children(ids: Vec<String>, timeout: Option<u64>) -> Result<Option<ChildInfo>, Refusal> {
    call(Call::WaitChildren, |world| ids.iter().try_for_each(|id| find(world, id, |_| ()))).await?;
    let world = World::current();
    let until = timeout.map(|time| world.now.get().saturating_add(time));
    poll_fn(|context| {
        let over = ids.iter().find_map(|id| {
            let info = find(&world, id, |child| child.info.clone()).ok()?;
            info.state.is_over().then_some(info)
        });
        if over.is_some() || until.is_some_and(|until| world.now.get() >= until) {
            return Poll::Ready(Ok(over));
        }
        if let Some(until) = until {
            world.wake_at(until, context.waker().clone());
        }
        world.wake_with_children(context.waker().clone());
        Poll::Pending
    })
    .await
}

pub(crate) async fn cancel_child(id: String, reason: Option<String>) -> Result<(), Refusal> {
    call(Call::CancelChild, |world| {
        find(world, &id, |child| {
            child.cancel.get_or_insert(reason);
        })
    })
    .await
}

pub(crate) async fn message_child(
    id: String,
    parts: Vec<Part>,
    _in_reply_to: Option<String>,
) -> Result<String, Refusal> {
    call(Call::MessageChild, |world| {
        find(world, &id, |child| child.messages.push(parts))?;
        Ok(world.new_id("tmsg_"))
    })
    .await
}
