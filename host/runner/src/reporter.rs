//! The host's end of an instance's reports: turns them into fenced writes.
//! Does not count: whoever runs the instance has done that before it calls here.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use taskwright_registry::{
    Artifact, Cancel, Direction, Fence, HostRef, InputRequestId, Links, MessageId, NewInputRequest, NewMessage, Part,
    Progress, Rejection, Schema, Task, TaskUpdate, Timestamp, check_progress, clean_text, limit,
};
use taskwright_sandbox::{
    ArtifactContent, AttemptHost, Child, NewArtifact, NewChild, OutputStream, RecordBytes, Refusal, SpawnGrant,
    Spawned, check_artifact_name,
};
use taskwright_store::StoreError;

use crate::admission::Slot;
use crate::chance::Chance;
use crate::children::Children;
use crate::draft::Draft;
use crate::fenced_writer::FencedWriter;
use crate::kind::Kind;
use crate::output_log::OutputLog;
use crate::progress_flush::ProgressFlush;
use crate::record_allowance::{RecordAllowance, bytes_of};
use crate::runner::Inner;
use crate::signal::Signal;
use crate::{FilesError, SessionFiles};

/// Bound to one session, task, attempt and claim.
pub(crate) struct Reporter {
    pub(crate) writer: Arc<FencedWriter>,
    pub(crate) files: SessionFiles,
    pub(crate) slot: Slot,
    children: Children,
    output: OutputLog,
    progress: Arc<ProgressFlush>,
    progress_interval: Duration,
    chance: Arc<Chance>,
    folder: String,
    cancel: Mutex<Option<Cancel>>,
    checkpoint: Signal<Option<Vec<u8>>>,
    drafts: Arc<tokio::sync::Mutex<Drafts>>,
    /// Files of artifacts that may not be in the record yet.
    unrecorded: Mutex<BTreeSet<String>>,
    /// The newest question that the task has asked, as far as this instance knows. Held while one is asked.
    asked: tokio::sync::Mutex<Option<InputRequestId>>,
}

#[derive(Default)]
struct Drafts {
    open: BTreeMap<String, Draft>,
    finished: HashSet<String>,
}

impl Drafts {
    /// Refuses one more name where there are as many as a task may have artifacts: a draft without a byte takes room too.
    fn check_room(&self, name: &str) -> Result<(), Refusal> {
        let (held, allowed) = (self.open.len() + self.finished.len(), limit::ARTIFACTS);
        if held < allowed || self.open.contains_key(name) {
            return Ok(());
        }
        let (allowed, wanted) = (allowed as u64, held as u64 + 1);
        Err(Refusal::LimitExceeded { dimension: "artifacts".to_owned(), allowed, wanted })
    }

    /// Refuses to begin one more draft where there are as many open as there may be at one time.
    fn check_open(&self, name: &str) -> Result<(), Refusal> {
        let (open, allowed) = (self.open.len(), limit::OPEN_DRAFTS);
        if open < allowed || self.open.contains_key(name) {
            return Ok(());
        }
        let (allowed, wanted) = (allowed as u64, open as u64 + 1);
        Err(Refusal::LimitExceeded { dimension: "open_drafts".to_owned(), allowed, wanted })
    }
}

/// Writes to the disk to the end, also when the instance that wants it is dropped meanwhile: half a write would leave a file
/// that nobody knows of.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, FilesError>> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::spawn(work).await {
        Ok(done) => done.map_err(|error| Reporter::refuse_files(&error)),
        Err(_) => Err(Refusal::Unavailable),
    }
}

impl Reporter {
    /// For the claim that `task` holds, with the checkpoint it left and the place it takes. Without a kind for work that is done
    /// elsewhere: it lives under no lease of this host, and is trusted as the embedder's own code.
    pub(crate) fn new(
        inner: &Arc<Inner>,
        kind: Option<&Kind>,
        host: HostRef,
        task: &Task,
        checkpoint: Option<Vec<u8>>,
        slot: Slot,
    ) -> Arc<Self> {
        let config = &inner.config;
        let lease = kind.map(|_| inner.lease.clone());
        let records = RecordAllowance::new(task, inner.space.clone());
        let writer = Arc::new(FencedWriter::new(inner.store.clone(), lease, host, task, records));
        // Whoever goes on with a token may have written some before, in another process.
        let ours = |artifact: &&Artifact| {
            artifact.path.as_ref() == Some(&artifact_path(&task.folder(), writer.fence, &artifact.name))
        };
        let finished = task.artifacts.iter().filter(ours).map(|artifact| artifact.name.clone()).collect();
        Arc::new(Self {
            children: Children::new(inner, kind, task, writer.clone()),
            writer,
            files: inner.files.clone(),
            slot,
            output: OutputLog::new(inner.files.output_logs(task), task.fence(), config.output_log_bytes),
            progress: Arc::default(),
            progress_interval: config.progress_interval,
            chance: inner.chance.clone(),
            folder: task.folder(),
            cancel: Mutex::new(task.cancel.clone()),
            checkpoint: Signal::new(checkpoint),
            drafts: Arc::new(tokio::sync::Mutex::new(Drafts { open: BTreeMap::new(), finished })),
            unrecorded: Mutex::default(),
            asked: tokio::sync::Mutex::new(task.dispatch.last_input_request.clone()),
        })
    }

    /// What the guest sees when it asks for the session's wish.
    pub(crate) fn set_cancel(&self, cancel: Option<Cancel>) {
        *self.cancel.lock().unwrap_or_else(PoisonError::into_inner) = cancel;
    }

    pub(crate) fn checkpoint(&self) -> Option<Vec<u8>> {
        self.checkpoint.look(Clone::clone)
    }

    /// The newest checkpoint, for whoever waits for the next one.
    pub(crate) fn checkpoint_signal(&self) -> Signal<Option<Vec<u8>>> {
        self.checkpoint.clone()
    }

    /// Writes a line of the host's own into the task's output.
    pub(crate) async fn remark(&self, text: &str) {
        let line = format!("[{}]\n", taskwright_registry::clean_line(text, 1_024));
        if let Err(error) = self.output.append(&line).await {
            tracing::warn!(task = %self.writer.id, %error, "a remark was not kept");
        }
    }

    /// Makes what was said so far visible to readers everywhere.
    pub(crate) async fn flush_output(&self) {
        self.output.flush().await;
    }

    /// The progress that has not been stored yet, for the write that ends the instance. Nothing is stored behind it.
    pub(crate) async fn take_progress(&self) -> Option<Progress> {
        let _writing = self.progress.writing.lock().await;
        self.progress.take()
    }

    /// Removes the drafts that did not become artifacts.
    pub(crate) async fn discard_drafts(&self) {
        let open: Vec<Draft> = std::mem::take(&mut self.drafts.lock().await.open).into_values().collect();
        for draft in open {
            draft.discard().await;
        }
    }

    /// Removes files of artifacts that did not get into the record: the instance was stopped between the file and the record,
    /// or the record did not take it.
    pub(crate) async fn remove_unrecorded(&self) {
        let paths = std::mem::take(&mut *self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner));
        if paths.is_empty() {
            return;
        }
        let recorded = match self.writer.record().await {
            Ok(task) => task.artifacts.into_iter().filter_map(|artifact| artifact.path).collect(),
            Err(StoreError::NotFound { .. }) => BTreeSet::new(),
            Err(error) => {
                tracing::warn!(task = %self.writer.id, %error, "files may be left that no record names");
                return;
            }
        };
        for path in paths.difference(&recorded) {
            self.remove_file(path).await;
        }
    }

    async fn remove_file(&self, path: &str) {
        if let Err(error) = self.files.remove(path).await {
            tracing::warn!(task = %self.writer.id, %error, "a file is left that no record names");
        }
    }

    /// A write that may be repeated, with so many bytes beside the record.
    async fn write(&self, write: &'static str, beside: usize, update: TaskUpdate) -> Result<Task, Refusal> {
        self.writer.records.admit(beside)?;
        self.writer.update(write, update, |_| false).await.map_err(Self::refuse)
    }

    /// Says to a guest why a write was not done.
    pub(crate) fn refuse(error: StoreError) -> Refusal {
        match error {
            StoreError::Rejected(Rejection::Superseded { .. } | Rejection::OutOfPhase { .. })
            | StoreError::LeaseLost { .. } => Refusal::Superseded,
            StoreError::Rejected(Rejection::Terminal { .. }) | StoreError::NotFound { .. } => Refusal::Terminal,
            StoreError::Rejected(Rejection::Invalid { field, problem }) => {
                Refusal::Invalid(format!("{field}: {problem}"))
            }
            StoreError::Rejected(Rejection::TooLarge { field, allowed, actual }) => {
                Refusal::LimitExceeded { dimension: field.to_owned(), allowed: allowed as u64, wanted: actual as u64 }
            }
            StoreError::Rejected(deep @ Rejection::TooDeep { .. }) => Refusal::Invalid(deep.to_string()),
            StoreError::Rejected(Rejection::TooManyChildren { limit, allowed, wanted }) => {
                Refusal::LimitExceeded { dimension: limit.to_owned(), allowed: allowed.into(), wanted: wanted.into() }
            }
            StoreError::Rejected(rejection @ Rejection::Canceling) => Refusal::Denied(rejection.to_string()),
            error if error.may_pass() => Refusal::Unavailable,
            other => Refusal::Other(other.to_string()),
        }
    }

    fn refuse_files(error: &FilesError) -> Refusal {
        // The reason names a folder of the host, which is none of the guest's business.
        tracing::warn!(%error, "a session's files cannot be written");
        Refusal::Unavailable
    }

    fn artifact_path(&self, name: &str) -> String {
        artifact_path(&self.folder, self.writer.fence, name)
    }
}

/// Keeps a straggler's files apart from those of its successor, also under an id that is used again (L55).
fn artifact_path(folder: &str, fence: Fence, name: &str) -> String {
    let writer = match fence {
        Fence { attempt, claim, birth: 0 } => format!("{attempt}.{claim}"),
        Fence { attempt, claim, birth } => format!("{attempt}.{claim}.{birth}"),
    };
    format!("{folder}/artifacts/{writer}/{name}")
}

#[async_trait]
impl AttemptHost for Reporter {
    async fn state(&self, detail: Option<String>) -> Result<(), Refusal> {
        let bytes = detail.as_ref().map_or(0, String::len);
        self.write("state", bytes, TaskUpdate { state_detail: Some(detail), ..self.writer.blank() }).await.map(drop)
    }

    async fn progress(&self, progress: Progress) -> Result<(), Refusal> {
        // Now, because whoever stores it later has nobody to tell.
        check_progress(&progress).map_err(|rejection| Self::refuse(StoreError::Rejected(rejection)))?;
        self.writer.check("progress").map_err(Self::refuse)?;
        let Some(due) = self.progress.note(progress, self.progress_interval) else { return Ok(()) };
        let (flush, writer) = (self.progress.clone(), self.writer.clone());
        tokio::spawn(async move {
            tokio::time::sleep_until(due).await;
            let _writing = flush.writing.lock().await;
            if !writer.records.admit_if_spare() {
                return flush.put_off();
            }
            let Some(progress) = flush.take() else { return };
            let update = TaskUpdate { progress: Some(progress), ..writer.blank() };
            if let Err(error) = writer.update("progress", update, |_| false).await {
                tracing::warn!(task = %writer.id, %error, "progress was not stored");
            }
        });
        Ok(())
    }

    async fn output(&self, _stream: OutputStream, text: String) -> Result<(), Refusal> {
        self.writer.check("output").map_err(Self::refuse)?;
        self.writer.records.check_space(text.len())?;
        self.output.append(&clean_text(&text, text.len())).await.map_err(|error| {
            tracing::warn!(task = %self.writer.id, %error, "output was not kept");
            Refusal::Unavailable
        })
    }

    async fn post(&self, parts: Vec<Part>, in_reply_to: Option<String>) -> Result<String, Refusal> {
        self.writer.records.admit(bytes_of(&parts))?;
        let id = MessageId::new(self.now(), self.chance.bits());
        let message = NewMessage {
            id: id.clone(),
            fence: Some(self.writer.fence),
            direction: Direction::Outbound,
            parts,
            in_reply_to,
        };
        self.writer.message(message).await.map_err(Self::refuse)?;
        Ok(id.to_string())
    }

    async fn request_input(&self, prompt: String, expected: Option<Schema>) -> Result<String, Refusal> {
        self.writer
            .records
            .admit(prompt.len() + expected.as_ref().map_or(0, |expected| expected.as_value().to_string().len()))?;
        let request = NewInputRequest { prompt, expected, random: self.chance.bits() };
        let update = TaskUpdate { input_request: Some(request), ..self.writer.blank() };
        // What was said before the question helps to answer it.
        self.output.flush().await;
        let mut newest = self.asked.lock().await;
        // Asked twice, it would be two questions. It may have been answered already by the time that somebody looks.
        let landed = |task: &Task| task.dispatch.last_input_request != *newest;
        let task = self.writer.update("question", update, landed).await.map_err(Self::refuse)?;
        self.slot.release();
        newest.clone_from(&task.dispatch.last_input_request);
        match task.dispatch.last_input_request {
            Some(id) => Ok(id.to_string()),
            None => Err(Refusal::Other("the question was not kept".to_owned())),
        }
    }

    async fn draft(&self, name: String, chunk: Vec<u8>) -> Result<(), Refusal> {
        check_artifact_name(&name)?;
        self.writer.check("artifact").map_err(Self::refuse)?;
        let mut drafts = self.drafts.clone().lock_owned().await;
        if drafts.finished.contains(&name) {
            return Err(Refusal::Invalid(format!("there is already an artifact `{name}` of this attempt")));
        }
        drafts.check_room(&name)?;
        drafts.check_open(&name)?;
        self.writer.records.check_space(chunk.len())?;
        let path = self.artifact_path(&name);
        let files = self.files.clone();
        to_the_end(async move {
            let draft = drafts.open.entry(name).or_insert_with(|| files.draft(&path));
            draft.append(chunk).await
        })
        .await
    }

    async fn artifact(&self, new: NewArtifact) -> Result<(), Refusal> {
        new.check()?;
        let NewArtifact { name, media_type, content } = new;
        let mut artifact = Artifact { name: name.clone(), media_type, path: None, url: None, bytes: None };
        self.writer.check("artifact").map_err(Self::refuse)?;
        self.writer.records.admit(name.len())?;
        if let ArtifactContent::Url(url) = content {
            artifact.url = Some(url);
        } else {
            let mut drafts = self.drafts.clone().lock_owned().await;
            if drafts.finished.contains(&name) {
                return Err(Refusal::Invalid(format!("there is already an artifact `{name}` of this attempt")));
            }
            drafts.check_room(&name)?;
            let path = self.artifact_path(&name);
            self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone());
            let bytes = match content {
                ArtifactContent::Bytes(bytes) => {
                    let (files, path, len) = (self.files.clone(), path.clone(), bytes.len() as u64);
                    drafts.finished.insert(name);
                    to_the_end(async move {
                        let _drafts = drafts;
                        files.put(&path, bytes).await.map(|()| len)
                    })
                    .await
                }
                _ => match drafts.open.remove(&name) {
                    Some(draft) => {
                        drafts.finished.insert(name);
                        to_the_end(async move {
                            let _drafts = drafts;
                            draft.finish().await
                        })
                        .await
                    }
                    None => return Err(Refusal::Invalid(format!("nothing was drafted under the name `{name}`"))),
                },
            };
            artifact.bytes = Some(bytes?);
            artifact.path = Some(path);
        }
        let update = TaskUpdate { artifacts: vec![artifact.clone()], ..self.writer.blank() };
        let kept = |task: &Task| task.artifacts.contains(&artifact);
        let written = self.writer.update("artifact", update, kept).await;
        // Where the answer is not certain, the file is looked for in the record when the instance is gone.
        let certain = !written.as_ref().is_err_and(StoreError::may_pass);
        if let (Some(path), true) = (&artifact.path, certain) {
            self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
            if written.is_err() {
                self.remove_file(path).await;
            }
        }
        written.map(drop).map_err(Self::refuse)
    }

    async fn link(&self, links: Links) -> Result<(), Refusal> {
        let bytes = links.resource_ids.iter().map(String::len).sum();
        self.write("link", bytes, TaskUpdate { links, ..self.writer.blank() }).await.map(drop)
    }

    async fn checkpoint(&self, state: Vec<u8>) -> Result<(), Refusal> {
        self.write("checkpoint", state.len(), TaskUpdate { checkpoint: Some(state.clone()), ..self.writer.blank() })
            .await?;
        self.checkpoint.change(|newest| {
            *newest = Some(state);
            true
        });
        Ok(())
    }

    fn count_records_by(&self, counter: RecordBytes) {
        self.writer.records.count_by(counter);
    }

    fn has_disk_space(&self) -> bool {
        self.writer.records.has_space()
    }

    fn cancel_requested(&self) -> Option<Cancel> {
        self.cancel.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn now(&self) -> Timestamp {
        self.writer.store.now()
    }

    async fn spawn(&self, child: NewChild, within: Option<&SpawnGrant>) -> Result<Spawned, Refusal> {
        self.children.spawn(child, within).await
    }

    async fn children(&self, after: Option<String>) -> Result<Vec<Child>, Refusal> {
        self.children.list(after).await
    }

    async fn child(&self, id: String) -> Result<Child, Refusal> {
        self.children.get(&id).await
    }

    async fn child_result(&self, id: String) -> Result<Option<Value>, Refusal> {
        self.children.result(&id).await
    }

    async fn wait_children(&self, ids: Vec<String>, timeout: Option<Duration>) -> Result<Option<Child>, Refusal> {
        self.children.wait(&ids, timeout, &self.slot).await
    }

    async fn cancel_child(&self, id: String, reason: Option<String>) -> Result<(), Refusal> {
        self.children.cancel(&id, reason).await
    }

    async fn message_child(
        &self,
        id: String,
        parts: Vec<Part>,
        in_reply_to: Option<String>,
    ) -> Result<String, Refusal> {
        self.children.message(&id, parts, in_reply_to).await
    }

    fn task_folder(&self) -> Result<PathBuf, Refusal> {
        self.files.own_folder(&self.writer.id).map_err(|error| {
            // It ends the attempt and so stands in the record, where the paths of this machine are nobody's business.
            tracing::warn!(task = %self.writer.id, %error, "a task gets no folder of its own");
            Refusal::Other(match error {
                FilesError::NoFolder => error.to_string(),
                _ => "it cannot be made; the host's log says why".to_owned(),
            })
        })
    }
}
