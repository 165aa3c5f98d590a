//! Readiness survives clones, and nothing is cloned on the fast path.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response};
use mobula_auth::PerRequestAuth;
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::limit::ConcurrencyLimitLayer;
use tower::{BoxError, Layer, Service, ServiceExt};

use super::{Strict, bearer_auth, key_auth, refreshing, request};

/// Counts its clones.
struct Counting(Arc<AtomicUsize>);

impl Clone for Counting {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Service<Request<()>> for Counting {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(())))
    }
}

/// How often 1,000 requests clone the inner service.
async fn clones<L>(layer: &L) -> usize
where
    L: Layer<Counting>,
    L::Service: Service<Request<()>, Error: Into<BoxError>>,
{
    let count = Arc::new(AtomicUsize::new(0));
    let mut stack = layer.layer(Counting(Arc::clone(&count)));
    for _ in 0..1_000 {
        let ready = stack.ready().await.map_err(Into::into).unwrap();
        ready.call(request()).await.map_err(Into::into).unwrap();
    }
    count.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn w4_nothing_is_cloned_on_the_fast_path() {
    assert_eq!(clones(&key_auth()).await, 0);
    assert_eq!(clones(&bearer_auth()).await, 0);
    assert_eq!(clones(&PerRequestAuth::new()).await, 0);
    let auth = refreshing();
    assert_eq!(clones(&auth).await, 1, "for the wait, and for it alone");
    assert_eq!(clones(&auth).await, 0);
}

/// A clone takes no readiness away, and gets none: each is called on its own.
#[tokio::test(start_paused = true)]
async fn w2_readiness_survives_clones() {
    async fn clone_between<S>(mut stack: S)
    where
        S: Service<Request<()>, Error: std::fmt::Debug> + Clone,
    {
        for _ in 0..3 {
            stack.ready().await.unwrap();
            let mut clone = stack.clone();
            stack.call(request()).await.unwrap();
            let ready = clone.ready().await.unwrap();
            ready.call(request()).await.unwrap();
        }
        // Nor does the end of the original, while the clone is ready.
        let mut clone = stack.clone();
        clone.ready().await.unwrap();
        stack.ready().await.unwrap();
        drop(stack);
        clone.call(request()).await.unwrap();
    }
    clone_between(key_auth().layer(Strict::default())).await;
    clone_between(bearer_auth().layer(Strict::default())).await;
    clone_between(PerRequestAuth::new().layer(Strict::default())).await;
    clone_between(refreshing().layer(Strict::default())).await;
}

/// The permit of who was polled ready is no clone's, and comes back when its holder goes.
#[tokio::test(start_paused = true)]
async fn w2_a_permit_belongs_to_one_instance() {
    async fn hold_the_only_permit<S>(stack: S)
    where
        S: Service<Request<()>, Error: std::fmt::Debug> + Clone + Unpin,
    {
        let mut holder = task::spawn(stack.clone());
        assert_ready_ok!(holder.enter(|cx, mut stack| stack.poll_ready(cx)));
        let mut clone = task::spawn(holder.clone());
        assert_pending!(clone.enter(|cx, mut stack| stack.poll_ready(cx)));
        assert_ready_ok!(holder.enter(|cx, mut stack| stack.poll_ready(cx)));
        drop(holder.call(request()));
        assert!(clone.is_woken());
        assert_ready_ok!(clone.enter(|cx, mut stack| stack.poll_ready(cx)));
        clone.call(request()).await.unwrap();
        stack.oneshot(request()).await.unwrap();
    }
    let limited = || ConcurrencyLimitLayer::new(1).layer(Strict::default());
    hold_the_only_permit(key_auth().layer(limited())).await;
    hold_the_only_permit(bearer_auth().layer(limited())).await;
    hold_the_only_permit(PerRequestAuth::new().layer(limited())).await;
    hold_the_only_permit(refreshing().layer(limited())).await;
}
