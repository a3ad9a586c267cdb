//! Live progress on standard error: a bar where there is a terminal, plain lines where there is none.
//! Does not touch standard output.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use taskwright_registry::{Task, clean_line};

use crate::output::Output;
use crate::render;

/// How often a plain line appears at most.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// What a person who looks on sees.
pub(crate) enum Progress {
    /// Nothing: a program reads, which has the events, or a person who did not ask for progress.
    Silent,
    /// Redrawn in place.
    Bar(ProgressBar),
    /// One line after the other.
    Lines(Lines),
}

/// Plain lines, not too many.
pub(crate) struct Lines {
    out: Output,
    last: Option<Instant>,
    shown: String,
    latest: String,
}

impl Progress {
    /// What suits the place that is written to.
    pub(crate) fn new(out: Output) -> Self {
        if out.is_json() {
            Progress::Silent
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner().with_style(spinner());
            bar.enable_steady_tick(Duration::from_millis(120));
            Progress::Bar(bar)
        } else {
            Progress::Lines(Lines { out, last: None, shown: String::new(), latest: String::new() })
        }
    }

    /// Shows where a task stands.
    pub(crate) fn update(&mut self, task: &Task) {
        match self {
            Progress::Silent => {}
            Progress::Bar(bar) => {
                let total = task.progress.as_ref().and_then(|progress| progress.total);
                match (&task.progress, total) {
                    (Some(progress), Some(total)) => {
                        bar.set_style(gauge());
                        bar.set_length(total);
                        bar.set_position(progress.current);
                        bar.set_message(detail(task));
                    }
                    _ => {
                        bar.set_style(spinner());
                        bar.set_message(line(task));
                    }
                }
            }
            Progress::Lines(lines) => {
                lines.latest = line(task);
                lines.tick();
            }
        }
    }

    /// Shows what was held back, when its time has come.
    pub(crate) fn tick(&mut self) {
        if let Progress::Lines(lines) = self {
            lines.tick();
        }
    }

    /// Does something else on the terminal without getting in its way.
    pub(crate) fn aside<R>(&self, work: impl FnOnce() -> R) -> R {
        match self {
            Progress::Bar(bar) => bar.suspend(work),
            _ => work(),
        }
    }

    /// Stands still while a person types, or goes on.
    pub(crate) fn hold(&self, hold: bool) {
        if let Progress::Bar(bar) = self {
            if hold {
                bar.disable_steady_tick();
                bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
            } else {
                bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
                bar.enable_steady_tick(Duration::from_millis(120));
            }
        }
    }

    /// Leaves the terminal as it was.
    pub(crate) fn finish(&self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Lines {
    fn tick(&mut self) {
        let due = self.last.is_none_or(|last| last.elapsed() >= LINE_EVERY);
        if due && self.latest != self.shown {
            self.out.notice(&self.latest);
            self.shown.clone_from(&self.latest);
            self.last = Some(Instant::now());
        }
    }
}

fn line(task: &Task) -> String {
    let parts = [task.kind.clone(), task.state.to_string(), render::progress(task), detail(task)];
    clean_line(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  "), 400)
}

fn detail(task: &Task) -> String {
    let label = task.progress.as_ref().and_then(|progress| progress.label.clone());
    clean_line(&label.or_else(|| task.state_detail.clone()).unwrap_or_default(), 200)
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn gauge() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {elapsed} [{bar:30}] {human_pos}/{human_len} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
