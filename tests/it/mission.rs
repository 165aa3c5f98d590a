//! The parts together: layers, engine, token client and emulator, in process under the paused clock and over sockets.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::{Body, ConnectionLost, Emulator, Endpoint, Fault, Plan, Skew};
use mobula_auth::{
    ApiKey, AutoRefresh, AutoRefreshingToken, AutoRefreshingTokenBuilder, Error, ReplayRejected,
    TokenClient,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::retry::{Retry, RetryLayer};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

type Stack<S> = Retry<ReplayRejected, AutoRefresh<S>>;

const SECOND: Duration = Duration::from_secs(1);

fn key(emulator: &Emulator) -> ApiKey {
    ApiKey::new(emulator.api_key()).unwrap()
}

/// A client of the emulator, in process: no socket, and so all on the paused clock.
fn in_process(
    emulator: &Emulator,
    settings: impl FnOnce(AutoRefreshingTokenBuilder) -> AutoRefreshingTokenBuilder,
) -> (AutoRefreshingToken, Stack<Emulator>) {
    let tokens = TokenClient::new(emulator.clone(), key(emulator));
    let auth = settings(AutoRefreshingToken::builder(tokens).jitter_seed(1))
        .build()
        .unwrap();
    let layers = ServiceBuilder::new()
        .layer(RetryLayer::new(ReplayRejected::default()))
        .layer(auth.clone());
    (auth, layers.service(emulator.clone()))
}

fn request() -> Request<Full<Bytes>> {
    Request::get("https://api.mobula.io/api/1/market/data?asset=bitcoin")
        .body(Full::default())
        .unwrap()
}

async fn call(stack: &mut Stack<Emulator>) -> Result<StatusCode, BoxError> {
    let ready = ServiceExt::<Request<Full<Bytes>>>::ready(stack).await?;
    let response: Response<Body> = ready.call(request()).await?;
    Ok(response.status())
}

async fn call_ok(stack: &mut Stack<Emulator>) {
    assert_eq!(call(stack).await.unwrap(), StatusCode::OK);
}

fn ours(error: &BoxError) -> &Error {
    error
        .downcast_ref::<Error>()
        .expect("an error of this crate")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_a_thousand_cold_requests_over_sockets_cause_one_create_request() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    let http_client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http::<Full<Bytes>>();
    let tokens = TokenClient::new(http_client.clone(), key(&emulator))
        .base_url(server.url())
        .unwrap();
    let auth = AutoRefreshingToken::new(tokens);
    let client = ServiceBuilder::new()
        .layer(auth.clone())
        .service(http_client);
    let mut calls = JoinSet::new();
    for _ in 0..1_000 {
        let request = Request::get(format!("{}/api/1/all", server.url()))
            .body(Full::default())
            .unwrap();
        let client = client.clone();
        calls.spawn(async move { client.oneshot(request).await.unwrap().status() });
    }
    assert!(
        calls
            .join_all()
            .await
            .into_iter()
            .all(|status| status == StatusCode::OK)
    );
    let counts = emulator.counts();
    assert_eq!(
        (counts.create.received, counts.data.ok, counts.violations),
        (1, 1_000, 0)
    );

    let report = auth.shutdown().await;
    assert_eq!((report.revoked, report.left), (2, 0));
    assert!(emulator.tokens().iter().all(|token| token.revoked));
}

#[tokio::test]
async fn reqwest_runs_on_tokens_over_a_socket() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    let tokens = TokenClient::reqwest(key(&emulator))
        .unwrap()
        .base_url(server.url())
        .unwrap();
    let auth = AutoRefreshingToken::builder(tokens.clone())
        .request_limit(3)
        .standby(4)
        .build()
        .unwrap();
    let http_client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut client = ServiceBuilder::new()
        .layer(RetryLayer::new(ReplayRejected::default()))
        .layer(auth.clone())
        .service(http_client);
    let url: reqwest::Url = format!("{}/api/1/all", server.url()).parse().unwrap();
    let mut get = async || {
        let request = reqwest::Request::new(reqwest::Method::GET, url.clone());
        let response = client.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    };
    for _ in 0..8 {
        get().await;
    }
    assert_eq!(
        auth.status().generation(),
        3,
        "three tokens of three requests each"
    );
    let lease = auth.lease().await.unwrap();
    tokens.revoke(lease.token().id().unwrap()).await.unwrap();
    get().await;
    assert_eq!(
        (
            auth.status().generation(),
            emulator.counts().create.received
        ),
        (4, 1)
    );
    assert_eq!(emulator.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_heals_with_no_failed_call() {
    let emulator = Emulator::new();
    let (auth, mut stack) = in_process(&emulator, |builder| builder.request_limit(10).standby(24));
    for _ in 0..250 {
        call_ok(&mut stack).await;
    }
    assert_eq!(
        (
            auth.status().generation(),
            emulator.counts().create.received
        ),
        (25, 1)
    );
    assert_eq!(emulator.counts().data.denied, 0);
    assert_eq!(emulator.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_heals_with_no_failed_call() {
    let emulator = Emulator::new();
    let (auth, mut stack) = in_process(&emulator, |builder| builder);
    call_ok(&mut stack).await;
    let lease = auth.lease().await.unwrap();
    assert!(emulator.revoke_token(lease.token().id().unwrap()));
    call_ok(&mut stack).await;
    assert_eq!(
        (
            auth.status().generation(),
            emulator.counts().create.received
        ),
        (2, 1)
    );

    emulator.revoke_all_tokens();
    call_ok(&mut stack).await;
    assert_eq!(
        emulator.counts().create.received,
        2,
        "no standby was left, so one create request it is"
    );
}

#[tokio::test(start_paused = true)]
async fn an_expiry_heals_with_no_failed_call() {
    for lifetime in [60, 61, 600, 3_600, 86_400].map(Duration::from_secs) {
        let emulator = Emulator::new();
        let (_auth, mut stack) = in_process(&emulator, |builder| builder.lifetime(lifetime));
        let start = Instant::now();
        while start.elapsed() < 4 * lifetime {
            call_ok(&mut stack).await;
            sleep(lifetime / 97).await;
        }
        // T4: between one and two create requests in a lifetime.
        let creates = emulator.counts().create.received;
        assert!(
            (5..=8).contains(&creates),
            "{creates} create requests in 4 lifetimes of {lifetime:?}"
        );
        assert_eq!(
            (emulator.counts().data.denied, emulator.violations()),
            (0, vec![])
        );
    }
}

/// R13: a refusal is sticky, so it costs few create requests, and is over soon after it was mended.
#[tokio::test(start_paused = true)]
async fn r13_a_plan_without_tokens_is_said_clearly_and_healed_when_it_changes() {
    let emulator = Emulator::builder().plan(Plan::Free).build();
    let (auth, mut stack) = in_process(&emulator, |builder| builder);
    let start = Instant::now();
    let error = call(&mut stack).await.unwrap_err();
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "a refusal is not waited for"
    );
    assert!(ours(&error).is_plan_required() && ours(&error).retry_after().is_some());
    let said = error.to_string();
    assert!(said.contains("Startup, Growth or Enterprise"), "{said}");

    for _ in 0..600 {
        assert!(ours(&call(&mut stack).await.unwrap_err()).is_plan_required());
        sleep(SECOND).await;
    }
    let creates = emulator.counts().create.received;
    assert!(creates <= 25, "{creates} create requests in 10 minutes");
    assert!(auth.status().last_error().unwrap().is_plan_required());

    assert!(emulator.set_plan(&emulator.api_key(), Plan::Startup));
    let mended_at = Instant::now();
    while call(&mut stack).await.is_err() {
        sleep(SECOND).await;
        assert!(mended_at.elapsed() <= 60 * SECOND);
    }
    assert_eq!(emulator.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_accepted_is_said_clearly() {
    let emulator = Emulator::new();
    let (_auth, mut stack) = in_process(&emulator, |builder| builder);
    assert!(emulator.delete_api_key(&emulator.api_key()));
    let error = call(&mut stack).await.unwrap_err();
    assert!(ours(&error).is_rejected());
    assert_eq!(ours(&error).status(), Some(StatusCode::UNAUTHORIZED));
}

/// R10, H3: tokens that are spent faster than they may be created never cost a sixth create request.
#[tokio::test(start_paused = true)]
async fn h3_never_more_than_five_create_requests_in_any_60_seconds() {
    let emulator = Emulator::new();
    let (_auth, mut stack) = in_process(&emulator, |builder| {
        builder.request_limit(5).standby(1).max_wait(20 * SECOND)
    });
    let start = Instant::now();
    let (mut ok, mut failed) = (0, 0);
    while start.elapsed() < 600 * SECOND {
        match call(&mut stack).await {
            Ok(status) => {
                assert_eq!(status, StatusCode::OK);
                ok += 1;
            }
            Err(error) => {
                assert!(ours(&error).is_rate_limited(), "{error}");
                failed += 1;
                sleep(SECOND).await;
            }
        }
        sleep(SECOND / 10).await;
    }
    let creates = emulator.counts().create.received;
    assert!(
        (36..=44).contains(&creates),
        "4 a minute for 10 minutes: {creates}"
    );
    let left_at_the_end = creates * 10 - ok;
    assert!(
        left_at_the_end < 10,
        "every request of every token was used: {ok} of {}; {failed} failed",
        creates * 10
    );
    assert_eq!(emulator.violations(), []);
}

/// R3, N2, N3, N6, N10: whatever the create endpoint does, no call fails while a token is good, and it heals after.
#[tokio::test(start_paused = true)]
async fn r3_no_fault_of_the_create_endpoint_costs_a_good_token() {
    let json = HeaderValue::from_static("application/json");
    let html = HeaderValue::from_static("text/html");
    let faults = [
        Fault::status(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::status(StatusCode::SERVICE_UNAVAILABLE),
        Fault::status(StatusCode::TOO_MANY_REQUESTS),
        Fault::status(StatusCode::TEMPORARY_REDIRECT),
        Fault::status(StatusCode::UNAUTHORIZED),
        Fault::status(StatusCode::FORBIDDEN),
        Fault::latency(40 * SECOND),
        Fault::hang(),
        Fault::reset(),
        Fault::reset().after_handling(),
        Fault::truncated_body(),
        Fault::oversized_body(10 << 30),
        Fault::body("", json.clone()),
        Fault::body("{}", json.clone()),
        Fault::body("null", json.clone()),
        Fault::body(r#"{"createApiTokens":[]}"#, json.clone()),
        Fault::body(r#"{"createApiTokens":[{"token":""}]}"#, json.clone()),
        Fault::body(r#"{"createApiTokens":[{"token":"ey"#, json),
        Fault::body("<html>Bad Gateway</html>", html),
    ];
    for fault in faults {
        let emulator = Emulator::new();
        let (auth, mut stack) = in_process(&emulator, |builder| builder.lifetime(600 * SECOND));
        call_ok(&mut stack).await;
        emulator.fault(fault.clone().on(Endpoint::Create).always());
        let start = Instant::now();
        while start.elapsed() < 590 * SECOND {
            let sent_at = Instant::now();
            call_ok(&mut stack).await;
            assert_eq!(sent_at.elapsed(), Duration::ZERO, "{fault:?}");
            sleep(SECOND).await;
        }
        assert!(auth.status().last_error().is_some(), "{fault:?}");

        emulator.clear_faults();
        let mended_at = Instant::now();
        while call(&mut stack).await.is_err() {
            sleep(SECOND).await;
        }
        assert!(
            mended_at.elapsed() <= 60 * SECOND,
            "{fault:?}: {:?}",
            mended_at.elapsed()
        );
        assert_eq!(emulator.violations(), [], "{fault:?}");
    }
}

/// T2: how wrong the server's clock is makes no difference.
#[tokio::test(start_paused = true)]
async fn t2_a_skewed_server_clock_changes_nothing() {
    let day = Duration::from_secs(86_400);
    for skew in [
        Skew::Ahead(day),
        Skew::Behind(day),
        Skew::Ahead(90 * SECOND),
        Skew::Behind(90 * SECOND),
    ] {
        let emulator = Emulator::new();
        emulator.skew(skew);
        let (_auth, mut stack) = in_process(&emulator, |builder| builder.lifetime(60 * SECOND));
        let start = Instant::now();
        while start.elapsed() < 240 * SECOND {
            call_ok(&mut stack).await;
            sleep(SECOND).await;
        }
        let creates = emulator.counts().create.received;
        assert!((5..=9).contains(&creates), "{skew:?}: {creates}");
        assert_eq!(emulator.violations(), [], "{skew:?}");
    }
}

/// The emulator's error reaches the caller as what it is.
#[tokio::test(start_paused = true)]
async fn an_error_of_the_inner_service_comes_through_untouched() {
    let emulator = Emulator::new();
    let (_auth, mut stack) = in_process(&emulator, |builder| builder);
    emulator.fault(Fault::reset().on(Endpoint::Data));
    let error = call(&mut stack).await.unwrap_err();
    assert!(error.downcast_ref::<ConnectionLost>().is_some(), "{error}");
}

/// R19: a key that does not work is noticed before the old one is let go.
#[tokio::test(start_paused = true)]
async fn r19_a_key_is_rotated_only_once_the_new_one_has_proved_itself() {
    let emulator = Emulator::new();
    let tokens = TokenClient::new(emulator.clone(), key(&emulator));
    let auth = AutoRefreshingToken::builder(tokens.clone())
        .jitter_seed(1)
        .build()
        .unwrap();
    let layers = ServiceBuilder::new()
        .layer(RetryLayer::new(ReplayRejected::default()))
        .layer(auth.clone());
    let mut stack = layers.service(emulator.clone());
    call_ok(&mut stack).await;

    let typo = ApiKey::new("not-a-key-at-all").unwrap();
    assert!(tokens.rotate_key(typo).await.unwrap_err().is_rejected());
    let without_plan = ApiKey::new(emulator.add_api_key(Plan::Free)).unwrap();
    assert!(
        tokens
            .rotate_key(without_plan)
            .await
            .unwrap_err()
            .is_plan_required()
    );
    assert_eq!(
        tokens.list().await.unwrap().len(),
        2,
        "the old key is in use"
    );
    call_ok(&mut stack).await;

    sleep(61 * SECOND).await;
    let new_key = emulator.add_api_key(Plan::Growth);
    tokens
        .clone()
        .rotate_key(ApiKey::new(new_key).unwrap())
        .await
        .unwrap();
    assert_eq!(
        tokens.list().await.unwrap().len(),
        0,
        "the new key is, and the proof is revoked"
    );
    auth.refresh().await.unwrap();
    assert!(emulator.delete_api_key(&emulator.api_key()));
    for _ in 0..100 {
        call_ok(&mut stack).await;
    }
    assert_eq!(tokens.list().await.unwrap().len(), 2);
    assert_eq!(emulator.violations(), []);
}

/// A size that cannot hold at the stated rate is refused before the first request, with the arithmetic.
#[tokio::test(start_paused = true)]
async fn a_size_that_cannot_hold_is_refused_and_one_that_can_is_picked() {
    let emulator = Emulator::new();
    let tokens = TokenClient::new(emulator.clone(), key(&emulator))
        .create_requests_per_minute(2)
        .unwrap();
    let builder = || AutoRefreshingToken::builder(tokens.clone());
    let error = builder()
        .request_limit(5_000)
        .standby(0)
        .expect_rate(1_000)
        .build()
        .unwrap_err();
    assert!(error.is_invalid_configuration());
    assert!(
        error
            .to_string()
            .contains("12.0 create requests a minute of the 2"),
        "{error}"
    );

    let (auth, mut stack) = in_process(&emulator, |builder| {
        builder.lifetime(60 * SECOND).size_for(100)
    });
    assert_eq!(auth.status().creates_left(), Some(4));
    let start = Instant::now();
    while start.elapsed() < 120 * SECOND {
        call_ok(&mut stack).await;
        sleep(SECOND / 100).await;
    }
    assert_eq!(
        auth.status().creates_left(),
        Some(2),
        "two in the last minute, as the lifetime wants"
    );
    assert_eq!(
        (emulator.counts().data.denied, emulator.violations()),
        (0, vec![])
    );
}
