//! The rules of docs/lifecycle.md that concern the core, each as a function over one step of a life.
//! Does not hold the rules that only a store can keep: its suite does.

use std::collections::BTreeSet;

use taskwright_registry::{
    CancelMode, Direction, DispatchChange, EventBody, Phase, Recovery, Rejection, State, Supersede, Task, Usage,
    WakeCause, WakePolicy,
};

use crate::life::{ALLOWED, Command, Life, Step};

pub(crate) type Invariant = fn(&Step, &Life) -> Result<(), String>;

macro_rules! all {
    ($($name:ident),+ $(,)?) => {
        pub(crate) const ALL: &[(&str, Invariant)] = &[$((stringify!($name), $name)),+];
    };
}

all![
    invariant_1_a_terminal_state_is_final,
    invariant_2_a_finished_task_takes_content_alone,
    invariant_3_a_rejected_wish_changes_nothing,
    invariant_4_the_version_grows_by_one_with_each_change,
    invariant_5_only_the_current_writer_is_heard,
    invariant_6_the_claim_number_grows_with_each_instance_alone,
    invariant_7_the_attempt_grows_in_the_write_that_supersedes,
    invariant_8_the_stamps_are_set_once,
    invariant_9_what_is_over_is_at_rest,
    invariant_10_a_question_is_open_exactly_in_awaiting_input,
    invariant_11_only_the_answer_to_the_open_question_resumes,
    invariant_12_no_question_has_the_id_of_another,
    invariant_13_a_message_and_its_resumption_are_one_change,
    invariant_14_an_outcome_beats_a_question,
    invariant_15_links_merge_and_artifacts_append,
    invariant_16_what_arrives_makes_a_sleeper_due,
    invariant_17_a_cancel_is_never_erased,
    invariant_18_wakes_follow_the_policy,
    invariant_19_no_cause_wakes_twice,
    invariant_20_a_cancel_ends_what_never_started,
    invariant_22_a_retried_task_stays_live,
    invariant_26_a_heartbeat_leaves_no_trace,
    invariant_27_a_host_is_named_exactly_while_resident,
    invariant_28_there_is_no_way_back_to_queued,
    invariant_29_unread_counts_what_was_not_taken,
    invariant_31_every_text_has_a_limit,
    invariant_34_updated_at_never_goes_back,
    invariant_36_what_a_lost_host_held_goes_on_or_ends_in_one_write,
    invariant_38_an_attempt_is_timed_from_its_first_instance,
    invariant_39_what_a_lost_instance_held_comes_back,
    invariant_40_all_instances_of_an_attempt_share_its_budget,
    invariant_43_a_task_stays_on_the_code_that_it_began_with,
    invariant_51_work_elsewhere_is_nothing_for_hosts,
    invariant_52_who_takes_work_elsewhere_on_supersedes_whoever_had_it,
    invariant_53_a_cancel_of_work_elsewhere_waits_until_it_was_heard,
    invariant_54_the_end_of_a_hidden_task_is_taken_note_of_once,
    invariant_56_a_kind_that_takes_no_messages_is_sent_none,
];

fn hold(condition: bool, broken: &str) -> Result<(), String> {
    if condition { Ok(()) } else { Err(broken.to_owned()) }
}

// L1
fn invariant_1_a_terminal_state_is_final(step: &Step, _: &Life) -> Result<(), String> {
    let stays = step.before.state.is_live() || step.after().state == step.before.state;
    hold(stays, "a finished task changed its state")?;
    let asked = step.command.update().and_then(|update| update.state);
    let other = step.before.state.is_terminal() && asked.is_some_and(|state| state != step.before.state);
    hold(!other || step.outcome.is_err(), "a wish for another state was accepted")
}

// L2
fn invariant_2_a_finished_task_takes_content_alone(step: &Step, _: &Life) -> Result<(), String> {
    let after = step.after();
    hold(after.state != State::Succeeded || after.error.is_none(), "a success has an error")?;
    if step.before.state.is_live() {
        return Ok(());
    }
    let content = |task: &Task| Task {
        summary: None,
        result_path: None,
        artifacts: Vec::new(),
        links: taskwright_registry::Links::default(),
        error: None,
        usage: taskwright_registry::Usage::default(),
        reported_at: None,
        updated_at: step.now,
        version: 0,
        dispatch: taskwright_registry::Dispatch { unread: 0, ..task.dispatch.clone() },
        ..task.clone()
    };
    hold(content(after) == content(&step.before), "a finished task changed beside its content")
}

// L3
fn invariant_3_a_rejected_wish_changes_nothing(step: &Step, life: &Life) -> Result<(), String> {
    hold(step.outcome.is_ok() || life.task == step.before, "a rejected wish changed the record")?;
    // The core is a function: what it rejected it rejects again, for the same reason.
    let again = match (&step.outcome, &step.command) {
        (Err(first), Command::Update(update)) => {
            taskwright_registry::apply(&step.before, (**update).clone(), step.now).as_ref() == Err(first)
        }
        _ => true,
    };
    hold(again, "a rejection was not repeated")
}

// L4
fn invariant_4_the_version_grows_by_one_with_each_change(step: &Step, _: &Life) -> Result<(), String> {
    let Ok(effects) = &step.outcome else { return Ok(()) };
    let grown = step.before.version + u64::from(effects.changed);
    hold(effects.task.version == grown, "the version did not grow with the change")?;
    hold(effects.changed || effects.task == step.before, "a change was not said to be one")
}

// L5, L55
fn invariant_5_only_the_current_writer_is_heard(step: &Step, _: &Life) -> Result<(), String> {
    let actual = step.before.fence();
    match step.command.fence() {
        Some(expected) if expected != actual => {
            let superseded = Rejection::Superseded { expected, actual };
            hold(step.outcome.as_ref().err() == Some(&superseded), "a stale write was not rejected as superseded")
        }
        _ => hold(
            !matches!(step.outcome, Err(Rejection::Superseded { .. })),
            "the current writer was rejected as superseded",
        ),
    }
}

// L6
fn invariant_6_the_claim_number_grows_with_each_instance_alone(step: &Step, life: &Life) -> Result<(), String> {
    hold(step.after().dispatch.claim == life.claims, "the claim number is not the number of claims")
}

// L7
fn invariant_7_the_attempt_grows_in_the_write_that_supersedes(step: &Step, life: &Life) -> Result<(), String> {
    let (before, after) = (&step.before, step.after());
    let asks = step.command.update().is_some_and(|update| update.supersede.is_some());
    let external = before.recovery == Recovery::External;
    let reattaches = matches!(step.command, Command::Loss(_)) && !external && step.after().state.is_live();
    let takes_over = matches!(step.command, Command::TakeOn(_)) && before.dispatch.claim > 0;
    let supersedes = (asks || reattaches || takes_over) && step.outcome.is_ok();
    hold(after.attempt == before.attempt + u32::from(supersedes), "the attempt did not grow as it should")?;
    hold(after.attempt == life.attempts, "the attempt is not the number of attempts")?;
    hold(external || after.attempt == 1 + after.retries + after.crashes, "an attempt ended for no reason")
}

// L8
fn invariant_8_the_stamps_are_set_once(step: &Step, _: &Life) -> Result<(), String> {
    let (before, after) = (&step.before, step.after());
    let kept = |earlier: &Option<_>, later: &Option<_>| earlier.is_none() || earlier == later;
    hold(kept(&before.started_at, &after.started_at), "started_at moved")?;
    hold(kept(&before.finished_at, &after.finished_at), "finished_at moved")?;
    hold(after.started_at.is_some() == (after.state != State::Queued), "started_at does not fit the state")?;
    hold(after.finished_at.is_some() == after.state.is_terminal(), "finished_at does not fit the state")
}

// L9
fn invariant_9_what_is_over_is_at_rest(step: &Step, _: &Life) -> Result<(), String> {
    let task = step.after();
    hold((task.dispatch.phase == Phase::Over) == task.state.is_terminal(), "the phase does not fit the state")?;
    let rest = task.dispatch.host.is_none()
        && task.dispatch.due_at.is_none()
        && task.retry_at.is_none()
        && task.input_request.is_none()
        && task.state_detail.is_none();
    hold(task.state.is_live() || rest, "a finished task still wants something")
}

// L10
fn invariant_10_a_question_is_open_exactly_in_awaiting_input(step: &Step, _: &Life) -> Result<(), String> {
    let task = step.after();
    hold(task.input_request.is_some() == (task.state == State::AwaitingInput), "a question does not fit the state")
}

// L11
fn invariant_11_only_the_answer_to_the_open_question_resumes(step: &Step, _: &Life) -> Result<(), String> {
    let Command::Message(message) = &step.command else { return Ok(()) };
    let open = step.before.input_request.as_ref();
    let refers = open.is_some_and(|open| message.in_reply_to.as_deref() == Some(open.id.as_str()));
    let answers = refers && message.direction == Direction::Inbound;
    match &step.outcome {
        Ok(effects) => {
            hold(effects.answered == answers, "an answer was not told from another message")?;
            let still_open = effects.task.input_request == step.before.input_request;
            hold(still_open != answers, "a question was closed by what is no answer, or left open by one")
        }
        Err(Rejection::Invalid { field, .. }) if field.starts_with("answer") => {
            let expects = open.is_some_and(|open| open.expected.is_some());
            hold(answers && expects, "a message was judged as an answer that is none")
        }
        Err(_) => Ok(()),
    }
}

// L12
fn invariant_12_no_question_has_the_id_of_another(_: &Step, life: &Life) -> Result<(), String> {
    hold(life.asked.iter().collect::<BTreeSet<_>>().len() == life.asked.len(), "an id was used twice")?;
    hold(life.asked.is_sorted(), "a later question sorts before an earlier one")
}

// L13
fn invariant_13_a_message_and_its_resumption_are_one_change(step: &Step, _: &Life) -> Result<(), String> {
    let Ok(effects) = &step.outcome else { return Ok(()) };
    let is_message = matches!(step.command, Command::Message(_));
    hold(effects.message.is_some() == is_message, "a message was accepted and is not there")?;
    let told = effects
        .events
        .iter()
        .filter(|body| matches!(body, EventBody::MessageSent { .. } | EventBody::MessageReceived { .. }));
    hold(told.count() == usize::from(is_message), "a message has not exactly one event")
}

// L14
fn invariant_14_an_outcome_beats_a_question(step: &Step, _: &Life) -> Result<(), String> {
    let Some(update) = step.command.update() else { return Ok(()) };
    let both = update.input_request.is_some() && update.state.is_some_and(State::is_terminal);
    let wins = step.after().state.is_terminal() && step.after().input_request.is_none();
    hold(!(both && step.outcome.is_ok()) || wins, "a question beat the outcome")
}

// L15
fn invariant_15_links_merge_and_artifacts_append(step: &Step, life: &Life) -> Result<(), String> {
    let (before, after) = (&step.before, step.after());
    hold(after.artifacts.starts_with(&before.artifacts), "an artifact was lost or moved")?;
    hold(after.artifacts.len() == life.artifacts, "an artifact is missing")?;
    let links = &after.links.resource_ids;
    hold(links.starts_with(&before.links.resource_ids), "a link was lost or moved")?;
    let distinct: BTreeSet<String> = links.iter().cloned().collect();
    hold(distinct.len() == links.len() && distinct == life.links, "a link is missing or there twice")
}

// L16
fn invariant_16_what_arrives_makes_a_sleeper_due(step: &Step, _: &Life) -> Result<(), String> {
    let task = step.after();
    if step.outcome.is_err() || task.dispatch.phase != Phase::Hibernating {
        return Ok(());
    }
    let ignored = match step.command.update().and_then(|update| update.dispatch.as_ref()) {
        Some(DispatchChange::Hibernate { ignored, .. }) => *ignored,
        _ => 0,
    };
    let unheard = task.dispatch.unread > ignored || (task.cancel.is_some() && !task.dispatch.cancel_delivered);
    let lies_down = step.before.dispatch.phase != Phase::Hibernating;
    let arrives = matches!(&step.command, Command::Message(message) if message.direction == Direction::Inbound)
        || (matches!(step.command, Command::Cancel(_)) && step.before.cancel.is_none());
    let due = task.dispatch.due_at.is_some_and(|due_at| due_at <= step.now);
    hold(!(arrives || (lies_down && unheard)) || due, "a task sleeps over what has arrived")
}

// L17
fn invariant_17_a_cancel_is_never_erased(step: &Step, _: &Life) -> Result<(), String> {
    let (before, after) = (&step.before, step.after());
    hold(before.cancel.is_none() || before.cancel == after.cancel, "a cancel was erased or replaced")?;
    let asks = matches!(step.command, Command::Cancel(_));
    hold(before.cancel == after.cancel || asks, "a cancel came from nowhere")?;
    let without_effect = before.state.is_terminal() || before.cancel.is_some();
    hold(!(asks && without_effect) || after == before, "a cancel that changes nothing changed something")
}

// L18
fn invariant_18_wakes_follow_the_policy(step: &Step, _: &Life) -> Result<(), String> {
    let Ok(effects) = &step.outcome else { return Ok(()) };
    let ended = step.before.state.is_live() && effects.task.state.is_terminal();
    let open = |task: &Task| task.input_request.as_ref().map(|request| request.id.clone());
    let asked = open(&effects.task).is_some() && open(&effects.task) != open(&step.before);
    let sent = effects.message.as_ref().is_some_and(|message| message.direction == Direction::Outbound);
    let policy = step.before.wake_policy;
    let count = |of: fn(&WakeCause) -> bool| effects.wakes.iter().filter(|cause| of(cause)).count();
    let (ends, asks, sends) = (
        count(|cause| matches!(cause, WakeCause::Terminal { .. })),
        count(|cause| matches!(cause, WakeCause::AwaitingInput { .. })),
        count(|cause| matches!(cause, WakeCause::Message { .. })),
    );
    let active = policy == WakePolicy::OnActivity;
    hold(ends == usize::from(ended && policy != WakePolicy::Silent), "the end did not wake as it should")?;
    hold(asks == usize::from(asked && active), "a question did not wake as it should")?;
    hold(sends == usize::from(sent && active), "a message did not wake as it should")
}

// L19
fn invariant_19_no_cause_wakes_twice(_: &Step, life: &Life) -> Result<(), String> {
    let keys: BTreeSet<(u32, String)> = life.woken.iter().map(|(attempt, cause)| (*attempt, cause.key())).collect();
    hold(keys.len() == life.woken.len(), "a cause woke twice")?;
    let ends = life.woken.iter().filter(|(_, cause)| matches!(cause, WakeCause::Terminal { .. })).count();
    let expected = life.task.state.is_terminal() && life.task.wake_policy != WakePolicy::Silent;
    hold(ends == usize::from(expected), "the end did not wake exactly once")
}

// L20
fn invariant_20_a_cancel_ends_what_never_started(step: &Step, _: &Life) -> Result<(), String> {
    let asked = matches!(step.command, Command::Cancel(_)) && step.outcome.is_ok();
    match step.before.state {
        State::Queued if asked => hold(step.after().state == State::Canceled, "a queued task outlived its cancel"),
        _ if asked => hold(step.after().state == step.before.state, "a cancel ended a task that had started"),
        _ => Ok(()),
    }
}

// L22
fn invariant_22_a_retried_task_stays_live(step: &Step, _: &Life) -> Result<(), String> {
    let Some(update) = step.command.update() else { return Ok(()) };
    let Some(Supersede::Retry { at }) = &update.supersede else { return Ok(()) };
    if step.outcome.is_err() || update.dispatch.is_some() {
        return Ok(());
    }
    let task = step.after();
    hold(task.state.is_live() && task.dispatch.phase == Phase::Ready, "a retried task is not ready")?;
    hold(task.retry_at == Some(*at) && task.dispatch.due_at == Some(*at), "a retry is not due when it should be")?;
    hold(task.retries == step.before.retries + 1, "a retry was not counted")
}

// L26
fn invariant_26_a_heartbeat_leaves_no_trace(step: &Step, _: &Life) -> Result<(), String> {
    let Ok(effects) = &step.outcome else { return Ok(()) };
    hold(effects.changed || step.command.update().is_none() || effects.events.is_empty(), "nothing made an event")?;
    let Some(update) = step.command.update() else { return Ok(()) };
    let alone = taskwright_registry::TaskUpdate { fence: None, heartbeat: false, ..update.clone() };
    if update.heartbeat && alone == taskwright_registry::TaskUpdate::default() {
        hold(effects.events.is_empty() && effects.wakes.is_empty(), "a heartbeat made an event or a wake")?;
        return hold(effects.task.updated_at == step.before.updated_at, "a heartbeat moved updated_at");
    }
    Ok(())
}

// L27
fn invariant_27_a_host_is_named_exactly_while_resident(step: &Step, _: &Life) -> Result<(), String> {
    let dispatch = &step.after().dispatch;
    hold(dispatch.host.is_some() == (dispatch.phase == Phase::Resident), "a host does not fit the phase")?;
    let lies = matches!(dispatch.phase, Phase::Ready | Phase::Hibernating);
    hold(lies || dispatch.due_at.is_none(), "a due time does not fit the phase")?;
    let ready = dispatch.phase == Phase::Ready && step.after().recovery != Recovery::External;
    hold(!ready || dispatch.due_at.is_some(), "a ready task is never due")
}

// L28
fn invariant_28_there_is_no_way_back_to_queued(step: &Step, _: &Life) -> Result<(), String> {
    let (before, after) = (step.before.state, step.after().state);
    hold(after != State::Queued || before == State::Queued, "a task returned to queued")?;
    let asks = step.command.update().is_some_and(|update| update.input_request.is_some());
    let entered = after == State::AwaitingInput && before != State::AwaitingInput;
    hold(!entered || asks, "something other than a question led to awaiting_input")?;
    let claimed =
        matches!(step.command.update().and_then(|update| update.dispatch.as_ref()), Some(DispatchChange::Claim { .. }));
    hold(!(claimed && step.outcome.is_ok()) || after != State::Queued, "a claimed task did not start")
}

// L29
fn invariant_29_unread_counts_what_was_not_taken(step: &Step, life: &Life) -> Result<(), String> {
    hold(step.after().dispatch.unread == life.unread, "unread is not what was sent less what was taken")
}

// L31
fn invariant_31_every_text_has_a_limit(step: &Step, _: &Life) -> Result<(), String> {
    let summary = step.after().summary.as_ref().map_or(0, String::len);
    hold(summary <= taskwright_registry::limit::SUMMARY_BYTES, "a summary passed its limit")
}

// L34
fn invariant_34_updated_at_never_goes_back(step: &Step, _: &Life) -> Result<(), String> {
    hold(step.after().updated_at >= step.before.updated_at, "updated_at went back")
}

// L36
fn invariant_36_what_a_lost_host_held_goes_on_or_ends_in_one_write(step: &Step, _: &Life) -> Result<(), String> {
    let Command::Loss(limit) = step.command else { return Ok(()) };
    let (before, after) = (&step.before, step.after());
    if before.recovery == Recovery::External {
        return Ok(());
    }
    hold(step.outcome.is_ok(), "a lost host's task was left alone")?;
    hold(after.dispatch.host.is_none(), "a lost host still holds the task")?;
    hold(after.retries == before.retries, "a loss was counted as a retry")?;
    let again = before.recovery == Recovery::Reattach && before.crashes < limit;
    if !again {
        let end = if before.cancel.is_some() { State::Canceled } else { State::Failed };
        hold(after.state == end, "a task that cannot go on did not end")?;
        hold(after.crashes == before.crashes, "an end was counted as a further attempt")?;
        return hold(after.error.as_ref().is_some_and(|error| error.kind == "orphaned"), "the end was not explained");
    }
    hold(after.crashes == before.crashes + 1, "a loss was not counted")?;
    hold(after.dispatch.phase == Phase::Ready, "a task that is to start again is not ready")?;
    hold(after.dispatch.due_at.is_some_and(|due_at| due_at <= step.now), "it waits although nothing failed")?;
    let kept = |task: &Task| (task.state, task.input_request.clone(), task.checkpoint.clone(), task.cancel.clone());
    let inbox = |task: &Task| task.dispatch.unread + task.dispatch.held;
    hold(inbox(after) == inbox(before), "the next attempt lacks messages")?;
    hold(kept(after) == kept(before), "the next attempt lacks what the lost one had")
}

// L38
fn invariant_38_an_attempt_is_timed_from_its_first_instance(step: &Step, _: &Life) -> Result<(), String> {
    let (before, after) = (&step.before, step.after());
    if after.attempt != before.attempt {
        // Work elsewhere goes on in the write that begins the attempt.
        let begins = matches!(step.command, Command::TakeOn(_)).then_some(step.now);
        return hold(after.dispatch.attempt_started_at == begins, "a new attempt inherited the time of the old one");
    }
    let began = before.dispatch.attempt_started_at;
    hold(began.is_none() || after.dispatch.attempt_started_at == began, "the beginning of an attempt moved")?;
    let resident = after.dispatch.phase == Phase::Resident;
    hold(!resident || after.dispatch.attempt_started_at.is_some(), "an attempt at work has no beginning")?;
    let sleeps = after.dispatch.phase == Phase::Hibernating && before.dispatch.phase == Phase::Resident;
    let in_time = match (after.attempt_ends_at(), after.dispatch.due_at) {
        (Some(ends), due_at) => due_at.is_some_and(|due_at| due_at <= ends.max(step.now)),
        (None, _) => true,
    };
    hold(!(sleeps && step.outcome.is_ok()) || in_time, "a task sleeps beyond the end of its attempt")
}

// L39
fn invariant_39_what_a_lost_instance_held_comes_back(step: &Step, life: &Life) -> Result<(), String> {
    let (before, after) = (&step.before.dispatch, &step.after().dispatch);
    hold(after.held == life.held, "held is not what was taken since the checkpoint")?;
    hold(after.held == 0 || after.phase == Phase::Resident, "something is held by nobody")?;
    let gone = before.phase == Phase::Resident && after.phase == Phase::Ready && step.outcome.is_ok();
    let kept = step.command.update().is_some_and(|update| update.checkpoint.is_some());
    let back = after.unread == before.unread + before.held;
    hold(!gone || kept || back, "a message went with the instance that had taken it")
}

// L40
fn invariant_40_all_instances_of_an_attempt_share_its_budget(step: &Step, _: &Life) -> Result<(), String> {
    let (before, after) = (&step.before, step.after());
    let none = Usage::default();
    let used = step.command.update().filter(|_| step.outcome.is_ok()).map_or(none, |update| update.usage);
    hold(after.usage == before.usage.plus(used), "what was used was not added up")?;
    if after.attempt != before.attempt {
        return hold(after.dispatch.attempt_usage == none, "a new attempt inherited what the old one had used");
    }
    if used == none {
        return hold(after.dispatch.attempt_usage == before.dispatch.attempt_usage, "what counts changed by itself");
    }
    let counts = before.attempt_usage(&ALLOWED, step.now).plus(used);
    hold(after.dispatch.attempt_usage == counts, "what was used does not count towards the attempt's budget")?;
    let (flow, sum) = (counts.cpu_ms, counts.artifact_bytes);
    hold(flow <= sum, "more was regained than had been used")?;
    hold(after.allowed == Some(ALLOWED), "what was allowed is not in the record")
}

// L43
fn invariant_43_a_task_stays_on_the_code_that_it_began_with(step: &Step, _: &Life) -> Result<(), String> {
    let (before, after) = (&step.before.dispatch.code, &step.after().dispatch.code);
    hold(before.is_none() || before == after, "a task changed its code")?;
    let claim = match step.command.update().and_then(|update| update.dispatch.as_ref()) {
        Some(DispatchChange::Claim { code, .. }) if step.outcome.is_ok() => Some(code),
        _ => None,
    };
    match claim {
        Some(code) => hold(after == code, "an instance was made of other code than the task's"),
        None => hold(before == after, "something other than a claim named a task's code"),
    }
}

// L51
fn invariant_51_work_elsewhere_is_nothing_for_hosts(step: &Step, _: &Life) -> Result<(), String> {
    let (before, after) = (&step.before, step.after());
    if before.recovery != Recovery::External {
        let taken = matches!(step.command, Command::TakeOn(_)) && step.outcome.is_ok();
        hold(after.external_ends_at().is_none() && !after.external_cancel_waits(), "a host's task is work elsewhere")?;
        return hold(!taken, "a task that hosts run was taken on");
    }
    hold(after.dispatch.due_at.is_none(), "work that is done elsewhere is due for a host")?;
    hold(after.dispatch.phase != Phase::Hibernating, "work that is done elsewhere hibernates")?;
    hold(after.retries == 0 && after.crashes == 0, "work that is done elsewhere was tried again here")?;
    let owners = after.cancel_policy.mode == CancelMode::External;
    hold(!owners || after.external_ends_at().is_none(), "a host would end what only its owner may end")?;
    let lost = matches!(step.command, Command::Loss(_));
    hold(!lost || after == before, "the loss of a host changed work that is done elsewhere")
}

// L52
fn invariant_52_who_takes_work_elsewhere_on_supersedes_whoever_had_it(step: &Step, _: &Life) -> Result<(), String> {
    let Command::TakeOn(holder) = &step.command else { return Ok(()) };
    let (before, after) = (&step.before, step.after());
    if before.state.is_terminal() {
        return hold(step.outcome.is_err(), "a task that is over was taken on");
    }
    if before.recovery != Recovery::External {
        return Ok(());
    }
    hold(step.outcome.is_ok(), "work that is done elsewhere was not given to who asked")?;
    hold(after.dispatch.host.as_ref() == Some(holder), "somebody else has it")?;
    let had = before.dispatch.claim > 0;
    hold(after.attempt == before.attempt + u32::from(had), "the attempt does not tell who had it from who has it")?;
    hold(after.dispatch.claim > before.dispatch.claim, "whoever had it may still write")?;
    hold(after.dispatch.held == 0, "whoever had it still holds messages")
}

// L53
fn invariant_53_a_cancel_of_work_elsewhere_waits_until_it_was_heard(step: &Step, _: &Life) -> Result<(), String> {
    let (before, after) = (&step.before, step.after());
    if after.recovery != Recovery::External || after.state.is_terminal() {
        return hold(!after.external_cancel_waits(), "a cancel waits that nobody can hear");
    }
    let heard = step.command.update().is_some_and(|update| update.cancel_delivered);
    let stays = before.external_cancel_waits() && !heard;
    hold(!stays || after.external_cancel_waits(), "a cancel was forgotten")?;
    let other = after.attempt != before.attempt && after.cancel.is_some() && !heard;
    hold(!other || after.external_cancel_waits(), "who has taken it on is not told of the cancel")
}

// L54
fn invariant_54_the_end_of_a_hidden_task_is_taken_note_of_once(step: &Step, _: &Life) -> Result<(), String> {
    let (before, after) = (&step.before, step.after());
    hold(
        before.reported_at.is_none() || before.reported_at == after.reported_at,
        "what was taken note of is open again",
    )?;
    let may = after.state.is_terminal() && after.visibility == taskwright_registry::Visibility::Hidden;
    hold(after.reported_at.is_none() || may, "note was taken of a task that is live or listed")?;
    let asked = step.command.update().is_some_and(|update| update.reported) && step.outcome.is_ok();
    hold(!asked || after.reported_at.is_some(), "note was not taken")
}

// L56
fn invariant_56_a_kind_that_takes_no_messages_is_sent_none(step: &Step, life: &Life) -> Result<(), String> {
    let refused = matches!(step.outcome, Err(Rejection::NotAccepting { .. }));
    let Command::Message(message) = &step.command else { return hold(!refused, "something else was not accepted") };
    let answers = message.in_reply_to.as_ref().is_some_and(|id| life.asked.iter().any(|asked| asked.as_str() == id));
    let unasked = message.direction == Direction::Inbound && !answers;
    hold(!refused || (unasked && !step.before.takes_messages), "an answer or a report was not accepted")?;
    let taken = step.outcome.is_ok() && unasked && !step.before.takes_messages;
    hold(!taken, "a kind that takes no messages was sent one")
}
