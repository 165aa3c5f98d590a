//! One request on its way through the service.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Response, header::CONTENT_TYPE, request::Parts};

use super::{Body, Fault, create_limit::Arrival, endpoint::Route, log::RequestNumber};

/// A request that has come in, with as much of its body as its endpoint needs.
pub(super) struct Exchange {
    pub(super) parts: Parts,
    pub(super) body: Received,
}

/// What came in of a request's body.
#[derive(Debug)]
pub(super) enum Received {
    /// It is known that there is none.
    Nothing,
    /// There may be one, which nobody wants to read.
    Unread,
    Whole(Bytes),
    TooLarge,
    /// The client stopped within it.
    Broken,
}

impl Exchange {
    pub(super) fn method(&self) -> &Method {
        &self.parts.method
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    pub(super) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    pub(super) fn query(&self) -> Option<&str> {
        self.parts.uri.query()
    }

    pub(super) fn route(&self) -> Route<'_> {
        Route::of(self.method(), self.path())
    }

    pub(super) fn says_json(&self) -> bool {
        let content_type = self
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("application/json")
    }

    pub(super) fn has_no_body(&self) -> bool {
        match &self.body {
            Received::Nothing => true,
            Received::Whole(bytes) => bytes.is_empty(),
            Received::Unread | Received::TooLarge | Received::Broken => false,
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // headers and query hold credentials
        f.debug_struct("Exchange")
            .field("method", self.method())
            .finish_non_exhaustive()
    }
}

/// A request that was let in and is yet to be handled.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) number: RequestNumber,
    /// Set for create requests with an API key.
    pub(super) create: Option<Arrival>,
    pub(super) fault: Option<Fault>,
}

/// How far a request got at once.
#[derive(Debug)]
pub(super) enum Progress {
    Done(Outcome),
    /// It arrives only after this long.
    HandleAfter(Duration, Pending),
    /// Its outcome is known, but not to the client yet.
    AnswerAfter(Duration, Outcome),
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    Answer(Response<Body>),
    Hang,
    Reset,
}
