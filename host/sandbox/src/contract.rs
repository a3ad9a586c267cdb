//! The functions that a guest can call: checked, counted, passed on.
//! Does not store anything: the attempt's host does.

use std::sync::Arc;

use taskwright_registry::{idempotency_key, limit};
use wasmtime::component::{Accessor, HasData};

use crate::artifact::check_artifact_name;
use crate::attempt::Attempt;
use crate::bindings::taskwright::task::{clock, control, sink, types};
use crate::meter::{Meter, at_most};
use crate::turn::give_way;
use crate::{AttemptError, AttemptHost, OutputStream, Refusal, convert};

/// Names the store's data to the generated bindings.
pub(crate) struct Contract;

impl HasData for Contract {
    type Data<'a> = &'a mut Attempt;
}

pub(crate) type Answer<T> = wasmtime::Result<Result<T, types::Refusal>>;

/// One call of the sink. It waits for its turn where the guest calls too often, and it yields before it returns: a guest
/// that reports is a guest that hears, also one that never waits for anything else.
pub(crate) async fn report<S, R, W>(
    accessor: &Accessor<S, Contract>,
    bytes: usize,
    work: impl FnOnce(Arc<dyn AttemptHost>, Arc<Meter>) -> W,
) -> Answer<R>
where
    S: 'static,
    W: Future<Output = Result<R, Refusal>>,
{
    let (host, meter, on_virtual_time) = accessor.with(|mut access| {
        let attempt = access.get();
        (attempt.host.clone(), attempt.meter.clone(), attempt.virtual_clock.is_some())
    });
    let _carried = meter.carry(bytes)?;
    if on_virtual_time {
        // Done before it returns: a call that is under way would be over by the host's time.
        meter.look()?;
        return Ok(work(host, meter.clone()).await.map_err(convert::refusal));
    }
    meter.host_call_in_turn().await?;
    let outcome = work(host, meter.clone()).await;
    give_way().await;
    Ok(outcome.map_err(convert::refusal))
}

pub(crate) fn len(text: Option<&String>) -> usize {
    text.map_or(0, String::len)
}

impl types::Host for Attempt {}
impl sink::Host for Attempt {}

impl<S: Send> sink::HostWithStore<S> for Contract {
    async fn state(accessor: &Accessor<S, Self>, detail: Option<String>) -> Answer<()> {
        report(accessor, len(detail.as_ref()), async |host, _| {
            at_most("state_detail_bytes", len(detail.as_ref()) as u64, limit::STATE_DETAIL_BYTES as u64)?;
            host.state(detail).await
        })
        .await
    }

    async fn progress(accessor: &Accessor<S, Self>, given: types::ProgressReport) -> Answer<()> {
        report(accessor, len(given.unit.as_ref()) + len(given.label.as_ref()), async |host, _| {
            at_most("progress_unit_bytes", len(given.unit.as_ref()) as u64, limit::PROGRESS_UNIT_BYTES as u64)?;
            at_most("progress_label_bytes", len(given.label.as_ref()) as u64, limit::PROGRESS_LABEL_BYTES as u64)?;
            host.progress(convert::progress(given)).await
        })
        .await
    }

    async fn output(accessor: &Accessor<S, Self>, text: String) -> Answer<()> {
        report(accessor, text.len(), async |host, meter| {
            meter.output(text.len())?;
            host.output(OutputStream::Output, text).await
        })
        .await
    }

    async fn post(
        accessor: &Accessor<S, Self>,
        parts: Vec<types::Part>,
        in_reply_to: Option<String>,
    ) -> Answer<String> {
        let bytes: usize = parts.iter().map(convert::part_bytes).sum();
        report(accessor, bytes + len(in_reply_to.as_ref()), async |host, meter| {
            let parts = convert::message_parts(parts, in_reply_to.as_ref())?;
            meter.message()?;
            host.post(parts, in_reply_to).await
        })
        .await
    }

    async fn request_input(accessor: &Accessor<S, Self>, prompt: String, expected: Option<String>) -> Answer<String> {
        report(accessor, prompt.len() + len(expected.as_ref()), async |host, meter| {
            at_most("prompt_bytes", prompt.len() as u64, limit::PROMPT_BYTES as u64)?;
            at_most("expected_bytes", len(expected.as_ref()) as u64, limit::EXPECTED_BYTES as u64)?;
            let expected = convert::expected(expected.as_deref())?;
            meter.message()?;
            host.request_input(prompt, expected).await
        })
        .await
    }

    async fn draft(accessor: &Accessor<S, Self>, name: String, chunk: Vec<u8>) -> Answer<()> {
        report(accessor, name.len() + chunk.len(), async |host, meter| {
            check_artifact_name(&name)?;
            meter.artifact(chunk.len())?;
            host.draft(name, chunk).await
        })
        .await
    }

    async fn artifact(accessor: &Accessor<S, Self>, entry: sink::ArtifactEntry) -> Answer<()> {
        let content = convert::content_bytes(&entry.content);
        report(accessor, entry.name.len() + entry.media_type.len() + content, async |host, meter| {
            let artifact = convert::artifact(entry);
            artifact.check()?;
            if let crate::ArtifactContent::Bytes(bytes) = &artifact.content {
                meter.artifact(bytes.len())?;
            }
            host.artifact(artifact).await
        })
        .await
    }

    async fn link(accessor: &Accessor<S, Self>, links: sink::LinkSet) -> Answer<()> {
        let ids = || links.resource_ids.iter().chain(&links.child_session_id).chain(&links.remote_task_id);
        report(accessor, ids().map(String::len).sum(), async |host, _| {
            at_most("resource_ids", links.resource_ids.len() as u64, limit::RESOURCE_IDS as u64)?;
            for id in ids() {
                at_most("link_bytes", id.len() as u64, limit::LINK_BYTES as u64)?;
            }
            host.link(convert::links(links.clone())).await
        })
        .await
    }

    async fn checkpoint(accessor: &Accessor<S, Self>, state: Vec<u8>) -> Answer<()> {
        report(accessor, state.len(), async |host, meter| {
            meter.checkpoint(state.len())?;
            host.checkpoint(state).await
        })
        .await
    }
}

impl control::Host for Attempt {
    fn cancel_requested(&mut self) -> wasmtime::Result<Option<types::Cancel>> {
        // Not made to wait: it is for guests in a long stretch of their own, and costs next to nothing.
        self.meter.look()?;
        Ok(self.host.cancel_requested().map(convert::cancel))
    }

    fn idempotency_key(&mut self, call: String) -> wasmtime::Result<String> {
        self.meter.look()?;
        // It has no refusal to give, so what it cannot do ends the attempt.
        let (allowed, used) = (limit::IDEMPOTENT_CALL_BYTES as u64, call.len() as u64);
        if used > allowed {
            let dimension = "idempotent_call_bytes";
            return Err(self.meter.condemn(AttemptError::Exhausted { dimension, allowed, used }));
        }
        let Some((task, attempt)) = &self.made_for else {
            let message = "`control.idempotency-key` was called where there is no attempt".to_owned();
            return Err(self.meter.condemn(AttemptError::Trap { message }));
        };
        Ok(idempotency_key(task, *attempt, &call))
    }
}

impl clock::Host for Attempt {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.meter.look()?;
        Ok(match &self.virtual_clock {
            Some(clock) => clock.millis(),
            None => convert::timestamp(self.host.now()),
        })
    }
}

impl<S: Send> clock::HostWithStore<S> for Contract {
    async fn sleep(accessor: &Accessor<S, Self>, duration: u64) -> wasmtime::Result<()> {
        let (meter, virtual_clock) = accessor.with(|mut access| {
            let attempt = access.get();
            (attempt.meter.clone(), attempt.virtual_clock.clone())
        });
        let duration = std::time::Duration::from_millis(duration);
        if let Some(clock) = virtual_clock {
            meter.look()?;
            clock.pass(duration);
            return Ok(());
        }
        let turn = meter.host_call()?.unwrap_or_default();
        tokio::time::sleep(turn.max(duration)).await;
        give_way().await;
        Ok(())
    }
}
