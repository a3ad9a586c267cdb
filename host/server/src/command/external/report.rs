//! `external report`: what came of the work so far.
//! Does not end the task.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use taskwright_registry::{Part, clean_line, limit, whole_characters};
use taskwright_runner::ExternalTask;
use taskwright_sandbox::{ArtifactContent, AttemptHost, NewArtifact, OutputStream};
use tokio::io::AsyncReadExt;
use tokio::time::{Duration, Instant};

use super::{Context, hold, told};
use crate::cli::ReportArgs;
use crate::exit_code::{Exit, not_found, refused};

/// Bytes of a file, or of standard input, that are read at a time.
const CHUNK: usize = 64 * 1024;
/// How often what is piped in is a sign of life.
const SIGN_EVERY: Duration = Duration::from_secs(5);

/// `external report`.
pub(super) async fn report(context: &Context, args: ReportArgs) -> Result<Exit> {
    // Before anything is reported: a file that is not there is a mistake, and half a report would hide it.
    let mut artifacts = Vec::with_capacity(args.artifact.len());
    for (name, path) in &args.artifact {
        let new = NewArtifact {
            name: name.clone(),
            media_type: media_type(name).to_owned(),
            content: ArtifactContent::Draft,
        };
        new.check().with_context(|| format!("--artifact {}", clean_line(name, 128)))?;
        artifacts.push((new, open("--artifact", path)?));
    }
    let checkpoint = match &args.checkpoint {
        Some(path) => Some(checkpoint(path)?),
        None => None,
    };
    let task = hold(context, context.home.open().await?, &args.token).await?;
    if (args.output.is_some() || !artifacts.is_empty())
        && let Some(why) = context.home.files_elsewhere().await?
    {
        return Err(refused(format!("output and artifacts would be found by nobody. {why}")));
    }
    let sink = task.sink();
    if let Some(text) = &args.state {
        sink.state(Some(clean_line(text, limit::STATE_DETAIL_BYTES))).await.context("--state")?;
    }
    if let Some(progress) = args.progress {
        sink.progress(progress).await.context("--progress")?;
    }
    match args.output.as_deref() {
        Some("-") => pipe(&task, &sink).await?,
        Some(text) => sink.output(OutputStream::Output, format!("{text}\n")).await.context("--output")?,
        None => {}
    }
    if let Some(text) = args.post {
        sink.post(vec![Part::Text(text)], None).await.context("--post")?;
    }
    for (new, file) in artifacts {
        let name = new.name.clone();
        leave(&sink, new, file).await.with_context(|| format!("--artifact {name}"))?;
    }
    if let Some(bytes) = checkpoint {
        sink.checkpoint(bytes).await.context("--checkpoint")?;
    }
    // It takes the progress along, which is stored later otherwise.
    told(context, &task.heartbeat().await?)
}

fn open(option: &str, path: &Path) -> Result<File> {
    File::open(path).map_err(|error| not_found(format!("{option}: {}: {error}", path.display())))
}

/// Reads a checkpoint, and of a file that is far too large no more than shows that.
fn checkpoint(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = limit::CHECKPOINT_BYTES as u64 + 1;
    open("--checkpoint", path)?.take(most).read_to_end(&mut bytes).with_context(|| path.display().to_string())?;
    Ok(bytes)
}

/// Leaves a file behind, piece by piece: it may be larger than memory.
async fn leave(sink: &Arc<dyn AttemptHost>, new: NewArtifact, mut file: File) -> Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk)?;
        // An empty file is one too.
        sink.draft(new.name.clone(), chunk[..read].to_vec()).await?;
        if read == 0 {
            return Ok(sink.artifact(new).await?);
        }
    }
}

/// Passes standard input on as it comes. What is piped in for hours is a sign of life, and hears that it is superseded.
async fn pipe(task: &ExternalTask, sink: &Arc<dyn AttemptHost>) -> Result<()> {
    let mut input = tokio::io::stdin();
    let (mut pending, mut chunk) = (Vec::new(), vec![0; CHUNK]);
    let mut signed = Instant::now();
    loop {
        let read = input.read(&mut chunk).await.context("standard input")?;
        pending.extend_from_slice(&chunk[..read]);
        let whole = if read == 0 { pending.len() } else { whole_characters(&pending) };
        let text = String::from_utf8_lossy(&pending[..whole]).into_owned();
        pending.drain(..whole);
        if !text.is_empty() {
            sink.output(OutputStream::Output, text).await.context("--output")?;
        }
        if read == 0 {
            return Ok(());
        }
        if signed.elapsed() >= SIGN_EVERY {
            task.heartbeat().await?;
            signed = Instant::now();
        }
    }
}

/// What a file is, by its name.
fn media_type(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("txt" | "log" | "md" | "diff" | "patch") => "text/plain; charset=utf-8",
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        _ => "application/octet-stream",
    }
}
