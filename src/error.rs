//! The one error type.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

#[cfg(any(feature = "refresh", feature = "reqwest-middleware"))]
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// What went wrong, with predicates named after the remedy.
///
/// It never holds a secret or a URL. Clones are cheap and share one cause, because everybody who waited for
/// the same refresh gets the same error.
///
/// ```
/// use mobula_auth::ApiKey;
///
/// let error = ApiKey::new("two words").unwrap_err();
/// assert!(error.is_invalid_credential());
/// ```
#[derive(Clone)]
pub struct Error {
    inner: Arc<Inner>,
}

struct Inner {
    kind: Kind,
    message: Cow<'static, str>,
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "client"),
    expect(dead_code, reason = "some kinds come from the token client alone")
)]
pub(crate) enum Kind {
    InvalidCredential,
    InvalidConfiguration,
    Rejected,
    PlanRequired,
    RateLimited,
    NotFound,
    Refused,
    Transient,
    ForbiddenOrigin,
    #[cfg(feature = "registry")]
    MissingKey,
    ShutDown,
}

impl Error {
    /// An error of your own [`TokenSource`](crate::TokenSource), taken as [transient](Self::is_transient).
    ///
    /// The cause is shown wherever this error is: keep secrets, and URLs that hold them, out of it.
    #[cfg(feature = "refresh")]
    pub fn other(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Transient, "the token source failed").with_source(cause)
    }

    /// The text given as a credential, a key or a token, cannot be one; the message says what to give instead.
    #[must_use]
    pub fn is_invalid_credential(&self) -> bool {
        self.inner.kind == Kind::InvalidCredential
    }

    /// A setting is out of its range or contradicts another; the message says which.
    #[must_use]
    pub fn is_invalid_configuration(&self) -> bool {
        self.inner.kind == Kind::InvalidConfiguration
    }

    /// Mobula does not accept the credential (401): replace the API key.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.inner.kind == Kind::Rejected
    }

    /// The key's plan does not allow the call (403): short-lived tokens need Startup, Growth or Enterprise.
    #[must_use]
    pub fn is_plan_required(&self) -> bool {
        self.inner.kind == Kind::PlanRequired
    }

    /// Too many calls for now, by Mobula's count or by ours: wait for [`retry_after`](Self::retry_after).
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.inner.kind == Kind::RateLimited
    }

    /// There is no such token (404): it has expired, was revoked, or belongs to another key.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.inner.kind == Kind::NotFound
    }

    /// The same call may succeed later: the network, a timeout, a 5xx, an answer that made no sense.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.inner.kind == Kind::Transient
    }

    /// The request's origin is not one that may receive credentials: see [`Origins`](crate::Origins).
    #[must_use]
    pub fn is_forbidden_origin(&self) -> bool {
        self.inner.kind == Kind::ForbiddenOrigin
    }

    /// The request has no [`ApiKey`](crate::ApiKey) in its extensions: put the key of the tenant there that it is for.
    #[cfg(feature = "registry")]
    #[must_use]
    pub fn is_missing_key(&self) -> bool {
        self.inner.kind == Kind::MissingKey
    }

    /// The handle was shut down and makes no more tokens.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.inner.kind == Kind::ShutDown
    }

    /// How long to wait before the next try, counted from when the error came about, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// The status code of the answer, where there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.inner.status
    }
}

#[cfg_attr(
    not(feature = "client"),
    expect(dead_code, reason = "the token client alone has statuses to tell")
)]
impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            inner: Arc::new(Inner {
                kind,
                message: message.into(),
                status: None,
                retry_after: None,
                source: None,
            }),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.inner.kind
    }

    /// The kind as a label of a metric.
    #[cfg(feature = "metrics")]
    pub(crate) fn outcome(&self) -> &'static str {
        match self.inner.kind {
            Kind::Rejected => "rejected",
            Kind::PlanRequired => "plan_required",
            Kind::RateLimited => "rate_limited",
            Kind::Transient => "transient",
            _ => "refused",
        }
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        self.change(|inner| inner.status = Some(status))
    }

    pub(crate) fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        self.change(|inner| inner.retry_after = retry_after)
    }

    /// The source must be free of secrets and URLs: everything in it is shown.
    pub(crate) fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = Arc::from(source.into());
        self.change(|inner| inner.source = Some(source))
    }

    /// As this error in kind, status and causes, so that the same remedy is found, with other words.
    pub(crate) fn reworded(&self, message: String) -> Self {
        let Inner {
            kind,
            status,
            retry_after,
            source,
            ..
        } = &*self.inner;
        Self::new(*kind, message).change(|inner| {
            inner.status = *status;
            inner.retry_after = *retry_after;
            inner.source.clone_from(source);
        })
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::get_mut(&mut self.inner).expect("an error is complete before it is shared"));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            kind,
            message,
            status,
            retry_after,
            source,
        } = &*self.inner;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("message", message)
            .field("status", status)
            .field("retry_after", retry_after)
            .field("source", source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_leaves_the_cause_to_source() {
        let error = Error::new(Kind::Transient, "the token service is out of reach")
            .with_source("connection refused");
        assert_eq!(error.to_string(), "the token service is out of reach");
        assert_eq!(
            error.source().map(ToString::to_string).as_deref(),
            Some("connection refused")
        );
        assert!(error.is_transient());
    }
}
