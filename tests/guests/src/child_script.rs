//! Does with children what a specification says, a text of commands with `;` between them, and leaves what came of each as
//! the result. In what it tells a child `,` stands for `;` and `_` for a space.
//! Is no guest: guests of several names do this.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::behaviour::*;
use crate::signal::Signal;

thread_local! {
    /// Ids by the names of their calls.
    static IDS: RefCell<BTreeMap<String, String>> = RefCell::default();
    static HEARD: Rc<Signal<()>> = Rc::default();
}

fn id(call: &str) -> String {
    // What was never begun is taken for an id.
    IDS.with_borrow(|ids| ids.get(call).cloned().unwrap_or_else(|| call.to_owned()))
}

fn new_child(call: &str, kind: &str, script: &str) -> spawner::NewChild {
    spawner::NewChild {
        call: call.to_owned(),
        kind: kind.to_owned(),
        spec: format!("\"{}\"", script.replace(',', ";").replace('_', " ")),
        display_name: Some(format!("child {call}")),
        name: None,
        max_attempts: 1,
        budget: Budget { messages: Some(7), ..no_wishes() },
        deadline: None,
        attempt_timeout: None,
    }
}

fn told(refusal: Refusal) -> String {
    match refusal {
        Refusal::Denied(text) => format!("denied: {text}"),
        Refusal::Invalid(text) => format!("invalid: {text}"),
        Refusal::LimitExceeded(limit) => format!("limit {} {}", limit.dimension, limit.allowed),
        other => format!("{other:?}"),
    }
}

fn snapshot(child: spawner::Snapshot) -> String {
    let error = child.error.map(|error| format!(" {}", error.kind)).unwrap_or_default();
    // Generated names are printed with their type.
    format!("{:?}{error}", child.state).replace("ChildState::", "")
}

async fn perform(words: &[&str]) -> Result<String, Refusal> {
    Ok(match words {
        ["spawn", call, kind, script] => {
            let id = spawner::spawn(new_child(call, kind, script)).await?;
            let same = IDS.with_borrow_mut(|ids| ids.insert((*call).to_owned(), id.clone())) == Some(id);
            if same { "same".to_owned() } else { "ok".to_owned() }
        }
        // As many as the host lets it have.
        ["breadth", kind, script] => {
            for n in 0.. {
                if let Err(refusal) = spawner::spawn(new_child(&n.to_string(), kind, script)).await {
                    return Ok(format!("{n} and {}", told(refusal)));
                }
            }
            unreachable!("somebody says no")
        }
        ["wait", calls, time] => {
            let ids: Vec<String> = calls.split(',').map(id).collect();
            match spawner::wait(ids, time.parse().ok()).await? {
                Some(child) => {
                    let name = child.display_name.clone();
                    format!("{name} {}", snapshot(child))
                }
                None => "none".to_owned(),
            }
        }
        ["child", call] => snapshot(spawner::child(id(call)).await?),
        ["result", call] => spawner::child_result(id(call)).await?.unwrap_or_else(|| "none".to_owned()),
        ["children"] => spawner::children(None).await?.len().to_string(),
        ["children", after] => spawner::children(Some(id(after))).await?.len().to_string(),
        ["cancel", call] => spawner::cancel_child(id(call), None).await.map(|()| "ok".to_owned())?,
        ["message", call] => spawner::message_child(id(call), vec![Part::Text("go on".to_owned())], None)
            .await
            .map(|_| "ok".to_owned())?,
        ["ls", path] => match std::fs::read_dir(path) {
            Ok(entries) => entries.count().to_string(),
            Err(error) => format!("{:?}", error.kind()),
        },
        ["write", path] => match std::fs::write(path, "x") {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("{:?}", error.kind()),
        },
        // Until somebody sends a message.
        ["stay"] => {
            sink::state(Some("staying".to_owned())).await?;
            HEARD.with(Rc::clone).wait().await;
            "heard".to_owned()
        }
        other => panic!("what is {other:?}?"),
    })
}

/// A kind of this name, which wants what there is to try.
pub fn describe(kind: &str) -> Description {
    let want = |capability: &str, name: &str| Want {
        capability: capability.to_owned(),
        name: name.to_owned(),
        reason: "to try what it may".to_owned(),
        required: false,
    };
    let wants = vec![want("spawner", "children"), want("files", "task"), want("files", "docs")];
    Description { kind: kind.to_owned(), can_reattach: Reattach::Always, wants, ..plain() }
}

/// `executor.start`
pub async fn start(task: Task) -> Result<Step, Failure> {
    let mut came = Vec::new();
    for command in task.spec.trim_matches('"').split(';').map(str::trim).filter(|text| !text.is_empty()) {
        if command == "hibernate" {
            return Ok(Step::Wait);
        }
        let words: Vec<&str> = command.split_whitespace().collect();
        if words == ["fail"] {
            return Err(Failure { retry: Retry::Backoff, ..failure("on_purpose", "as it was told") });
        }
        if words == ["fail-once"] {
            if task.attempt == 1 {
                return Err(Failure { retry: Retry::After(1), ..failure("on_purpose", "as it was told") });
            }
            continue;
        }
        let text = perform(&words).await.unwrap_or_else(told);
        sink::output(format!("{command}: {text}\n")).await.map_err(refused)?;
        came.push(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")));
    }
    let result = format!("[{}]", came.join(","));
    Ok(Step::Succeeded(Completion { summary: Some("done".to_owned()), result: Some(result) }))
}

/// `executor.reconcile`
pub async fn reconcile(task: Task) -> Result<Step, Failure> {
    // What follows the word.
    let spec = task.spec.split_once("hibernate;").map_or(String::new(), |(_, rest)| rest.to_owned());
    start(Task { spec, ..task }).await
}

/// `executor.deliver`
pub fn deliver() -> Result<(), Failure> {
    HEARD.with(Rc::clone).set(());
    Ok(())
}
