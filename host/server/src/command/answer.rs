//! `answer`: the answer to a task's open question.
//! Does not guess which question is meant: a task has one at most.

use anyhow::Result;

use super::Context;
use super::send::{record, report};
use crate::cli::AnswerArgs;
use crate::exit_code::{Exit, refused};
use crate::find_task::find_task;
use crate::part;

/// `answer`.
pub(crate) async fn answer(context: &Context, args: &AnswerArgs) -> Result<Exit> {
    let given = part::given(args.text.as_deref(), args.data.as_deref())?;
    let store = context.home.open().await?;
    let task = find_task(&store, &context.session, &args.task).await?;
    let Some(open) = &task.input_request else {
        return Err(refused(format!(
            "task {} asks nothing at the moment: it is {}. `taskwright send` is for messages that answer nothing",
            task.id, task.state
        )));
    };
    let sent = record(context, &*store, &task, part::answer(open, given), Some(open.id.to_string())).await?;
    report(context, &sent)
}
