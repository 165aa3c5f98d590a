//! W1, under every wrapper of tower's and tower-http's: only the instance that was polled ready is called.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::Empty;
use mobula_auth::{ApiKey, PerRequestAuth, ReplayRejected};
use tower::buffer::BufferLayer;
use tower::limit::{ConcurrencyLimitLayer, RateLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower::retry::RetryLayer;
use tower::timeout::TimeoutLayer;
use tower::timeout::error::Elapsed;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_http::sensitive_headers::SetSensitiveHeadersLayer;
use tower_http::trace::TraceLayer;

use super::{Strict, bearer_auth, key_auth, refreshing};

fn request() -> Request<Empty<Bytes>> {
    super::request().map(|()| Empty::new())
}

async fn drive<S>(mut stack: S)
where
    S: Service<Request<Empty<Bytes>>>,
    S::Error: std::fmt::Debug,
{
    for _ in 0..1_000 {
        let ready = stack.ready().await.unwrap();
        ready.call(request()).await.unwrap();
    }
}

/// Each layer inside of the wrapper, and outside of it.
macro_rules! under {
    ($($name:ident: $wrapper:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            drive($wrapper.layer(key_auth().layer(Strict::default()))).await;
            drive($wrapper.layer(bearer_auth().layer(Strict::default()))).await;
            drive($wrapper.layer(PerRequestAuth::new().layer(Strict::default()))).await;
            drive($wrapper.layer(refreshing().layer(Strict::default()))).await;
            drive(key_auth().layer($wrapper.layer(Strict::default()))).await;
            drive(bearer_auth().layer($wrapper.layer(Strict::default()))).await;
            drive(PerRequestAuth::new().layer($wrapper.layer(Strict::default()))).await;
            drive(refreshing().layer($wrapper.layer(Strict::default()))).await;
        }
    )*};
}

under! {
    w1_under_buffer: BufferLayer::new(4);
    w1_under_concurrency_limit: ConcurrencyLimitLayer::new(1);
    w1_under_rate_limit: ServiceBuilder::new()
        .layer(BufferLayer::new(4))
        .layer(RateLimitLayer::new(10, Duration::from_secs(1)))
        .into_inner();
    w1_under_load_shed: LoadShedLayer::new();
    w1_under_timeout: TimeoutLayer::new(Duration::from_secs(5));
    w1_under_retry: RetryLayer::new(ReplayRejected::default());
    w1_under_box_clone_sync_service: tower::layer::layer_fn(BoxCloneSyncService::new);
    w1_under_trace: TraceLayer::new_for_http();
    w1_under_follow_redirect: FollowRedirectLayer::new();
    w1_under_set_sensitive_headers: SetSensitiveHeadersLayer::new([AUTHORIZATION]);
}

/// The wait for a token is before the inner call: a timeout inside does not count it, one outside does.
#[tokio::test(start_paused = true)]
async fn a_timeout_inside_does_not_count_the_wait_for_a_token() {
    let half_of_the_wait = Duration::from_millis(500);
    let inside = ServiceBuilder::new()
        .layer(refreshing())
        .timeout(half_of_the_wait)
        .service(Strict::default());
    inside.oneshot(request()).await.unwrap();
    let outside = ServiceBuilder::new()
        .timeout(half_of_the_wait)
        .layer(refreshing())
        .service(Strict::default());
    let error = outside.oneshot(request()).await.unwrap_err();
    assert!(error.is::<Elapsed>());
}

/// A request is judged by what it carries itself, however many others are in the same stack.
#[tokio::test(start_paused = true)]
async fn a_shared_stack_mixes_no_credentials() {
    let echo = tower::service_fn(|request: Request<Empty<Bytes>>| async move {
        tokio::task::yield_now().await;
        let credential = request.headers().get(AUTHORIZATION).cloned();
        Ok::<_, Infallible>(http::Response::new(credential))
    });
    let stack = ServiceBuilder::new()
        .layer(BufferLayer::new(16))
        .layer(ConcurrencyLimitLayer::new(4))
        .layer(PerRequestAuth::new())
        .service(echo);
    let mut calls = tokio::task::JoinSet::new();
    for tenant in 0..500 {
        let mut request = request();
        let key = format!("key-of-tenant-{tenant}");
        if tenant % 5 == 0 {
            request.extensions_mut().clear();
        } else {
            let own_key = ApiKey::new(&key).unwrap();
            request.extensions_mut().insert(own_key);
        }
        let stack = stack.clone();
        calls.spawn(async move {
            let response = stack.oneshot(request).await.unwrap();
            let expected = (tenant % 5 != 0).then(|| key.parse().unwrap());
            assert_eq!(*response.body(), expected);
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
}
