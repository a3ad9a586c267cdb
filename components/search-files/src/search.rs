//! The search itself: file after file, with an ear for a cancel at every one of them.
//! It does not keep a checkpoint: the next attempt begins anew, and loses nothing but time.

use std::rc::Rc;

use taskwright_guest::{Failure, Outcome, Refusal, Step, Task};

use crate::folder::Folder;
use crate::found::Found;
use crate::ignored::Choice;
use crate::lines::{self, Pattern, Window};
use crate::place::Place;
use crate::report::Report;
use crate::spec::Spec;
use crate::walk::{self, Walk};

/// Searches what the specification says.
pub(crate) async fn search(task: &Task<Spec>) -> Outcome<Found> {
    let pattern = lines::compile(&task.spec)?;
    let choice = Choice::of(&task.spec)?;
    let mut walk = Walk::new(Place::open(&task.spec.path)?, choice);
    let mut report = Report::new(task);
    let completed = search_all(task, &pattern, &mut walk, &mut report).await?;
    report.finish().await?;
    let summary = report.found.summary();
    Ok(if completed { Step::done(report.found).summary(summary) } else { Step::canceled(summary) })
}

/// Searches file after file; says whether it came to the end.
async fn search_all(
    task: &Task<Spec>,
    pattern: &Pattern,
    walk: &mut Walk,
    report: &mut Report<'_>,
) -> Result<bool, Failure> {
    while let Some(step) = walk.step() {
        if task.cancel_requested().is_some() {
            return Ok(false);
        }
        match step {
            walk::Step::Entered => report.entered(),
            walk::Step::Unreadable { path, why } => report.unreadable(&path, &why),
            walk::Step::File { folder, name, path } => {
                match search_file(task, pattern, report, &folder, &name, &path).await? {
                    End::Canceled => return Ok(false),
                    End::Unreadable(why) => report.unreadable(&path, &why),
                    End::Searched => {}
                }
            }
        }
        if report.is_due() {
            report.tick().await?;
        }
    }
    Ok(true)
}

/// How the search of a file ended.
enum End {
    Searched,
    Unreadable(String),
    Canceled,
}

async fn search_file(
    task: &Task<Spec>,
    pattern: &Pattern,
    report: &mut Report<'_>,
    folder: &Rc<Folder>,
    name: &str,
    path: &str,
) -> Result<End, Refusal> {
    let mut file = match folder.file(name) {
        Ok(file) => file,
        Err(why) => return Ok(End::Unreadable(why)),
    };
    let (mut window, mut offset, mut matched) = (Window::default(), 0, false);
    loop {
        let (bytes, goes_on) = match file.read(offset) {
            Ok(read) => read,
            Err(why) => return Ok(End::Unreadable(why)),
        };
        if offset == 0 && lines::is_binary(&bytes) {
            report.binary();
            return Ok(End::Searched);
        }
        offset += bytes.len() as u64;
        report.read(bytes.len() as u64);
        window.add(bytes);
        if !goes_on || window.is_full() {
            while let Some((line, text)) = window.next_line(pattern, !goes_on) {
                matched = true;
                report.hit(path, line, text);
                if report.is_due() {
                    report.tick().await?;
                    if task.cancel_requested().is_some() {
                        return Ok(End::Canceled);
                    }
                }
            }
            if goes_on {
                window.go_on();
            }
        }
        if !goes_on {
            report.searched(matched);
            return Ok(End::Searched);
        }
        // In a large file this is the only chance to hear anything.
        if report.is_due() {
            report.tick().await?;
        }
        if task.cancel_requested().is_some() {
            return Ok(End::Canceled);
        }
    }
}
