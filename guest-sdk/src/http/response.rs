//! What comes back.
//! It does not hold the body: that is read piece by piece from the host.

use serde::de::DeserializeOwned;

use super::error::Error;
use crate::host;
use crate::refusal::Limit;

/// How much of a body is read into memory at once, unless a kind says otherwise.
const BODY_BYTES: usize = 16 << 20;
/// How much is asked for at a time.
const PIECE_BYTES: u32 = 64 * 1024;

/// A response as the host hands it over.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: host::Body,
}

/// A response. Dropping it closes the connection.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Where it came from, after redirects.
    pub url: String,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, Vec<u8>)>,
    body: host::Body,
}

impl Response {
    pub(crate) fn new(head: Head) -> Self {
        let Head { status, url, headers, body } = head;
        Self { status, url, headers, body }
    }

    /// Whether the status is one of 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The response if it is a success, and otherwise [`Error::Status`].
    pub fn ok(self) -> Result<Self, Error> {
        if self.is_success() { Ok(self) } else { Err(Error::Status { status: self.status, url: self.url }) }
    }

    /// The first value of a header, if it is text. The name is compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        std::str::from_utf8(&found?.1).ok()
    }

    /// The next piece of the body; none at its end. The server is not asked for more than is read.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.body.read(PIECE_BYTES).await
    }

    /// The whole body, if it has at most 16 MiB.
    pub async fn bytes(self) -> Result<Vec<u8>, Error> {
        self.bytes_up_to(BODY_BYTES).await
    }

    /// The whole body, if it has at most this many bytes; otherwise `LimitExceeded`.
    pub async fn bytes_up_to(mut self, at_most: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.chunk().await? {
            let wanted = bytes.len() + piece.len();
            if wanted > at_most {
                let dimension = "response_bytes".to_owned();
                let limit = Limit { dimension, allowed: at_most as u64, wanted: wanted as u64 };
                return Err(Error::LimitExceeded(limit));
            }
            bytes.extend(piece);
        }
        Ok(bytes)
    }

    /// The whole body as UTF-8, if it has at most 16 MiB.
    pub async fn text(self) -> Result<String, Error> {
        String::from_utf8(self.bytes().await?).map_err(|error| Error::Body(error.to_string()))
    }

    /// The whole body as JSON, if it has at most 16 MiB.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        serde_json::from_slice(&self.bytes().await?).map_err(|error| Error::Body(error.to_string()))
    }
}
