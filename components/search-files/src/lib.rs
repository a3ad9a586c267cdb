//! A task kind that searches a granted folder for a regular expression.
//! It does not write anywhere, follow symbolic links or leave the folder.

mod folder;
mod found;
mod ignored;
mod lines;
mod place;
mod report;
mod search;
mod spec;
mod walk;

use taskwright_guest::{Description, Kind, Outcome, Task, Want};

pub use found::{Found, Hit};
pub use spec::Spec;

/// The name that the folder is granted under.
const GRANT: &str = "files";

/// The kind `search-files`.
#[derive(Debug)]
pub struct SearchFiles;

impl Kind for SearchFiles {
    type Spec = Spec;
    type Output = Found;

    fn describe() -> Description {
        let summary = "Searches a folder for a regular expression; honours .gitignore and skips binary files.";
        Description::new("search-files", env!("CARGO_PKG_VERSION"), summary)
            .can_reattach()
            .takes_messages()
            .wants(Want::folder(GRANT, "the folder to search, read-only"))
    }

    async fn start(task: Task<Spec>) -> Outcome<Found> {
        search::search(&task).await
    }
}

taskwright_guest::export!(SearchFiles);
