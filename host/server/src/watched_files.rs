//! Notices that the configuration or the kinds have changed, while `serve` runs.
//! Does not read them: what is noticed is their times and sizes.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use tokio::time::Interval;

#[cfg(unix)]
use crate::interrupt::HangUp;

/// How often to look. A look is a handful of calls for metadata; nobody waits longer than this for a change to hold, and it
/// works on every file system, which events of the operating system do not.
const EVERY: Duration = Duration::from_secs(1);

/// How long nothing may change before what is there is read, and how often that is waited for.
const SETTLED: Duration = Duration::from_millis(100);
const SETTLED_TRIES: u32 = 50;

/// What can be told of a file without reading it.
type Stamp = Option<(SystemTime, u64)>;

/// Files and folders that are looked at, and the signal that asks for a look.
pub(crate) struct WatchedFiles {
    file: PathBuf,
    folder: PathBuf,
    seen: Vec<(PathBuf, Stamp)>,
    ticks: Interval,
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

impl WatchedFiles {
    /// Watches a file and what lies in a folder, from how they are now.
    pub(crate) fn new(file: PathBuf, folder: PathBuf) -> Result<Self> {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Ok(Self {
            seen: look(&file, &folder)?,
            file,
            folder,
            ticks,
            #[cfg(unix)]
            hangup: asks_to_reload()?,
        })
    }

    /// How things are. On a thread of its own: a mount that hangs keeps whoever looks, and nobody else.
    async fn look(&self) -> io::Result<Vec<(PathBuf, Stamp)>> {
        let (file, folder) = (self.file.clone(), self.folder.clone());
        tokio::task::spawn_blocking(move || look(&file, &folder)).await.map_err(io::Error::other)?
    }

    /// Waits until something has changed, or the signal to reload has come.
    pub(crate) async fn changed(&mut self) {
        loop {
            #[cfg(unix)]
            let hangup = async {
                match &mut self.hangup {
                    Some(signal) => signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            #[cfg(unix)]
            let asked = tokio::select! {
                _ = hangup => true,
                _ = self.ticks.tick() => false,
            };
            #[cfg(not(unix))]
            let asked = {
                self.ticks.tick().await;
                false
            };
            let mut now = match self.look().await {
                Ok(now) => now,
                // What cannot be looked at now has not changed by that.
                Err(_) if !asked => continue,
                Err(_) => return,
            };
            if !asked && now == self.seen {
                continue;
            }
            // Who writes a file in place empties it first: what is half there would be taken for a word of the operator's.
            for _ in 0..SETTLED_TRIES {
                tokio::time::sleep(SETTLED).await;
                let Ok(again) = self.look().await else { continue };
                if std::mem::replace(&mut now, again.clone()) == again {
                    break;
                }
            }
            self.seen = now;
            return;
        }
    }
}

/// The signal to reload. To a process that was started from a terminal it says that this is closed, and asks for its end.
#[cfg(unix)]
fn asks_to_reload() -> Result<Option<tokio::signal::unix::Signal>> {
    use tokio::signal::unix::{SignalKind, signal};
    Ok((HangUp::meaning() != HangUp::Ends).then(|| signal(SignalKind::hangup())).transpose()?)
}

/// Nothing, if that is why something cannot be looked at.
fn absent<T>(error: io::Error) -> io::Result<Option<T>> {
    if error.kind() == ErrorKind::NotFound { Ok(None) } else { Err(error) }
}

/// How things are. What is not there is a state like any other; what cannot be looked at is an error, and no state.
fn look(file: &Path, folder: &Path) -> io::Result<Vec<(PathBuf, Stamp)>> {
    let stamp = |path: &Path| match path.metadata() {
        Ok(found) => Ok(Some((found.modified()?, found.len()))),
        Err(error) => absent(error),
    };
    let mut seen = vec![(file.to_path_buf(), stamp(file)?)];
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => Some(entries),
        Err(error) => absent(error)?,
    };
    for entry in entries.into_iter().flatten() {
        let path = entry?.path();
        // What is being written has a name that begins with a dot.
        if path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b".")) {
            let stamp = stamp(&path)?;
            seen.push((path, stamp));
        }
    }
    seen.sort();
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_looked_at_is_an_error_and_no_change() {
        let place = tempfile::tempdir().unwrap();
        let (file, folder) = (place.path().join("taskwright.toml"), place.path().join("kinds"));
        assert_eq!(look(&file, &folder).unwrap(), [(file.clone(), None)], "neither is there");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("one.wasm"), "1").unwrap();
        let seen = look(&file, &folder).unwrap();
        assert_eq!(seen.len(), 2);
        // A file where the folder was, as a shortage of descriptors would be: an error that is not about what is there.
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::write(&folder, "").unwrap();
        look(&file, &folder).unwrap_err();
    }
}
