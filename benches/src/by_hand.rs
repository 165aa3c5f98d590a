//! The way people write it by hand: a lock around a string, which is formatted anew for each request, in a box.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use tokio::sync::RwLock;
use tower::Service;

use crate::inner::Noop;

#[derive(Debug, Clone)]
pub struct ByHand<S> {
    token: Arc<RwLock<String>>,
    inner: S,
}

pub fn by_hand<S: Noop>(secret: &str, inner: S) -> ByHand<S> {
    ByHand {
        token: Arc::new(RwLock::new(secret.to_owned())),
        inner,
    }
}

impl<S: Noop> Service<Request<()>> for ByHand<S> {
    type Response = Response<()>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<()>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<()>) -> Self::Future {
        let token = Arc::clone(&self.token);
        let not_ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, not_ready);
        Box::pin(async move {
            let header = format!("Bearer {}", token.read().await);
            let value = HeaderValue::from_str(&header).expect("a token is visible ASCII");
            request.headers_mut().insert(AUTHORIZATION, value);
            inner.call(request).await
        })
    }
}
