//! One more try for a request whose token was rejected or spent.

use std::future::{Ready, ready};

use tower::retry::Policy;

use super::future::Replayable;
use crate::http_request::{HttpRequest, HttpResponse};

/// A [`tower::retry::Policy`] that sends a request once more after its token was rejected or spent.
///
/// Put it outside of the [`AutoRefreshingToken`](super::AutoRefreshingToken), which marks the response if the same
/// request, sent again, would carry another token. At most one more try is made, and only for that
/// reason. Each request is copied beforehand; one whose body cannot be copied passes straight through,
/// and its caller gets the 401.
///
/// ```
/// use mobula_auth::{AutoRefreshingToken, ReplayRejected, TokenSource};
/// use tower::{ServiceBuilder, retry::RetryLayer};
///
/// fn client<S>(http_client: S, auth: AutoRefreshingToken) -> impl Sized {
///     ServiceBuilder::new()
///         .layer(RetryLayer::new(ReplayRejected::default()))
///         .layer(auth)
///         .service(http_client)
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ReplayRejected {
    replayed: bool,
}

/// A request that may be sent more than once.
///
/// Implemented for [`http::Request<B>`] where `B: Clone`, and with feature `reqwest` for `reqwest::Request`, whose body
/// can be copied unless it is a stream.
pub trait CloneRequest: HttpRequest + Sized {
    /// A copy of the request, if its body can be copied.
    fn clone_request(&self) -> Option<Self>;
}

impl<R, T, E> Policy<R, T, E> for ReplayRejected
where
    R: CloneRequest,
    T: HttpResponse,
{
    type Future = Ready<()>;

    fn retry(&mut self, _request: &mut R, result: &mut Result<T, E>) -> Option<Self::Future> {
        let response = result.as_ref().ok()?;
        let replay = !self.replayed && response.extensions().get::<Replayable>().is_some();
        replay.then(|| {
            self.replayed = true;
            ready(())
        })
    }

    fn clone_request(&mut self, request: &R) -> Option<R> {
        request.clone_request()
    }
}

impl<B: Clone> CloneRequest for http::Request<B> {
    fn clone_request(&self) -> Option<Self> {
        Some(self.clone())
    }
}

#[cfg(feature = "reqwest")]
impl CloneRequest for reqwest::Request {
    fn clone_request(&self) -> Option<Self> {
        self.try_clone()
    }
}
