//! The layers as middleware inside of a `reqwest_middleware` chain: the same layers, around the rest of the chain.

use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next, Result};
use tower_layer::Layer;
use tower_service::Service;

use crate::api_key_auth::ApiKeyAuth;
#[cfg(feature = "refresh")]
use crate::auto_refreshing_token::AutoRefreshingToken;
use crate::bearer_auth::BearerAuth;
use crate::error::{BoxError, Error};
use crate::per_request_auth::PerRequestAuth;

#[async_trait]
impl Middleware for ApiKeyAuth {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let extensions = Mutex::new(extensions);
        send(self.layer(RestOfChain::new(next, &extensions)), request).await
    }
}

#[async_trait]
impl Middleware for BearerAuth {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let extensions = Mutex::new(extensions);
        send(self.layer(RestOfChain::new(next, &extensions)), request).await
    }
}

/// Each request that passes gets the token of that moment, so a retry further out in the chain sends the next one.
#[cfg(feature = "refresh")]
#[async_trait]
impl Middleware for AutoRefreshingToken {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let extensions = Mutex::new(extensions);
        send(self.layer(RestOfChain::new(next, &extensions)), request).await
    }
}

/// The credential comes from the extensions of the chain, where `RequestBuilder::with_extension` puts it. It stays there:
/// a retry further out in the chain needs it again.
#[async_trait]
impl Middleware for PerRequestAuth {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        self.put_on_from(&mut request, extensions);
        next.run(request, extensions).await
    }
}

/// What stands further inside in the chain, down to the client, as a service.
#[derive(Clone)]
struct RestOfChain<'a, 'e> {
    next: Next<'a>,
    extensions: &'a Mutex<&'e mut Extensions>,
}

impl<'a, 'e> RestOfChain<'a, 'e> {
    fn new(next: Next<'a>, extensions: &'a Mutex<&'e mut Extensions>) -> Self {
        Self { next, extensions }
    }
}

impl<'a> Service<Request> for RestOfChain<'a, '_> {
    type Response = Response;
    type Error = reqwest_middleware::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response>> + Send + 'a>>;

    /// As `reqwest::Client`, it is always ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let next = self.next.clone();
        let mut lent = Lent::new(self.extensions);
        Box::pin(async move { next.run(request, &mut lent.extensions).await })
    }
}

/// The chain's extensions while a request is under way, given back however it ends.
struct Lent<'a, 'e> {
    owner: &'a Mutex<&'e mut Extensions>,
    extensions: Extensions,
}

impl<'a, 'e> Lent<'a, 'e> {
    fn new(owner: &'a Mutex<&'e mut Extensions>) -> Self {
        Self {
            owner,
            extensions: mem::take(&mut **lock(owner)),
        }
    }
}

impl Drop for Lent<'_, '_> {
    fn drop(&mut self) {
        **lock(self.owner) = mem::take(&mut self.extensions);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send<S>(mut stack: S, request: Request) -> Result<Response>
where
    S: Service<Request, Response = Response>,
    S::Error: Into<BoxError>,
{
    poll_fn(|cx| stack.poll_ready(cx))
        .await
        .map_err(of_the_chain)?;
    stack.call(request).await.map_err(of_the_chain)
}

/// An error of the rest of the chain stays what it is, so that a retry further out can judge it.
fn of_the_chain(error: impl Into<BoxError>) -> reqwest_middleware::Error {
    error
        .into()
        .downcast::<reqwest_middleware::Error>()
        .map_or_else(ours, |error| *error)
}

fn ours(error: BoxError) -> reqwest_middleware::Error {
    let error = error
        .downcast::<Error>()
        .expect("a layer gives the inner service's error, or its own");
    reqwest_middleware::Error::middleware(*error)
}
