//! What a kind has reported, for a test to look at.
//! It does not coalesce progress or cap output as a real host does: it keeps everything.

use std::collections::BTreeMap;

use serde_json::Value;

use super::children::MockChild;
use crate::artifact::{Artifact, Content};
use crate::failure::Failure;
use crate::http::Request;
use crate::message::{InputRequest, Part};
use crate::progress::Progress;

/// A message of the task to the session.
#[derive(Debug, Clone, PartialEq)]
pub struct Posted {
    /// Its id.
    pub id: String,
    /// What it says.
    pub parts: Vec<Part>,
    /// What it answers.
    pub in_reply_to: Option<String>,
}

impl Posted {
    /// Its texts, one a line.
    pub fn text(&self) -> String {
        self.parts.iter().filter_map(Part::as_text).collect::<Vec<_>>().join("\n")
    }
}

/// What a kind has reported, over all instances and attempts.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// The state's details, in order.
    pub states: Vec<Option<String>>,
    /// The reports of progress, in order.
    pub progress: Vec<Progress>,
    /// The output, as one text.
    pub output: String,
    /// The messages to the session, in order.
    pub posts: Vec<Posted>,
    /// The questions, in order.
    pub questions: Vec<InputRequest>,
    /// The requests over HTTP, in order.
    pub requests: Vec<Request>,
    /// The artifacts, in order; a drafted one with the bytes that were drafted.
    pub artifacts: Vec<Artifact>,
    /// The linked resources, without duplicates, in order.
    pub resource_ids: Vec<String>,
    /// The linked session.
    pub child_session_id: Option<String>,
    /// The linked task of a remote agent.
    pub remote_task_id: Option<String>,
    /// The checkpoints, in order.
    pub checkpoints: Vec<Vec<u8>>,
    /// What the kind said to each message, answer and cancel that it took, in order.
    pub deliveries: Vec<Result<(), Failure>>,
    /// The children, in the order in which they were begun.
    pub children: Vec<MockChild>,
    pub(super) drafts: BTreeMap<String, Vec<u8>>,
}

impl Record {
    /// The last report of progress.
    pub fn last_progress(&self) -> Option<&Progress> {
        self.progress.last()
    }

    /// The text of the artifact of this name.
    ///
    /// # Panics
    ///
    /// If there is none, or if it is no text.
    pub fn artifact_text(&self, name: &str) -> &str {
        let found = self.artifacts.iter().rev().find(|artifact| artifact.name == name);
        let names: Vec<&str> = self.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
        match found.map(|artifact| &artifact.content) {
            Some(Content::Bytes(bytes)) => std::str::from_utf8(bytes).expect("the artifact is text"),
            Some(Content::Url(url)) => panic!("the artifact `{name}` is elsewhere: {url}"),
            _ => panic!("there is no artifact `{name}`; there are: {names:?}"),
        }
    }

    /// The last checkpoint, as JSON.
    ///
    /// # Panics
    ///
    /// If there is none, or if it is not JSON.
    pub fn last_checkpoint(&self) -> Value {
        let bytes = self.checkpoints.last().expect("the kind has written a checkpoint");
        serde_json::from_slice(bytes).expect("the checkpoint is JSON")
    }
}
