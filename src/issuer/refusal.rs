//! Why a caller gets nothing.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderValue, StatusCode};

use crate::error::Error;

/// A refusal: the status and the words of the answer.
///
/// ```
/// use mobula_auth::issuer::Refusal;
///
/// let refusal = Refusal::forbidden().message("tokens come with the paid plan");
/// assert_eq!(refusal.status(), 403);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: Cow<'static, str>,
    pub(super) retry_after: Option<Duration>,
    pub(super) challenge: Option<HeaderValue>,
    /// For the audit events; not for the caller.
    pub(super) cause: Option<Error>,
}

impl Refusal {
    /// 401: nobody knows who this is. There is no session, or it is over, or it was forged.
    ///
    /// The answer has a `WWW-Authenticate: Session`, as a 401 must have one (RFC 9110, section 15.5.2) and no browser asks for
    /// a password because of it; see [`challenge`](Self::challenge).
    pub fn unauthenticated() -> Self {
        Self {
            challenge: Some(HeaderValue::from_static("Session")),
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "sign in to get a token",
            )
        }
    }

    /// 403: this one may not have a token.
    pub fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "you may not have a token",
        )
    }

    /// 503: it cannot be told for now who this is; the session store is down, for one. Ask again after this long.
    pub fn unavailable(retry_after: Duration) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "it cannot be told for now whether you may have a token",
        )
        .after(retry_after)
    }

    /// Sets the text that the caller reads. It is shown as it is: no secrets.
    pub fn message(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            message: message.into(),
            ..self
        }
    }

    /// Sets the `WWW-Authenticate` of a 401.
    pub fn challenge(self, challenge: HeaderValue) -> Self {
        Self {
            challenge: Some(challenge),
            ..self
        }
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
            challenge: None,
            cause: None,
        }
    }

    pub(super) fn after(self, retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..self
        }
    }

    pub(super) fn because_of(self, cause: Error) -> Self {
        Self {
            cause: Some(cause),
            ..self
        }
    }
}

/// 500: the hook made a grant that cannot be. The error goes to the audit events, not to the caller.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "misconfigured",
            "the issuer made a mistake",
        )
        .because_of(error)
    }
}
