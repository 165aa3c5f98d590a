//! Services that answer at once, under every stack. They differ in what becomes of the request.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::mem;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::{BoxError, Service};

/// A service, or a whole stack, that is ready at once.
pub trait Noop:
    Service<Request<()>, Response = Response<()>, Error: Into<BoxError>, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> Noop for S where
    S: Service<Request<()>, Response = Response<()>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Leaks the request: what it costs to free one depends on the allocator's state, and is nobody's of those compared.
#[derive(Debug, Clone, Copy)]
pub struct Leaking;

/// Drops the request, and with it the header that a layer added.
#[derive(Debug, Clone, Copy)]
pub struct Dropping;

/// Drops the request's headers, and nothing else of it, into memory that it keeps: [`recycled`] has it.
#[derive(Debug, Clone, Copy)]
pub struct Recycling;

thread_local! {
    static RECYCLED: Cell<Option<Request<()>>> = const { Cell::new(None) };
}

/// The request that this thread sent last through a stack over [`Recycling`].
pub fn recycled() -> Request<()> {
    RECYCLED.take().expect("a request was sent")
}

macro_rules! answers_at_once {
    ($service:ty, $request:ident => $end:expr) => {
        impl Service<Request<()>> for $service {
            type Response = Response<()>;
            type Error = Infallible;
            type Future = Ready<Result<Response<()>, Infallible>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            // Out of line, as a real client would be.
            #[inline(never)]
            fn call(&mut self, $request: Request<()>) -> Self::Future {
                $end;
                ready(Ok(Response::new(())))
            }
        }
    };
}

answers_at_once!(Leaking, request => mem::forget(request));
answers_at_once!(Dropping, request => drop(request));
answers_at_once!(Recycling, request => {
    let mut request = request;
    request.headers_mut().clear();
    RECYCLED.set(Some(request));
});
