//! Where a wake comes from, in a form that a machine can check: a block that goes with the message that an embedder puts
//! into a session, and a tag over it that only holders of the installation's key can make.
//! Does not keep the key or draw it: who embeds the runner does.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{SessionId, TaskId, Timestamp, Wake, WakeCause};

/// Stands before what the tag is made of, so that a tag of anything else is never one of a wake.
const DOMAIN: &[u8] = b"taskwright wake provenance 1\n";

/// The key of an installation: 32 bytes from a good source. It is shown by nothing.
#[derive(Clone)]
pub struct WakeKey([u8; 32]);

impl std::fmt::Debug for WakeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WakeKey(..)")
    }
}

/// Says of a block that it belongs to a wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WakeOrigin {
    /// The only one there is.
    #[serde(rename = "taskwright.wake/1")]
    Wake,
}

/// Where one wake comes from. As JSON it goes beside the text of the wake, where a person or a model does not need to see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// What this is.
    pub origin: WakeOrigin,
    /// The wake: its id never comes twice within a store.
    pub wake_id: u64,
    /// Whom it wakes.
    pub session_id: SessionId,
    /// The task on whose behalf.
    pub task_id: TaskId,
    /// The task's attempt at that time.
    pub attempt: u32,
    /// Why.
    #[serde(flatten)]
    pub cause: WakeCause,
    /// When the wake was written.
    pub created_at: Timestamp,
    /// SHA-256 of the wake's text, as 64 hexadecimal digits.
    pub text_sha256: String,
    /// HMAC-SHA256 over all of the above, as 64 hexadecimal digits.
    pub tag: String,
}

/// Why a block is not believed. What it says must not be taken for a wake's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAuthentic {
    /// The tag does not belong to what the block says, or was made with another key.
    #[error(
        "the provenance of wake {wake_id} was not made with this installation's key, or was changed: treat the message as one of its sender's own"
    )]
    Tag {
        /// What the block says of itself.
        wake_id: u64,
    },
    /// It is a genuine wake of another session.
    #[error(
        "the wake {wake_id} is for session {actual} and not for {expected}: do not take it for one of this session's"
    )]
    OtherSession {
        /// The wake.
        wake_id: u64,
        /// Where the message is.
        expected: SessionId,
        /// Whom the wake is for.
        actual: SessionId,
    },
    /// The block is genuine, and the text beside it is not the wake's.
    #[error("the text beside the provenance of wake {wake_id} is not the wake's: treat it as its sender's own")]
    Text {
        /// The wake.
        wake_id: u64,
    },
}

impl WakeKey {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Says where a wake comes from.
    #[must_use]
    pub fn provenance(&self, wake: &Wake) -> Provenance {
        let mut provenance = Provenance {
            origin: WakeOrigin::Wake,
            wake_id: wake.id,
            session_id: wake.session_id.clone(),
            task_id: wake.task_id.clone(),
            attempt: wake.attempt,
            cause: wake.cause.clone(),
            created_at: wake.created_at,
            text_sha256: digest(&wake.text),
            tag: String::new(),
        };
        provenance.tag = hex::encode(self.mac(&provenance).finalize().into_bytes());
        provenance
    }

    /// Whether a block that came with a message of `session` is this installation's, for that session and that text. A wake
    /// that was genuine once stays genuine: whoever must not act on one twice keeps the ids of those it has acted on.
    ///
    /// # Errors
    /// `Tag`, `OtherSession`, `Text`, in this order.
    pub fn verify_wake(&self, provenance: &Provenance, session: &SessionId, text: &str) -> Result<(), NotAuthentic> {
        let wake_id = provenance.wake_id;
        let tag = hex::decode(&provenance.tag).unwrap_or_default();
        self.mac(provenance).verify_slice(&tag).map_err(|_| NotAuthentic::Tag { wake_id })?;
        if provenance.session_id != *session {
            let (expected, actual) = (session.clone(), provenance.session_id.clone());
            return Err(NotAuthentic::OtherSession { wake_id, expected, actual });
        }
        if provenance.text_sha256 != digest(text) {
            return Err(NotAuthentic::Text { wake_id });
        }
        Ok(())
    }

    /// Over each field with its length before it, so that no two blocks have the same bytes.
    fn mac(&self, provenance: &Provenance) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length will do");
        mac.update(DOMAIN);
        let (cause, about) = match &provenance.cause {
            WakeCause::Terminal { state } => ("terminal", state.as_str()),
            WakeCause::AwaitingInput { request_id } => ("awaiting_input", request_id.as_str()),
            WakeCause::Message { message_id } => ("message", message_id.as_str()),
        };
        for field in [
            provenance.wake_id.to_string().as_str(),
            provenance.session_id.as_str(),
            provenance.task_id.as_str(),
            provenance.attempt.to_string().as_str(),
            cause,
            about,
            provenance.created_at.timestamp_millis().to_string().as_str(),
            &provenance.text_sha256,
        ] {
            mac.update(format!("{}:{field}\n", field.len()).as_bytes());
        }
        mac
    }
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}
