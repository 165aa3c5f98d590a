//! The rate of create requests, under held time.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use mobula_auth::{ApiKey, CreateTokens, TokenClient};
use tokio::time::advance;
use tower::util::BoxCloneSyncService;

type Http = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, Infallible>;

/// A client whose requests are counted and answered with a status and a `Retry-After`; 0 is never answered.
fn client(status: u16, retry_after: Option<&'static str>) -> (TokenClient<Http>, Arc<AtomicU32>) {
    let sent = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&sent);
    let http_client = tower::service_fn(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            if status == 0 {
                pending::<()>().await;
            }
            let mut response = Response::builder().status(status);
            if let Some(retry_after) = retry_after {
                response = response.header("retry-after", retry_after);
            }
            let body = Full::from(r#"{"createApiTokens":[{"token":"opaque"}]}"#);
            Ok::<_, Infallible>(response.body(body).unwrap())
        }
    });
    let key = ApiKey::new("key").unwrap();
    (TokenClient::new(Http::new(http_client), key), sent)
}

fn request() -> CreateTokens {
    CreateTokens::default()
}

#[tokio::test(start_paused = true)]
async fn the_fifth_request_in_a_minute_is_not_sent() {
    for (status, good) in [
        (200, true),
        (400, false),
        (401, false),
        (429, false),
        (500, false),
    ] {
        let (client, sent) = client(status, None);
        for left in [4, 3, 2, 1] {
            assert_eq!(
                (client.creates_left(), client.next_create_in()),
                (left, None)
            );
            // Clones share the count.
            assert_eq!(client.clone().create(request()).await.is_ok(), good);
            advance(Duration::from_secs(1)).await;
        }
        let error = client.create(request()).await.unwrap_err();
        assert!(error.is_rate_limited());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(56)));
        assert_eq!(error.status(), None);
        assert_eq!(
            error.to_string(),
            "nothing was sent: this client's own limit of 4 create requests a minute is used up"
        );
        assert_eq!(client.creates_left(), 0);
        assert_eq!(client.next_create_in(), Some(Duration::from_secs(56)));
        assert_eq!(sent.load(Ordering::Relaxed), 4);

        // What creates nothing is not counted.
        client.revoke("id").await.ok();
        advance(Duration::from_secs(56)).await;
        assert_eq!(client.create(request()).await.is_ok(), good);
        assert_eq!(sent.load(Ordering::Relaxed), 6);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_counts_from_its_end_however_it_ends() {
    let (client, sent) = client(0, None);
    let client = client.create_requests_per_minute(2).unwrap();
    let timed_out = client.create(request()).await.unwrap_err();
    assert!(timed_out.to_string().contains("within 20s"), "{timed_out}");
    let given_up = tokio::time::timeout(Duration::from_secs(10), client.create(request())).await;
    assert!(given_up.is_err());
    let error = client.create(request()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(50)));
    assert_eq!(sent.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_counts() {
    let (client, sent) = client(0, None);
    let client = client.create_requests_per_minute(1).unwrap();
    let other = client.clone();
    let in_flight = tokio::spawn(async move { other.create(request()).await });
    tokio::task::yield_now().await;
    let error = client.create(request()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    assert_eq!(sent.load(Ordering::Relaxed), 1);
    in_flight.abort();
    assert!(in_flight.await.unwrap_err().is_cancelled());
    assert_eq!(client.next_create_in(), Some(Duration::from_secs(60)));
}

/// R10: asked to wait, the client does, whoever holds a clone of it.
#[tokio::test(start_paused = true)]
async fn a_429_with_a_wait_stops_all_creates_until_then() {
    let (client, sent) = client(429, Some("90"));
    let error = client.create(request()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(90)));
    advance(Duration::from_millis(89_999)).await;
    let error = client.clone().create(request()).await.unwrap_err();
    assert!(error.is_rate_limited() && error.to_string().starts_with("nothing was sent"));
    assert_eq!(error.retry_after(), Some(Duration::from_millis(1)));
    assert_eq!(
        (client.creates_left(), sent.load(Ordering::Relaxed)),
        (0, 1)
    );
    advance(Duration::from_millis(1)).await;
    client.create(request()).await.unwrap_err();
    assert_eq!(sent.load(Ordering::Relaxed), 2);
}

#[test]
fn the_rate_is_1_to_5() {
    for (rate, good) in [(0, false), (1, true), (5, true), (6, false)] {
        let (client, _) = client(200, None);
        match client.create_requests_per_minute(rate) {
            Ok(client) => assert!(good && client.creates_left() == rate),
            Err(error) => assert!(!good && error.is_invalid_configuration()),
        }
    }
}
