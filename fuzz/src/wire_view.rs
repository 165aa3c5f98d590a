//! What an HTTP client gets to see of a request that has passed a layer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Uri};
use tower::{Layer, Service};

use super::runtime::block_on;

/// The header fields that a request for this URL leaves a layer with, if its client is reqwest.
pub(crate) fn headers_sent_by_reqwest<L>(layer: &L, request: reqwest::Request) -> HeaderMap
where
    L: Layer<Recorder>,
    L::Service: Service<reqwest::Request, Response = HeaderMap, Error = Infallible>,
{
    let Ok(headers) = block_on(layer.layer(Recorder).call(request));
    headers
}

/// The header fields that a request for this target leaves a layer with.
pub(crate) fn headers_sent<L>(layer: &L, uri: Uri, headers: HeaderMap) -> HeaderMap
where
    L: Layer<Recorder>,
    L::Service: Service<Request<()>, Response = HeaderMap, Error = Infallible>,
{
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    let Ok(headers) = block_on(layer.layer(Recorder).call(request));
    headers
}

/// Answers with the header fields that it was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recorder;

impl Service<Request<()>> for Recorder {
    type Response = HeaderMap;
    type Error = Infallible;
    type Future = Ready<Result<HeaderMap, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        ready(Ok(request.into_parts().0.headers))
    }
}

impl Service<reqwest::Request> for Recorder {
    type Response = HeaderMap;
    type Error = Infallible;
    type Future = Ready<Result<HeaderMap, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: reqwest::Request) -> Self::Future {
        ready(Ok(request.headers().clone()))
    }
}
