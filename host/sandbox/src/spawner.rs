//! The functions of `spawner`: checked against the grant as it is now, counted, passed on.
//! Does not know which tasks are whose children: the attempt's host does.

use std::sync::Arc;
use std::time::Duration;

use taskwright_registry::limit;
use wasmtime::component::Accessor;

use crate::attempt::Attempt;
use crate::bindings::taskwright::task::{spawner, types};
use crate::child::{CALL_BYTES, CHILDREN_AT_ONCE};
use crate::contract::{Answer, Contract, len, report};
use crate::meter::at_most;
use crate::{AttemptHost, NewChild, Refusal, SpawnGrant, convert};

/// What is said where nothing is granted.
fn denied(what: &str) -> Refusal {
    Refusal::Denied(format!(
        "{what}; the operator allows it by naming the child's kind in the `kinds` of this kind's `spawner` in taskwright.toml"
    ))
}

/// One call of the spawner, by a kind that is granted it now.
async fn call<S, R, W>(
    accessor: &Accessor<S, Contract>,
    bytes: usize,
    work: impl FnOnce(Arc<dyn AttemptHost>, SpawnGrant) -> W,
) -> Answer<R>
where
    S: 'static,
    W: Future<Output = Result<R, Refusal>>,
{
    let grants = accessor.with(|mut access| access.get().grants.clone());
    report(accessor, bytes, async |host, _| {
        let Some(grant) = grants.current().spawner.clone() else {
            return Err(denied("this kind is not granted child tasks"));
        };
        work(host, grant).await
    })
    .await
}

fn id_bytes(id: &str) -> Result<(), Refusal> {
    at_most("task_id_bytes", id.len() as u64, limit::LINK_BYTES as u64)
}

fn new_child(given: spawner::NewChild) -> Result<NewChild, Refusal> {
    at_most("call_name_bytes", given.call.len() as u64, CALL_BYTES as u64)?;
    if given.call.is_empty() {
        return Err(Refusal::Invalid("call: must not be empty; name what this child is for".to_owned()));
    }
    at_most("spec_bytes", given.spec.len() as u64, limit::SPEC_BYTES as u64)?;
    let spec = taskwright_registry::parse_json(&given.spec);
    Ok(NewChild {
        call: given.call,
        kind: given.kind,
        spec: spec.map_err(|error| Refusal::Invalid(format!("spec: {error}")))?,
        display_name: given.display_name,
        name: given.name,
        max_attempts: given.max_attempts,
        budget: convert::wishes(&given.budget),
        deadline: given.deadline.map(Duration::from_millis),
        attempt_timeout: given.attempt_timeout.map(Duration::from_millis),
    })
}

impl spawner::Host for Attempt {}

impl<S: Send> spawner::HostWithStore<S> for Contract {
    async fn spawn(accessor: &Accessor<S, Self>, child: spawner::NewChild) -> Answer<String> {
        let meter = accessor.with(|mut access| access.get().meter.clone());
        let texts = [len(child.display_name.as_ref()), len(child.name.as_ref())];
        let bytes = child.call.len() + child.kind.len() + child.spec.len() + texts.iter().sum::<usize>();
        call(accessor, bytes, async |host, grant| {
            if !grant.kinds.contains(&child.kind) {
                let kind = taskwright_registry::clean_line(&child.kind, 80);
                return Err(denied(&format!("this kind may not begin children of the kind `{kind}`")));
            }
            let child = new_child(child)?;
            meter.child()?;
            let spawned = host.spawn(child, Some(&grant)).await;
            if !spawned.as_ref().is_ok_and(|spawned| spawned.fresh) {
                meter.no_child();
            }
            Ok(spawned?.id)
        })
        .await
    }

    async fn children(accessor: &Accessor<S, Self>, after: Option<String>) -> Answer<Vec<spawner::Snapshot>> {
        call(accessor, len(after.as_ref()), async |host, _| {
            after.as_deref().map_or(Ok(()), id_bytes)?;
            Ok(host.children(after).await?.into_iter().map(convert::child).collect())
        })
        .await
    }

    async fn child(accessor: &Accessor<S, Self>, id: String) -> Answer<spawner::Snapshot> {
        call(accessor, id.len(), async |host, _| {
            id_bytes(&id)?;
            host.child(id).await.map(convert::child)
        })
        .await
    }

    async fn child_result(accessor: &Accessor<S, Self>, id: String) -> Answer<Option<String>> {
        call(accessor, id.len(), async |host, _| {
            id_bytes(&id)?;
            Ok(host.child_result(id).await?.map(|result| result.to_string()))
        })
        .await
    }

    async fn wait(
        accessor: &Accessor<S, Self>,
        ids: Vec<String>,
        timeout: Option<u64>,
    ) -> Answer<Option<spawner::Snapshot>> {
        call(accessor, ids.iter().map(String::len).sum(), async |host, _| {
            at_most("children_at_once", ids.len() as u64, CHILDREN_AT_ONCE as u64)?;
            if ids.is_empty() {
                return Err(Refusal::Invalid("ids: name at least one child".to_owned()));
            }
            ids.iter().try_for_each(|id| id_bytes(id))?;
            Ok(host.wait_children(ids, timeout.map(Duration::from_millis)).await?.map(convert::child))
        })
        .await
    }

    async fn cancel_child(accessor: &Accessor<S, Self>, id: String, reason: Option<String>) -> Answer<()> {
        call(accessor, id.len() + len(reason.as_ref()), async |host, _| {
            id_bytes(&id)?;
            at_most("reason_bytes", len(reason.as_ref()) as u64, limit::REASON_BYTES as u64)?;
            host.cancel_child(id, reason).await
        })
        .await
    }

    async fn message_child(
        accessor: &Accessor<S, Self>,
        id: String,
        parts: Vec<types::Part>,
        in_reply_to: Option<String>,
    ) -> Answer<String> {
        let meter = accessor.with(|mut access| access.get().meter.clone());
        let bytes: usize = parts.iter().map(convert::part_bytes).sum();
        call(accessor, id.len() + bytes + len(in_reply_to.as_ref()), async |host, _| {
            id_bytes(&id)?;
            let parts = convert::message_parts(parts, in_reply_to.as_ref())?;
            meter.message()?;
            host.message_child(id, parts, in_reply_to).await
        })
        .await
    }
}
