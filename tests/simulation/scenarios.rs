//! Runs of one client that show one thing each: what the seeds meet too rarely, and what was found, reduced.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use mobula_auth::emulator::{Emulator, Endpoint, Fault};
use mobula_auth::{ApiKey, AutoRefreshingToken, Error, RefreshPolicy, ReplayRejected, TokenClient};
use tokio::time::{Instant, sleep};
use tokio_test::{assert_pending, assert_ready};
use tower::retry::RetryLayer;
use tower::{BoxError, Layer, ServiceExt, service_fn};

use super::plan::{ClientEvent, ClientPlan, Phase, Plan, Settings, WorldEvent};
use super::run::simulate;
use super::tally::Event;
use super::weather::{SECOND, Trouble, Weather, Window};

fn request() -> Request<Full<Bytes>> {
    Request::get("https://api.mobula.io/api/2/token/price?asset=bitcoin")
        .body(Full::default())
        .unwrap()
}

fn token_client(emulator: &Emulator) -> TokenClient<Emulator> {
    TokenClient::new(emulator.clone(), ApiKey::new(emulator.api_key()).unwrap())
}

/// One client of long-lived tokens, one request a second, no network to speak of.
fn quiet_plan(events: Vec<(Duration, WorldEvent)>, calm_at: Duration) -> Plan {
    let settings = Settings {
        lifetime: Duration::from_secs(86_400),
        request_limit: 1_000_000,
        standby: 0,
        max_wait: 10 * SECOND,
        max_waiting: 16_384,
        grace: Some(30 * SECOND),
        creates_per_minute: 4,
        policy: RefreshPolicy::default(),
        jitter_seed: 1,
        newcomers_first: false,
    };
    let client = ClientPlan {
        settings,
        weather: Weather {
            usual_delay: Duration::ZERO,
            windows: Vec::new(),
            calm_at,
        },
        traffic: vec![Phase {
            from: Duration::ZERO,
            every: SECOND,
            at_once: 1,
            times: u32::try_from(calm_at.as_secs()).unwrap(),
        }],
        events: Vec::new(),
        loses_key_at_the_end: false,
    };
    Plan {
        emulator: Emulator::builder(),
        clients: vec![client],
        events,
        calm_at,
    }
}

/// The token API answers with this status to everything until then.
fn refusing_plan(
    status: u16,
    retry_after: Option<u64>,
    until: Duration,
    calm_at: Duration,
) -> Plan {
    let mut plan = quiet_plan(Vec::new(), calm_at);
    plan.clients[0].weather.windows.push(Window {
        from: Duration::ZERO,
        to: until,
        data: false,
        tokens: true,
        share: 1.0,
        trouble: Trouble::Status {
            status,
            retry_after,
        },
    });
    plan
}

/// R10: the limit of a key, and a `Retry-After`, hold for all handles on one token client.
#[tokio::test(start_paused = true)]
async fn h3_a_restart_does_not_forget_retry_after() {
    let mut plan = refusing_plan(429, Some(300), 15 * SECOND, 200 * SECOND);
    let restart = ClientEvent::Restart { cancel: false };
    plan.clients[0]
        .events
        .push((20 * SECOND + SECOND / 2, restart));
    let book = simulate(plan, 0).await;
    assert_eq!(book.breaches, [""; 0]);
    assert_eq!(
        book.tally.of(Event::Create),
        2,
        "the one that was refused, and one at its time"
    );
}

/// R13: however long a refusal has lasted, it is over within a minute of being mended.
#[tokio::test(start_paused = true)]
async fn h9_a_refusal_of_an_hour_is_over_in_a_minute() {
    for status in [400, 401, 403, 404, 429, 500] {
        let hour = 3_600 * SECOND;
        let book = simulate(refusing_plan(status, None, hour, hour), u64::from(status)).await;
        assert_eq!(book.breaches, [""; 0], "{status}");
        assert!(
            book.tally.slowest_recovery <= 61 * SECOND,
            "{status}: {:?}",
            book.tally.slowest_recovery
        );
    }
}

/// H9: four revocations within 80 seconds, and the client is without a token for two minutes, though every create
/// request would have been answered. More of them, and it is ten.
#[tokio::test(start_paused = true)]
async fn h9_several_revocations_in_a_row_are_over_in_a_minute() {
    let events = [10, 25, 87, 90].map(|second| {
        (
            Duration::from_millis(second * 1_000 + 500),
            WorldEvent::RevokeAll,
        )
    });
    let book = simulate(quiet_plan(events.into(), 91 * SECOND), 0).await;
    assert_eq!(book.breaches, [""; 0]);
    let took = book.tally.slowest_recovery;
    assert!(
        took <= 60 * SECOND,
        "served only {took:?} after the last revocation"
    );
}

/// H9: after all tokens are revoked, each request tries two of those that stand by, which are as dead, and fails: 12
/// callers for 24 of them, before the 13th causes a create request. Who asks once in 10 seconds waits for two minutes.
#[tokio::test(start_paused = true)]

async fn h9_dead_standby_tokens_do_not_hold_up_the_next_create_request() {
    let emulator = Emulator::new();
    let auth = AutoRefreshingToken::builder(token_client(&emulator))
        .standby(24)
        .build()
        .unwrap();
    let stack = RetryLayer::new(ReplayRejected::default()).layer(auth.layer(emulator.clone()));
    assert_eq!(
        stack.clone().oneshot(request()).await.unwrap().status(),
        StatusCode::OK
    );
    emulator.revoke_all_tokens();
    let revoked_at = Instant::now();
    let mut failed = 0;
    while stack.clone().oneshot(request()).await.unwrap().status() != StatusCode::OK {
        failed += 1;
        sleep(10 * SECOND).await;
    }
    assert!(
        revoked_at.elapsed() <= 60 * SECOND && failed <= 2,
        "{failed} callers failed"
    );
}

/// H3: a gateway gives up on create requests at once (504) and lets them through a few seconds later. The client counts
/// each until 60 seconds after its end, and the service sees it after that.
#[tokio::test(start_paused = true)]
#[ignore = "engine limit: a create request may arrive after its client was told that it failed"]
async fn h3_a_create_request_that_arrives_after_its_end_is_counted_long_enough() {
    let emulator = Emulator::new();
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let creates = Arc::new(AtomicU64::new(0));
    let gateway = service_fn({
        let (emulator, creates) = (emulator.clone(), Arc::clone(&creates));
        move |request: Request<Full<Bytes>>| {
            let late = creates.fetch_add(1, Ordering::Relaxed) < 4;
            let emulator = emulator.clone();
            async move {
                let arrival = async move {
                    sleep(if late { 5 * SECOND } else { Duration::ZERO }).await;
                    drop(emulator.oneshot(request).await);
                };
                drop(tokio::spawn(arrival));
                let mut response = Response::new(Full::<Bytes>::default());
                *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
                Ok::<_, Infallible>(response)
            }
        }
    });
    let auth = AutoRefreshingToken::new(TokenClient::new(gateway, key));
    for _ in 0..120 {
        auth.lease().await.unwrap_err();
        sleep(SECOND).await;
    }
    assert_eq!(emulator.violations(), []);
}

/// H1: those who wait were served a moment ago and have not seen it yet. Until they do, nobody else is let in to take
/// the token that stands by.
#[tokio::test(start_paused = true)]

async fn h1_a_full_waiting_room_hides_no_standby_token() {
    let emulator = Emulator::new();
    emulator.fault(Fault::latency(SECOND).on(Endpoint::Create));
    let auth = AutoRefreshingToken::builder(token_client(&emulator))
        .request_limit(1)
        .standby(24)
        .max_waiting(2)
        .build()
        .unwrap();
    let service = auth.layer(emulator.clone());
    let mut waiting = [(); 2].map(|()| tokio_test::task::spawn(service.clone().oneshot(request())));
    for request in &mut waiting {
        assert_pending!(request.poll());
    }
    sleep(2 * SECOND).await;
    assert_eq!((auth.status().waiting(), auth.status().standby()), (2, 24));

    let one = service.clone().oneshot(request()).await;
    let other = service.clone().oneshot(request()).await;
    for request in &mut waiting {
        assert_eq!(
            assert_ready!(request.poll()).unwrap().status(),
            StatusCode::OK
        );
    }
    assert_eq!(one.unwrap().status(), StatusCode::OK);
    let failure = |error: BoxError| error.downcast_ref::<Error>().unwrap().to_string();
    assert_eq!(
        other.map(|response| response.status()).map_err(failure),
        Ok(StatusCode::OK)
    );
}
