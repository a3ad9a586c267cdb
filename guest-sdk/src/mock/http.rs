//! What servers answer, as a test says.
//! It does not follow redirects, replace secrets or check anything: a request gets the reply that was planned for it.

use std::collections::VecDeque;

use crate::http::{Error, Head, Request};

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    outcome: Result<Answer, Error>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    pieces: VecDeque<Vec<u8>>,
    broken: Option<Error>,
}

impl Reply {
    /// A status without headers or a body.
    pub fn status(status: u16) -> Self {
        Self { outcome: Ok(Answer { status, headers: Vec::new(), pieces: VecDeque::new(), broken: None }) }
    }

    /// The status 200 with this body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).piece(body)
    }

    /// No response at all.
    pub fn error(error: Error) -> Self {
        Self { outcome: Err(error) }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        if let Ok(answer) = &mut self.outcome {
            answer.headers.push((name.to_ascii_lowercase(), value.into()));
        }
        self
    }

    /// Adds a piece of the body: what one read gives.
    pub fn piece(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        if let Ok(answer) = &mut self.outcome {
            answer.pieces.push_back(bytes.into());
        }
        self
    }

    /// Behind its last piece the body ends with an error.
    pub fn broken(mut self, error: Error) -> Self {
        if let Ok(answer) = &mut self.outcome {
            answer.broken = Some(error);
        }
        self
    }

    pub(super) fn answer(self, url: &str) -> Result<Head, Error> {
        let Answer { status, headers, pieces, broken } = self.outcome?;
        Ok(Head { status, url: url.to_owned(), headers, body: Body { pieces, broken } })
    }
}

/// A body of the mock host's.
#[derive(Debug)]
pub(crate) struct Body {
    pieces: VecDeque<Vec<u8>>,
    broken: Option<Error>,
}

impl Body {
    pub(crate) async fn read(&mut self, at_most: u32) -> Result<Option<Vec<u8>>, Error> {
        super::imports::give_way().await;
        let at_most = usize::try_from(at_most).unwrap_or(usize::MAX).max(1);
        while let Some(mut piece) = self.pieces.pop_front() {
            if piece.len() > at_most {
                self.pieces.push_front(piece.split_off(at_most));
            }
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        self.broken.clone().map_or(Ok(None), Err)
    }
}

/// The replies that a test has planned.
#[derive(Debug, Default)]
pub(super) struct Replies {
    planned: Vec<(String, String, VecDeque<Reply>)>,
}

impl Replies {
    pub(super) fn plan(&mut self, method: &str, url: &str, reply: Reply) {
        match self.planned.iter_mut().find(|planned| planned.0 == method && planned.1 == url) {
            Some((_, _, replies)) => replies.push_back(reply),
            None => self.planned.push((method.to_owned(), url.to_owned(), VecDeque::from([reply]))),
        }
    }

    /// The next reply to this request. The last one that was planned stays.
    pub(super) fn next(&mut self, request: &Request) -> Result<Reply, Error> {
        let Request { method, url, .. } = request;
        let found = self.planned.iter_mut().find(|planned| planned.0 == *method && planned.1 == *url);
        let reply = found
            .and_then(|(_, _, replies)| if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() });
        reply.ok_or_else(|| {
            Error::Denied(format!("the test has planned no reply to {method} {url}: `MockHost::reply` does"))
        })
    }
}
