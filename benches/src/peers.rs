//! What others offer: tower-http's static layers, and the tokens of aliri in a service of the usual shape.

use std::sync::Arc;
use std::task::{Context, Poll};

use aliri_clock::DurationSecs;
use aliri_tokens::backoff::ErrorBackoffConfig;
use aliri_tokens::jitter::NullJitter;
use aliri_tokens::sources::ConstTokenSource;
use aliri_tokens::{AccessToken, TokenWatcher};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service};
use tower_http::auth::AddAuthorizationLayer;
use tower_http::set_header::SetRequestHeaderLayer;

use crate::floor::bearer;
use crate::inner::Noop;

pub fn tower_http_add_authorization<S: Noop>(secret: &str, inner: S) -> impl Noop + use<S> {
    AddAuthorizationLayer::bearer(secret).layer(inner)
}

pub fn tower_http_set_request_header<S: Noop>(secret: &str, inner: S) -> impl Noop + use<S> {
    SetRequestHeaderLayer::overriding(AUTHORIZATION, bearer(secret)).layer(inner)
}

/// aliri keeps a token fresh and hands it out; the header is made of it for each request.
#[derive(Debug, Clone)]
pub struct Aliri<S> {
    tokens: TokenWatcher,
    inner: S,
    _refreshes: Arc<Runtime>,
}

pub fn aliri_tokens<S: Noop>(secret: &str, inner: S) -> Aliri<S> {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let source = ConstTokenSource::new(AccessToken::from(secret.to_owned()))
        .with_token_valid_for(DurationSecs(3_600));
    let backoff = ErrorBackoffConfig::default();
    let watcher = TokenWatcher::spawn_from_token_source(source, NullJitter, backoff);
    Aliri {
        tokens: runtime.block_on(watcher).unwrap(),
        inner,
        _refreshes: Arc::new(runtime),
    }
}

impl<S: Noop> Service<Request<()>> for Aliri<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<()>) -> Self::Future {
        let header = format!("Bearer {}", self.tokens.token().access_token().as_str());
        let mut value = HeaderValue::try_from(header).unwrap();
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        self.inner.call(request)
    }
}
