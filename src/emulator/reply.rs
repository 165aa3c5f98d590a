//! Turns what the service decided into an HTTP response.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{
        ALLOW, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, RETRY_AFTER, SERVER,
        WWW_AUTHENTICATE,
    },
};

use super::{
    Body, Fault, RetryAfter,
    clock::{Now, http_date},
    exchange::Outcome,
    fault::FaultKind,
    refusal::{JSON, Refusal},
    settings::Settings,
};

/// An answer before it becomes a response.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    body: Bytes,
    content_type: Option<HeaderValue>,
    /// Take the place of the service's own.
    headers: HeaderMap,
}

/// What the three `x-ratelimit-*` headers say, in credits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credits {
    pub(super) cost: u64,
    pub(super) limit: u64,
    pub(super) remaining: u64,
}

impl Reply {
    pub(super) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            body: body.into(),
            content_type: Some(HeaderValue::from_static(JSON)),
            headers: HeaderMap::new(),
        }
    }

    pub(super) fn no_content() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            body: Bytes::new(),
            content_type: None,
            headers: HeaderMap::new(),
        }
    }

    pub(super) fn refused(refusal: &Refusal, settings: &Settings, now: Now) -> Self {
        let (body, content_type) = refusal.body(settings.error_envelope);
        let mut headers = HeaderMap::new();
        if let Some(allow) = refusal.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(challenge) = refusal
            .challenge
            .filter(|_| settings.flags.www_authenticate)
        {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(value) = refusal
            .wait
            .and_then(|wait| retry_after(settings.retry_after, wait, now))
        {
            headers.insert(RETRY_AFTER, value);
        }
        Self {
            status: refusal.status,
            body: body.into(),
            content_type: Some(HeaderValue::from_static(content_type)),
            headers,
        }
    }

    /// What a fault makes of the answer; `real` is the answer that is lost, if there is one.
    pub(super) fn faulty(
        fault: Fault,
        real: Option<Self>,
        settings: &Settings,
        now: Now,
    ) -> Result<(Self, Spoiled), Lost> {
        let (mut reply, spoiled) = match fault.kind {
            FaultKind::Hang => return Err(Lost::Hang),
            FaultKind::Reset => return Err(Lost::Reset),
            FaultKind::Latency(_) | FaultKind::Status => {
                let status = fault.status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
                let message = status.canonical_reason().unwrap_or("Injected fault");
                (
                    Self::refused(&Refusal::new(status, message), settings, now),
                    Spoiled::No,
                )
            }
            FaultKind::Truncated => (
                real.unwrap_or_else(|| Self::json(StatusCode::OK, CUT_SHORT)),
                Spoiled::Truncated,
            ),
            FaultKind::Oversized(length) => (
                Self::json(StatusCode::OK, Bytes::new()),
                Spoiled::Oversized(length),
            ),
            FaultKind::Body {
                bytes,
                content_type,
            } => {
                let content_type = Some(content_type);
                (
                    Self {
                        content_type,
                        ..Self::json(StatusCode::OK, bytes)
                    },
                    Spoiled::No,
                )
            }
        };
        reply.status = fault.status.unwrap_or(reply.status);
        reply.headers.extend(fault.headers);
        Ok((reply, spoiled))
    }

    /// The response; bodies of answers to HEAD stay behind (RFC 9110 section 9.3.2).
    pub(super) fn into_response(
        self,
        method: &Method,
        date: HeaderValue,
        credits: Credits,
        spoiled: Spoiled,
    ) -> Response<Body> {
        let mut response = Response::new(Body::whole(Bytes::new()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.reserve(8);
        headers.insert(DATE, date);
        headers.insert(SERVER, SERVER_NAME);
        headers.insert(COST, HeaderValue::from(credits.cost));
        headers.insert(LIMIT, HeaderValue::from(credits.limit));
        headers.insert(REMAINING, HeaderValue::from(credits.remaining));
        if let Some(content_type) = self.content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
        headers.extend(self.headers);
        let body = match spoiled {
            _ if method == Method::HEAD => Body::whole(Bytes::new()),
            Spoiled::No => Body::whole(self.body),
            Spoiled::Oversized(length) => Body::oversized(length),
            Spoiled::Truncated => {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len().max(2)));
                Body::truncated(self.body.slice(..self.body.len() / 2))
            }
        };
        *response.body_mut() = body;
        response
    }
}

/// What is wrong with an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoiled {
    No,
    Truncated,
    /// Its length in bytes.
    Oversized(u64),
}

/// No answer at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    Hang,
    Reset,
}

impl From<Lost> for Outcome {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Hang => Self::Hang,
            Lost::Reset => Self::Reset,
        }
    }
}

fn retry_after(format: RetryAfter, wait: Duration, now: Now) -> Option<HeaderValue> {
    match format {
        RetryAfter::Absent => None,
        RetryAfter::Seconds => Some(HeaderValue::from(whole_seconds(wait))),
        RetryAfter::HttpDate => {
            let end = Duration::from_secs(whole_seconds(now.claimed.saturating_add(wait)));
            HeaderValue::try_from(http_date(end)).ok()
        }
    }
}

/// Rounded up: nobody is told to come back too early.
fn whole_seconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0))
}

const COST: HeaderName = HeaderName::from_static("x-ratelimit-cost");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");

/// The body of a truncated answer that never was; its second half is not sent.
/// Nothing of the emulator passes for the real thing.
pub(super) const SERVER_NAME: HeaderValue = HeaderValue::from_static("mobula-auth-emulator");
const CUT_SHORT: &[u8] = br#"{"createApiTokens":[{"id":"cut short before its end"}]}"#;
