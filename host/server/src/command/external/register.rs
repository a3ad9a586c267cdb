//! `external register`: creates a task whose work is done elsewhere, and takes it on.
//! Does not look for its kind: no kind of that name has to be known here.

use anyhow::Result;
use taskwright_registry::{CancelMode, Recovery};

use super::{Context, handed};
use crate::cli::RegisterArgs;
use crate::command::terms::on_terms;
use crate::exit_code::Exit;
use crate::json_argument::json_argument;

/// `external register`.
pub(super) async fn register(context: &Context, args: &RegisterArgs) -> Result<Exit> {
    let spec = json_argument("--spec", &args.spec)?;
    let store = context.home.open_or_create().await?;
    let session = context.home.reader(store.clone())?.session(context.session.clone());
    let request = session.task(&args.kind, spec).recovery(Recovery::External).producer("taskwright command line");
    let mut request = on_terms(context, &store, request, &args.terms, CancelMode::External).await?;
    if let Some(key) = &args.idempotency_key {
        request = request.idempotency_key(key);
    }
    let created = request.create().await?;
    let task = session.take_on(&created.id, args.remote.clone()).await?;
    handed(context, &task, &task.task().await?)
}
