//! What no layer can be cheaper than.

use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use tower::Service;

use crate::inner::Noop;

/// Writes one header, shared and sensitive, and nothing else.
#[derive(Debug, Clone)]
pub struct Floor<S> {
    value: HeaderValue,
    inner: S,
}

/// No layer at all.
pub fn bare<S: Noop>(_secret: &str, inner: S) -> S {
    inner
}

pub fn floor<S: Noop>(secret: &str, inner: S) -> Floor<S> {
    Floor {
        value: bearer(secret),
        inner,
    }
}

/// A sensitive value that is shared from the first clone on.
pub(crate) fn bearer(secret: &str) -> HeaderValue {
    let mut value = HeaderValue::try_from(format!("Bearer {secret}")).unwrap();
    value.set_sensitive(true);
    value
}

impl<S: Noop> Service<Request<()>> for Floor<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<()>) -> Self::Future {
        let value = self.value.clone();
        request.headers_mut().insert(AUTHORIZATION, value);
        self.inner.call(request)
    }
}
