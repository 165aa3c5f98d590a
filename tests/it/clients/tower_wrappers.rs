//! tower's own wrappers, outside and inside of each layer, over real sockets.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use mobula_auth::{
    ApiToken, AutoRefreshingToken, AutoRefreshingTokenBuilder, CreateTokens, Error, ReplayRejected,
};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::buffer::BufferLayer;
use tower::limit::{ConcurrencyLimitLayer, RateLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower::load_shed::error::Overloaded;
use tower::retry::RetryLayer;
use tower::timeout::TimeoutLayer;
use tower::timeout::error::Elapsed;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use super::each_layer::{Client, TestRequest, drive, each_layer, in_both_orders};
use super::recorder::RawRecorder;
use super::{TOKEN, bearer_auth, hyper_client};

type HttpRequest = Request<Empty<Bytes>>;

fn reqwest_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// One wrapper with both families of clients, in both orders.
macro_rules! fits {
    ($(#[$doc:meta])* $name:ident, $wrapper:expr) => {
        $(#[$doc])*
        #[tokio::test]
        async fn $name() {
            in_both_orders::<_, HttpRequest, _>(hyper_client(false), $wrapper).await;
            in_both_orders::<_, reqwest::Request, _>(reqwest_client(), $wrapper).await;
        }
    };
}

fits!(buffer, BufferLayer::new(4));
fits!(concurrency_limit, ConcurrencyLimitLayer::new(2));
fits!(load_shed, LoadShedLayer::new());
fits!(timeout, TimeoutLayer::new(Duration::from_secs(60)));
fits!(retry, RetryLayer::new(ReplayRejected::default()));
fits!(
    /// A `RateLimit` cannot be cloned, so it stands in a `Buffer` wherever a clone is needed.
    rate_limit,
    ServiceBuilder::new()
        .layer(BufferLayer::new(4))
        .layer(RateLimitLayer::new(1_000, Duration::from_secs(1)))
        .into_inner()
);
fits!(box_clone_sync_service, Boxing(PhantomData));

struct Boxing<R>(PhantomData<R>);

impl<S: Client<R>, R> Layer<S> for Boxing<R> {
    type Service = BoxCloneSyncService<R, S::Response, S::Error>;

    fn layer(&self, inner: S) -> Self::Service {
        BoxCloneSyncService::new(inner)
    }
}

/// The static layers ask for no clone, and the refreshing layer's service is no different from outside.
#[tokio::test]
async fn rate_limit_without_a_buffer() {
    let server = RawRecorder::start().await;
    let rate_limit = || RateLimitLayer::new(1_000, Duration::from_secs(1));
    let line = format!("authorization: Bearer {TOKEN}");
    let inside = ServiceBuilder::new()
        .layer(bearer_auth())
        .layer(rate_limit())
        .service(hyper_client(false));
    drive::<_, HttpRequest>(inside, &server, &line).await;
    for (line, stack) in each_layer::<_, HttpRequest>(&hyper_client(false)) {
        drive(rate_limit().layer(stack), &server, &line).await;
    }
}

/// A token source that answers once it is let.
struct Gate(Arc<Semaphore>);

impl Gate {
    fn closed(
        settings: impl FnOnce(AutoRefreshingTokenBuilder) -> AutoRefreshingTokenBuilder,
    ) -> (Self, AutoRefreshingToken) {
        let gate = Arc::new(Semaphore::new(0));
        let tokens = Arc::clone(&gate);
        let source = move |_: CreateTokens| {
            let tokens = Arc::clone(&tokens);
            async move {
                tokens.acquire().await.map_err(Error::other)?.forget();
                Ok::<_, Error>(vec![ApiToken::new(TOKEN)?])
            }
        };
        let auth = settings(AutoRefreshingToken::builder(source));
        (Self(gate), auth.build().unwrap())
    }

    fn open(&self) {
        self.0.add_permits(1);
    }
}

fn bare(server: &RawRecorder) -> HttpRequest {
    Request::get(server.url()).body(Empty::new()).unwrap()
}

/// One that needs no token of ours.
fn with_a_credential(server: &RawRecorder) -> HttpRequest {
    HttpRequest::to(server.url())
}

fn token_line() -> [String; 1] {
    [format!("authorization: Bearer {TOKEN}")]
}

/// An `Err` of `poll_ready` would end a `Buffer` for good: trouble with tokens comes out of the response alone.
#[tokio::test]
async fn a_buffer_outlives_requests_that_got_no_token() {
    let server = RawRecorder::start().await;
    let (gate, auth) = Gate::closed(|auth| auth.max_waiting(0));
    let mut stack = ServiceBuilder::new()
        .buffer(4)
        .layer(auth.clone())
        .service(hyper_client(false));
    for _ in 0..10 {
        let sent = stack.ready().await.unwrap().call(bare(&server)).await;
        let error = sent.unwrap_err().downcast::<Error>().unwrap();
        assert!(error.is_transient(), "{error}");
    }
    assert!(server.heads().is_empty());
    gate.open();
    auth.refresh().await.unwrap();
    drive::<_, HttpRequest>(stack, &server, &token_line()[0]).await;
}

/// One worker serves a `Buffer`: a request that waits for a token must not hold it up.
#[tokio::test]
async fn requests_pass_a_buffer_while_others_wait_for_a_token() {
    let server = RawRecorder::start().await;
    let (gate, auth) = Gate::closed(AutoRefreshingTokenBuilder::keep_existing);
    let mut stack = ServiceBuilder::new()
        .buffer(4)
        .layer(auth.clone())
        .service(hyper_client(false));
    let mut waiting = JoinSet::new();
    for _ in 0..3 {
        waiting.spawn(stack.ready().await.unwrap().call(bare(&server)));
        // Lets it begin to wait.
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        let ready = stack.ready().await.unwrap();
        ready.call(with_a_credential(&server)).await.unwrap();
        assert_eq!(server.credential_lines(), ["authorization: stale"]);
    }
    assert_eq!((server.heads().len(), waiting.len()), (3, 3));
    gate.open();
    while let Some(sent) = waiting.join_next().await {
        sent.unwrap().unwrap();
    }
    assert_eq!(server.credential_lines(), token_line());
    assert_eq!(server.heads().len(), 6);
}

/// Who waits holds a permit and no more, and gives it back however the wait ends.
#[tokio::test]
async fn a_concurrency_limit_gets_its_permits_back() {
    let server = RawRecorder::start().await;
    let (gate, auth) = Gate::closed(AutoRefreshingTokenBuilder::keep_existing);
    let mut stack = ServiceBuilder::new()
        .layer(auth)
        .concurrency_limit(2)
        .service(hyper_client(false));
    let waiting = stack.ready().await.unwrap().call(bare(&server));
    let mut given_up = tokio_test::task::spawn(waiting);
    tokio_test::assert_pending!(given_up.poll());
    drop(given_up);
    let waiting = stack.ready().await.unwrap().call(bare(&server));
    let mut waiting = tokio_test::task::spawn(waiting);
    tokio_test::assert_pending!(waiting.poll());
    let ready = stack.ready().await.unwrap();
    ready.call(with_a_credential(&server)).await.unwrap();
    gate.open();
    waiting.await.unwrap();
    assert_eq!(server.credential_lines(), token_line());
    // Both permits are there again: two requests can be made ready at once, and a third cannot.
    let mut others: Vec<_> = (0..3).map(|_| stack.clone()).collect();
    let third = others.pop();
    for other in &mut others {
        other.ready().await.unwrap();
    }
    let mut third = tokio_test::task::spawn(third.unwrap());
    tokio_test::assert_pending!(third.enter(|cx, mut stack| stack.poll_ready(cx)));
    drop(others);
    assert!(third.is_woken());
    third.into_inner().oneshot(bare(&server)).await.unwrap();
}

/// Requests that wait for a token are no reason to shed; an inner service at its limit is.
#[tokio::test]
async fn load_is_shed_by_the_inner_services_readiness() {
    let server = RawRecorder::start().await;
    let (gate, auth) = Gate::closed(|auth| auth);
    let mut stack = ServiceBuilder::new()
        .load_shed()
        .layer(auth)
        .service(hyper_client(false));
    let mut waiting = JoinSet::new();
    for _ in 0..50 {
        waiting.spawn(stack.ready().await.unwrap().call(bare(&server)));
        // Lets it begin to wait.
        tokio::task::yield_now().await;
    }
    gate.open();
    while let Some(sent) = waiting.join_next().await {
        sent.unwrap().unwrap();
    }
    assert_eq!(server.heads().len(), 50);

    let (gate, auth) = Gate::closed(|auth| auth);
    let mut stack = ServiceBuilder::new()
        .load_shed()
        .layer(auth)
        .concurrency_limit(1)
        .service(hyper_client(false));
    let holds_the_permit = stack.ready().await.unwrap().call(bare(&server));
    let shed = stack.ready().await.unwrap().call(bare(&server)).await;
    assert!(shed.unwrap_err().is::<Overloaded>());
    gate.open();
    holds_the_permit.await.unwrap();
    drive::<_, HttpRequest>(stack, &server, &token_line()[0]).await;
}

/// Outside, a timeout counts the wait for a token too. (That it does not inside is in `tower_contract`, where time
/// stands still.)
#[tokio::test]
async fn a_timeout_outside_ends_a_wait_for_a_token() {
    let server = RawRecorder::start().await;
    let (gate, auth) = Gate::closed(|auth| auth);
    let with_timeout = |millis| {
        ServiceBuilder::new()
            .timeout(Duration::from_millis(millis))
            .layer(auth.clone())
            .service(hyper_client(false))
    };
    let late = with_timeout(20).oneshot(bare(&server)).await.unwrap_err();
    assert!(late.is::<Elapsed>());
    assert!(server.heads().is_empty());
    gate.open();
    drive::<_, HttpRequest>(with_timeout(60_000), &server, &token_line()[0]).await;
}
