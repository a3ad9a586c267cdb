//! `wakes`: what sessions are to be woken for, and acknowledging it.
//! Does not wake anybody: whoever reads this does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::{SessionId, Wake, WakeKey, clean_line};
use taskwright_store::{Change, Store};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use super::Context;
use crate::cli::WakesArgs;
use crate::exit_code::Exit;
use crate::render;

/// A look at the store even if nothing was heard, in case something was missed.
const SAFETY_POLL: Duration = Duration::from_secs(5);
/// Wakes, and sessions, that are read at a time.
const PAGE: usize = 1_000;

/// `wakes`.
pub(crate) async fn wakes(context: &Context, args: &WakesArgs) -> Result<Exit> {
    let store = context.home.open().await?;
    // People need none, and reading should make no file for them.
    let key = context.out.is_json().then(|| context.home.wake_key());
    let mut reader = Reader { context, args, key: key.transpose()?, shown: BTreeSet::new(), told: false };
    // Subscribed before the first look: what is written in between is not missed.
    let mut changes = store.changes();
    loop {
        let found = reader.look(&store).await?;
        if !args.follow {
            if found == 0 && !context.out.is_json() {
                context.out.notice("no wakes");
            }
            return Ok(Exit::Succeeded);
        }
        wait(&mut changes).await;
    }
}

/// Waits for a wake of any session, a commit of another process, or a while.
async fn wait(changes: &mut Receiver<Change>) {
    let poll = Instant::now() + SAFETY_POLL;
    loop {
        match timeout_at(poll, changes.recv()).await {
            Ok(Ok(Change::Task { .. } | Change::Session { .. })) => {}
            Ok(Ok(Change::Woken { .. } | Change::Elsewhere) | Err(RecvError::Lagged(_))) | Err(_) => return,
            // The store's writer is gone; the next look says so.
            Ok(Err(RecvError::Closed)) => return,
        }
    }
}

struct Reader<'a> {
    context: &'a Context,
    args: &'a WakesArgs,
    key: Option<WakeKey>,
    /// The wakes that were shown and are not acknowledged.
    shown: BTreeSet<u64>,
    /// Whether it was said that there are more than can be shown.
    told: bool,
}

impl Reader<'_> {
    /// Shows what is there and was not shown. Returns how many wakes there were.
    async fn look(&mut self, store: &Arc<dyn Store>) -> Result<usize> {
        let mut pending = BTreeSet::new();
        if self.args.all_sessions {
            let mut after = None;
            loop {
                let page = store.sessions_with_wakes(after, PAGE).await?;
                for session in &page.sessions {
                    self.look_at(store, session, &mut pending).await?;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        } else {
            self.look_at(store, &self.context.session, &mut pending).await?;
        }
        let found = pending.len();
        self.shown = pending;
        Ok(found)
    }

    async fn look_at(
        &mut self,
        store: &Arc<dyn Store>,
        session: &SessionId,
        pending: &mut BTreeSet<u64>,
    ) -> Result<()> {
        loop {
            let page = store.wakes(session, PAGE).await?;
            for wake in &page {
                if !self.shown.contains(&wake.id) && pending.insert(wake.id) {
                    self.show(wake, store)?;
                }
                pending.insert(wake.id);
            }
            let full = page.more;
            if !self.args.ack {
                if full && !std::mem::replace(&mut self.told, true) {
                    self.context.out.notice(&format!(
                        "session {session} has {PAGE} wakes or more that nobody has acknowledged; later ones are shown after them, with --ack"
                    ));
                }
                return Ok(());
            }
            // They are written and flushed: whoever reads has them.
            let ids: Vec<u64> = page.iter().map(|wake| wake.id).collect();
            store.acknowledge_wakes(session, &ids).await?;
            if !full {
                return Ok(());
            }
        }
    }

    fn show(&self, wake: &Wake, store: &Arc<dyn Store>) -> Result<()> {
        let out = self.context.out;
        if let Some(key) = &self.key {
            out.json(&json!({"wake": wake, "provenance": key.provenance(wake)}))?;
        } else {
            let age = render::age(wake.created_at, store.now());
            out.line(&format!("{}  {}  {age} ago  {}", wake.id, wake.session_id, clean_line(&wake.text, 2_000)))?;
        }
        Ok(())
    }
}
