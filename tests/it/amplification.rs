//! H8: how many more requests arrive than were asked for, where much goes wrong. In process, under the paused clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use mobula_auth::emulator::{Emulator, Endpoint, Fault};
use mobula_auth::{ApiKey, AutoRefreshingToken, ReplayRejected, TokenClient};
use tokio::task::JoinSet;
use tower::retry::RetryLayer;
use tower::{Service, ServiceBuilder, ServiceExt};

const REQUESTS: u64 = 40_000;
const AT_ONCE: usize = 8;
/// Every so many requests, the token in use is revoked.
const REVOKED_EVERY: u64 = 10_000;

/// Everything that can go wrong with a request that is not about its token.
fn faults() -> Vec<Fault> {
    let statuses = [400, 403, 404, 408, 429, 500, 502, 503, 504];
    let mut faults: Vec<Fault> = statuses
        .into_iter()
        .map(|status| Fault::status(StatusCode::from_u16(status).unwrap()))
        .collect();
    faults.extend([
        Fault::hang(),
        Fault::hang().after_handling(),
        Fault::reset(),
        Fault::reset().after_handling(),
        Fault::truncated_body(),
        Fault::truncated_body().after_handling(),
        Fault::oversized_body(4_096),
        Fault::body("<html>", HeaderValue::from_static("text/html"))
            .with_status(StatusCode::BAD_GATEWAY),
    ]);
    faults
}

/// Knuth's linear congruential generator (MMIX): the same faults on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// At 30 % of faults, fewer than one request in a thousand is sent twice, and each of those for its token.
#[tokio::test(start_paused = true)]
async fn h8_amplification_stays_below_a_thousandth_at_30_percent_of_faults() {
    let emulator = Emulator::new();
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let tokens = TokenClient::new(emulator.clone(), key);
    let auth = AutoRefreshingToken::builder(tokens)
        .jitter_seed(1)
        .build()
        .unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(ReplayRejected::default()))
        .layer(auth.clone())
        .timeout(Duration::from_secs(2))
        .map_request(move |request: Request<Full<Bytes>>| {
            counted.fetch_add(1, Ordering::Relaxed);
            request
        })
        .service(emulator.clone());
    emulator.fault(
        Fault::latency(Duration::from_millis(20))
            .on(Endpoint::Data)
            .always(),
    );

    let mut random = Random(1);
    let kinds = faults();
    let mut outcomes = BTreeMap::<String, u64>::new();
    let mut under_way = JoinSet::new();
    let (mut faulty, mut revocations) = (0_u64, 0);
    for number in 1..=REQUESTS {
        if number % REVOKED_EVERY == REVOKED_EVERY / 2 {
            let lease = auth.lease().await.unwrap();
            assert!(emulator.revoke_token(lease.token().id().unwrap()));
            revocations += 1;
        }
        if random.below(10) < 3 {
            let kind = &kinds[random.below(kinds.len())];
            emulator.fault(kind.clone().on(Endpoint::Data));
            faulty += 1;
        }
        let mut client = client.clone();
        under_way.spawn(async move {
            let request = Request::get("https://api.mobula.io/api/1/market/data?asset=bitcoin")
                .body(Full::default())
                .unwrap();
            let response = match client.ready().await.unwrap().call(request).await {
                Ok(response) => response,
                Err(error) => return error.to_string(),
            };
            let status = response.status();
            match response.into_body().collect().await {
                Ok(_) => status.to_string(),
                Err(error) => error.to_string(),
            }
        });
        if under_way.len() == AT_ONCE {
            let outcome = under_way.join_next().await.unwrap().unwrap();
            *outcomes.entry(outcome).or_default() += 1;
        }
    }
    while let Some(outcome) = under_way.join_next().await {
        *outcomes.entry(outcome.unwrap()).or_default() += 1;
    }

    let sent = sent.load(Ordering::Relaxed);
    let replays = sent - REQUESTS;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (amplification, share) = (
        sent as f64 / REQUESTS as f64,
        faulty as f64 / REQUESTS as f64,
    );
    println!("{REQUESTS} requests, {share:.3} of them faulty, {revocations} revocations");
    println!("{sent} sent, {replays} of them replays: amplification {amplification:.6}");
    println!("{outcomes:#?}");
    assert!((0.29..0.31).contains(&share));
    assert!(outcomes.len() > 10, "few kinds of faults struck");
    assert!(replays >= revocations, "the revocations were noticed");
    assert!(amplification < 1.001);
    assert_eq!(outcomes.get("401 Unauthorized"), None);
    let counts = emulator.counts();
    assert_eq!(counts.violations, 0);
}
