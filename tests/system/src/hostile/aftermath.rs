//! What must be true when a stage has been played on, whoever played: nothing is left that no record names, every record is
//! at rest and within its limits, and no text in it speaks to a terminal.
//! Does not know which guest it was.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use taskwright_runner::Session;
use taskwright_runner::registry::{Budget, Counted, Dimension, EventBody, Task};
use taskwright_runner::store::{KindOffer, MessagePage, TaskFilter, TaskQuery};

use crate::check_session;
use crate::hostile::clean::{texts_of, texts_of_message, unclean};
use crate::hostile::{Row, Stage};

/// Drains the stage's runner and says what is not as it should be.
pub(crate) async fn look(stage: &Stage, row: Option<&Row>) -> Vec<String> {
    stage.runner.drain().await;
    let mut wrong = Vec::new();
    if stage.runner.resident() != 0 {
        wrong.push(format!("{} executions are left", stage.runner.resident()));
    }
    match stage.runner.hosts().await {
        Ok(hosts) if hosts.is_empty() => {}
        hosts => wrong.push(format!("a host is left: {hosts:?}")),
    }
    // What has not begun; what has is found below, since it is live.
    let kinds: Vec<KindOffer> = stage.runner.kinds().iter().map(|kind| KindOffer::from(kind.kind.as_str())).collect();
    match stage.store.next_due(&kinds, None).await {
        Ok(None) => {}
        due => wrong.push(format!("work is left: {due:?}")),
    }
    let mut expected = BTreeSet::new();
    for session in [&stage.hostile, &stage.honest] {
        wrong.extend(check_session(stage.store.as_ref(), session.id()).await);
        for task in tasks(session, &mut wrong).await {
            if task.state.is_live() {
                wrong.push(format!("{} is {} for ever", task.id, task.state));
            }
            files_of(stage, &task, &mut expected, &mut wrong).await;
            if let (Some(row), true) = (row, session.id() == stage.hostile.id()) {
                wrong.extend(beyond(&task, &row.budget));
            }
        }
        texts(stage, session, &mut wrong).await;
    }
    for file in files_below(&stage.files) {
        if !expected.contains(&file) {
            wrong.push(format!("a file is left that no record names: {}", file.display()));
        }
    }
    wrong
}

async fn tasks(session: &Session, wrong: &mut Vec<String>) -> Vec<Task> {
    let (mut tasks, mut after) = (Vec::new(), None);
    loop {
        let filter = TaskFilter { ..TaskFilter::all() };
        let query = TaskQuery { filter, after, limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() };
        match session.list(&query).await {
            Ok(page) => {
                tasks.extend(page.tasks);
                after = page.next;
            }
            Err(error) => {
                wrong.push(format!("no list: {error}"));
                after = None;
            }
        }
        if after.is_none() {
            return tasks;
        }
    }
}

/// The files that a record names must be there, and as long as it says.
async fn files_of(stage: &Stage, task: &Task, expected: &mut BTreeSet<PathBuf>, wrong: &mut Vec<String>) {
    let place = |path: &str| taskwright_runner::SessionFiles::path_below(&stage.files, path);
    for artifact in &task.artifacts {
        let Some(path) = &artifact.path else { continue };
        let file = place(path);
        let found = std::fs::metadata(&file).map(|found| found.len()).ok();
        if found != artifact.bytes {
            wrong.push(format!("the artifact {artifact:?} has {found:?} bytes at {}", file.display()));
        }
        expected.insert(file);
    }
    expected.extend(task.result_path.as_deref().map(place));
    for attempt in 1..=task.attempt {
        expected.insert(place(&format!("{}/output.{attempt}.log", task.folder())));
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                _ => files.push(entry.path()),
            }
        }
    }
    files
}

/// What an attempt used of what is counted, against what it was allowed. Time is measured and not prevented.
fn beyond(task: &Task, budget: &Budget) -> Vec<String> {
    let exact = [
        Dimension::Memory,
        Dimension::TableElements,
        Dimension::HostCalls,
        Dimension::OutputBytes,
        Dimension::ArtifactBytes,
        Dimension::Messages,
        Dimension::CheckpointBytes,
    ];
    let over = |&dimension: &Dimension| {
        let (used, allowed) = (task.usage.get(dimension)?, budget.get(dimension).saturating_mul(task.attempt.into()));
        // Flows come back with time, within a day.
        let regained = if dimension.counted() == Counted::Flow { allowed / 100 + 1 } else { 0 };
        (used > allowed.saturating_add(regained)).then(|| format!("{dimension}: used {used} of {allowed}"))
    };
    exact.iter().filter_map(over).collect()
}

/// No text that a kind wrote may be able to speak to a terminal: in the record as it is and as the log has it, in messages,
/// in wakes, in the output.
async fn texts(stage: &Stage, session: &Session, wrong: &mut Vec<String>) {
    let mut all: Vec<(&'static str, String)> = Vec::new();
    let mut after = 0;
    while let Ok(page) = stage.store.events(session.id(), after, 500).await {
        let Some(last) = page.events.last() else { break };
        after = last.seq;
        for event in &page.events {
            if let Some(task) = event.body.task() {
                all.extend(texts_of(task));
            }
            if let EventBody::MessageSent { message } | EventBody::MessageReceived { message } = &event.body {
                all.extend(texts_of_message(message));
            }
        }
    }
    for task in tasks(session, wrong).await {
        all.extend(texts_of(&task));
        let page = MessagePage { after: None, limit: 500 };
        for message in session.messages(&task.id, &page).await.into_iter().flatten() {
            all.extend(texts_of_message(&message));
        }
        if let Ok(mut output) = session.output(&task.id).await {
            while let Ok(text) = output.read().await {
                if text.is_empty() {
                    break;
                }
                all.push(("output", text));
            }
        }
    }
    let wakes = session.wakes(1_000).await.map(|page| page.items).unwrap_or_default();
    all.extend(wakes.into_iter().map(|wake| ("wake", wake.text)));
    let mut found: Vec<String> = all
        .iter()
        .filter_map(|(name, text)| unclean(text).map(|c| format!("{name} holds {:?}", c.escape_unicode().to_string())))
        .collect();
    found.sort();
    found.dedup();
    wrong.extend(found);
}
