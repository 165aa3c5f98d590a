//! The service that the layer makes.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

use super::engine::Engine;
use super::future::{ResponseFuture, SentToken};
use super::live_token::Taken;
use super::sync::Ordering;
use super::token_copy::OwnCopy;
use crate::clock;
use crate::credential_rules::{self, Verdict};
use crate::error::{BoxError, Error, Kind};
use crate::http_request::{HttpRequest, HttpResponse};

/// Puts a token that is good right now on every request to an allowed origin: the service of
/// [`AutoRefreshingToken`](super::AutoRefreshingToken).
///
/// With a usable token, which is always but at the very start and after trouble, a request allocates
/// nothing, takes no lock, and calls the inner service that was polled ready. A service that has sent a few requests
/// keeps a copy of the token, so that threads which send through clones of it share nothing that they write to; it gives
/// a token's copy up when it first sends with the next one, or is dropped. Without a token a request waits, and
/// so holds the inner service's readiness (a permit of a `ConcurrencyLimit`, say) meanwhile; the inner
/// service is cloned for this alone. Its errors are the inner service's, or an
/// [`Error`](crate::Error), which `downcast_ref::<mobula_auth::Error>()` tells.
#[derive(Clone)]
pub struct AutoRefresh<S> {
    inner: S,
    engine: Arc<Engine>,
    copy: OwnCopy,
}

impl<S> AutoRefresh<S> {
    pub(super) fn new(inner: S, engine: Arc<Engine>) -> Self {
        Self {
            inner,
            engine,
            copy: OwnCopy::default(),
        }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without the layer.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R> Service<R> for AutoRefresh<S>
where
    S: Service<R> + Clone,
    S::Response: HttpResponse,
    S::Error: Into<BoxError>,
    R: HttpRequest,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, mut request: R) -> Self::Future {
        let verdict = self.engine.settings.rules.judge(&mut request);
        if verdict != Verdict::Add {
            return send_without_token(&self.engine, &mut self.inner, request, verdict);
        }
        let cost = self.engine.settings.cost.of(&request);
        let Some(copy) = self.copy.take(&self.engine, cost) else {
            return send_shared(&self.engine, &mut self.inner, request, cost);
        };
        credential_rules::add_authorization(request.headers_mut(), copy.header().clone());
        ResponseFuture::sent(self.inner.call(request), SentToken::Copy(copy))
    }
}

/// Sends a request by a service that was polled ready, with a token of this engine where it may have one.
#[cfg(feature = "registry")]
pub(super) fn send<S, R>(
    engine: &Arc<Engine>,
    inner: &mut S,
    mut request: R,
) -> ResponseFuture<S, R>
where
    S: Service<R> + Clone,
    R: HttpRequest,
{
    let verdict = engine.settings.rules.judge(&mut request);
    if verdict != Verdict::Add {
        return send_without_token(engine, inner, request, verdict);
    }
    let cost = engine.settings.cost.of(&request);
    send_shared(engine, inner, request, cost)
}

fn send_without_token<S, R>(
    engine: &Engine,
    inner: &mut S,
    request: R,
    verdict: Verdict,
) -> ResponseFuture<S, R>
where
    S: Service<R>,
{
    if verdict == Verdict::Withhold {
        engine.withheld.fetch_add(1, Ordering::Relaxed);
        if engine.settings.strict_origins {
            return ResponseFuture::failed(forbidden_origin());
        }
    }
    ResponseFuture::sent(inner.call(request), SentToken::Nothing)
}

/// Sends a request with the token that all services share, or has it wait for one.
fn send_shared<S, R>(
    engine: &Arc<Engine>,
    inner: &mut S,
    mut request: R,
    cost: i64,
) -> ResponseFuture<S, R>
where
    S: Service<R> + Clone,
    R: HttpRequest,
{
    if let Some(Taken { header, generation }) = engine.take(clock::now(), cost) {
        credential_rules::add_authorization(request.headers_mut(), header);
        let response = inner.call(request);
        let engine = Arc::clone(engine);
        return ResponseFuture::sent(response, SentToken::Shared { engine, generation });
    }
    let not_ready = inner.clone();
    let ready = mem::replace(inner, not_ready);
    ResponseFuture::waiting(Arc::clone(engine), ready, request, cost)
}

impl<S: fmt::Debug> fmt::Debug for AutoRefresh<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AutoRefresh")
            .field("inner", &self.inner)
            .field("status", &self.engine.status())
            .finish_non_exhaustive()
    }
}

fn forbidden_origin() -> Error {
    let message =
        "the request's origin may not have credentials: add it to the allowed origins if it should";
    Error::new(Kind::ForbiddenOrigin, message)
}
