//! tower's contract (W1 to W4, W6): only what was polled ready is called, and no bound is asked for in vain.

mod bounds;
mod clones;
mod wrappers;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::Empty;
use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefreshingToken, BearerAuth, CreateTokens, Error,
    PerRequestAuth, TokenRegistry,
};
use tokio_test::{assert_pending, assert_ready_ok};
use tower::buffer::BufferLayer;
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;
use tower::util::{BoxCloneSyncService, MapRequestLayer};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt};
use tower_test::mock;

/// It carries a key of its own, for the layer that looks for one.
fn request() -> Request<()> {
    let mut request = Request::get("https://api.mobula.io/").body(()).unwrap();
    let own_key = ApiKey::new("key").unwrap();
    request.extensions_mut().insert(own_key);
    request
}

fn key_auth() -> ApiKeyAuth {
    ApiKeyAuth::new(ApiKey::new("key").unwrap())
}

fn bearer_auth() -> BearerAuth {
    BearerAuth::new(ApiToken::new("token").unwrap())
}

/// The first token takes a second to come.
fn refreshing() -> AutoRefreshingToken {
    AutoRefreshingToken::new(async |_: CreateTokens| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<_, Error>(vec![ApiToken::new("token")?])
    })
}

/// Its tenants' first tokens take a second to come.
fn registry() -> TokenRegistry {
    TokenRegistry::new(|_| Ok(refreshing()))
}

/// Says of each request that it is for one tenant.
fn of_a_tenant() -> MapRequestLayer<impl Fn(Request<()>) -> Request<()> + Clone> {
    MapRequestLayer::new(|mut request: Request<()>| {
        request.extensions_mut().insert(ApiKey::new("key").unwrap());
        request
    })
}

/// Panics when it is called without having been polled ready, as a clone has not been.
#[derive(Debug, Default)]
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl<B> Service<Request<B>> for Strict {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Empty<Bytes>>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being polled ready"
        );
        assert!(request.headers().contains_key(AUTHORIZATION));
        ready(Ok(Response::new(Empty::new())))
    }
}

#[tokio::test(start_paused = true)]
async fn w1_only_the_instance_that_was_polled_ready_is_called() {
    async fn drive<S>(mut stack: S)
    where
        S: Service<Request<()>>,
        S::Error: std::fmt::Debug,
    {
        for _ in 0..1_000 {
            stack.ready().await.unwrap().call(request()).await.unwrap();
        }
    }
    drive(key_auth().layer(Strict::default())).await;
    drive(refreshing().layer(Strict::default())).await;
    drive(of_a_tenant().layer(registry().layer(Strict::default()))).await;
    drive(
        ServiceBuilder::new()
            .buffer(4)
            .layer(of_a_tenant())
            .layer(registry())
            .concurrency_limit(1)
            .service(Strict::default()),
    )
    .await;
    drive(
        ServiceBuilder::new()
            .buffer(4)
            .layer(refreshing())
            .concurrency_limit(2)
            .service(Strict::default()),
    )
    .await;
    drive(
        ServiceBuilder::new()
            .concurrency_limit(1)
            .layer(refreshing())
            .buffer(1)
            .service(Strict::default()),
    )
    .await;
    drive(
        ServiceBuilder::new()
            .layer(key_auth())
            .layer(BufferLayer::new(1))
            .service(Strict::default()),
    )
    .await;
    drive(
        ServiceBuilder::new()
            .layer(LoadShedLayer::new())
            .layer(TimeoutLayer::new(Duration::from_secs(5)))
            .layer(refreshing())
            .layer(ConcurrencyLimitLayer::new(1))
            .service(Strict::default()),
    )
    .await;
    drive(BoxCloneSyncService::new(
        refreshing().layer(Strict::default()),
    ))
    .await;
    drive(BoxCloneSyncService::new(
        key_auth().layer(Strict::default()),
    ))
    .await;
}

/// An inner service that the test holds in its hand.
type Mock = mock::Mock<Request<()>, Response<()>>;

#[tokio::test(start_paused = true)]
async fn readiness_is_the_inner_services() {
    async fn hold<L>(layer: L, credential: &str)
    where
        L: Layer<Mock, Service: Service<Request<()>, Response = Response<()>, Error = BoxError>>,
        <L::Service as Service<Request<()>>>::Future: Send + 'static,
    {
        let (mut stack, mut handle) = mock::spawn_layer(layer);
        handle.allow(0);
        assert_pending!(stack.poll_ready());
        assert_pending!(stack.poll_ready());
        handle.allow(1);
        assert!(stack.is_woken());
        assert_ready_ok!(stack.poll_ready());
        let response = tokio::spawn(stack.call(request()));
        let (sent, answer) = handle.next_request().await.unwrap();
        assert_eq!(sent.headers()[AUTHORIZATION], credential);
        answer.send_response(Response::new(()));
        response.await.unwrap().unwrap();
        assert_pending!(stack.poll_ready());
    }
    hold(key_auth(), "key").await;
    hold(bearer_auth(), "Bearer token").await;
    hold(PerRequestAuth::new(), "key").await;
    let warm = refreshing();
    warm.refresh().await.unwrap();
    hold(warm, "Bearer token").await;
}

/// W2, R7: the request that waits keeps the permit that it was polled ready with, and gives it back.
#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_a_token_keeps_its_readiness() {
    let (mut stack, mut handle) = mock::spawn_layer::<Request<()>, Response<()>, _>(refreshing());
    handle.allow(1);
    assert_ready_ok!(stack.poll_ready());
    let waiting = tokio::spawn(stack.call(request()));
    handle.allow(1);
    let (sent, answer) = handle.next_request().await.unwrap();
    assert_eq!(sent.headers()[AUTHORIZATION], "Bearer token");
    answer.send_response(Response::new(()));
    waiting.await.unwrap().unwrap();

    let limited = ServiceBuilder::new()
        .layer(refreshing())
        .concurrency_limit(1)
        .service(Strict::default());
    for _ in 0..3 {
        limited.clone().oneshot(request()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_inner_service_come_through() {
    async fn fail<L>(layer: L)
    where
        L: Layer<Mock, Service: Service<Request<()>, Response = Response<()>, Error = BoxError>>,
        <L::Service as Service<Request<()>>>::Future: Send + 'static,
    {
        let (mut stack, mut handle) = mock::spawn_layer(layer);
        handle.allow(1);
        assert_ready_ok!(stack.poll_ready());
        let response = tokio::spawn(stack.call(request()));
        handle.next_request().await.unwrap().1.send_error("broken");
        let error = response.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "broken");
        drop(handle);
        assert!(std::future::poll_fn(|_| stack.poll_ready()).await.is_err());
    }
    fail(key_auth()).await;
    fail(bearer_auth()).await;
    fail(PerRequestAuth::new()).await;
    fail(refreshing()).await;
}

/// W4: a static layer asks nothing of the inner service that the inner service does not have: not `Clone`, not
/// `Send`, not `Sync`, not `'static`, and no particular response or error.
#[tokio::test]
async fn w4_static_layers_need_no_bound() {
    struct Odd<'a>(&'a Cell<u32>);
    impl<B> Service<Request<B>> for Odd<'_> {
        type Response = Rc<u32>;
        type Error = Rc<str>;
        type Future = Ready<Result<Rc<u32>, Rc<str>>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Rc<str>>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<B>) -> Self::Future {
            self.0.set(self.0.get() + 1);
            ready(Ok(Rc::new(self.0.get())))
        }
    }
    let calls = Cell::new(0);
    let body = Rc::new(Cell::new("neither Send nor Sync"));
    let mut stack = key_auth().layer(Odd(&calls));
    let answered: Rc<u32> = stack.call(Request::new(Rc::clone(&body))).await.unwrap();
    assert_eq!((*answered, calls.get()), (1, 1));
    let mut stack = bearer_auth().layer(stack);
    let answered = stack.call(Request::new(Rc::clone(&body))).await.unwrap();
    assert_eq!(*answered, 2);
    let mut stack = PerRequestAuth::new().layer(stack);
    assert_eq!(*stack.call(Request::new(body)).await.unwrap(), 3);
}

/// The refreshing layer asks for `Clone` and for a response with a status, and is `Send` exactly if the inner one is.
#[tokio::test(start_paused = true)]
async fn w4_the_refreshing_layer_works_on_one_thread_with_what_is_not_send() {
    let seen = Rc::new(Cell::new(0));
    let inner = tower::service_fn(|request: Request<Rc<Cell<u32>>>| async move {
        let body = request.into_body();
        body.set(body.get() + 1);
        Ok::<_, BoxError>(Response::new(body))
    });
    let mut stack = refreshing().layer(inner);
    for _ in 0..2 {
        let request = Request::get("https://api.mobula.io/")
            .body(Rc::clone(&seen))
            .unwrap();
        stack.ready().await.unwrap().call(request).await.unwrap();
    }
    assert_eq!(seen.get(), 2);
}
