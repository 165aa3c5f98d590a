//! W4: the layers ask for no more than they use, and their services are `Send`, `Sync` and `Clone` as the inner ones are.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::task::{Context, Poll};

use http::{Request, Response};
use mobula_auth::{
    AddCredential, AddOwnCredential, ApiKeyAuth, AutoRefresh, AutoRefreshingToken, BearerAuth,
    PerRequestAuth, ResponseFuture,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use tower::{Layer, Service};

use super::{Strict, refreshing, request};

/// No service, and not `Clone`.
struct Anything;

// A layer can be put around anything; what it asks for, its service asks for when it is called.
assert_impl_all!(ApiKeyAuth: Layer<Anything>, Layer<Rc<str>>, Send, Sync, Clone);
assert_impl_all!(BearerAuth: Layer<Anything>, Layer<Rc<str>>, Send, Sync, Clone);
assert_impl_all!(PerRequestAuth: Layer<Anything>, Layer<Rc<str>>, Send, Sync, Clone);
assert_impl_all!(AutoRefreshingToken: Layer<Anything>, Layer<Rc<str>>, Send, Sync, Clone);

macro_rules! as_the_inner_service {
    ($($service:ident),*) => {$(
        assert_impl_all!($service<Strict>: Send, Sync, Clone, Unpin, Service<Request<()>>);
        assert_impl_all!($service<Rc<()>>: Clone);
        assert_not_impl_any!($service<Rc<()>>: Send, Sync);
        assert_impl_all!($service<Cell<()>>: Send);
        assert_not_impl_any!($service<Cell<()>>: Sync);
        assert_not_impl_any!($service<Anything>: Clone, Service<Request<()>>);
    )*};
}

as_the_inner_service!(AddCredential, AddOwnCredential, AutoRefresh);

/// Its future is that of the inner service, no other.
fn passes_the_future_through<S, R>()
where
    AddCredential<S>: Service<R, Response = S::Response, Error = S::Error, Future = S::Future>,
    AddOwnCredential<S>: Service<R, Response = S::Response, Error = S::Error, Future = S::Future>,
    S: Service<R>,
{
}

#[test]
fn static_layers_pass_the_future_through() {
    passes_the_future_through::<Strict, Request<()>>();
    passes_the_future_through::<OneThread<'_>, Request<Rc<()>>>();
}

/// Neither `Send` nor `Sync` nor `'static`, and neither is its future.
#[derive(Clone)]
struct OneThread<'a>(&'a Cell<u32>);

impl<B> Service<Request<B>> for OneThread<'_> {
    type Response = Response<Rc<u32>>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Rc<u32>>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        self.0.set(self.0.get() + 1);
        ready(Ok(Response::new(Rc::new(self.0.get()))))
    }
}

assert_impl_all!(ResponseFuture<Strict, Request<()>>: Send);
assert_not_impl_any!(ResponseFuture<Strict, Request<Rc<()>>>: Send);
assert_not_impl_any!(ResponseFuture<OneThread<'static>, Request<()>>: Send);

/// The refreshing layer asks for `Clone`, a status and an error that can be boxed; not for `'static`.
#[tokio::test(start_paused = true)]
async fn w4_the_refreshing_layer_needs_no_static() {
    let calls = Cell::new(0);
    let mut stack = refreshing().layer(OneThread(&calls));
    for number in 1..=3 {
        let response = stack.call(request().map(|()| &calls)).await.unwrap();
        assert_eq!((**response.body(), calls.get()), (number, number));
    }
}
