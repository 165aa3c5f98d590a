//! H3: a tenant that is evicted and comes back may not create more tokens for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request};
use http_body_util::Full;
use mobula_auth::emulator::{Emulator, Plan, ViolationKind};
use mobula_auth::{ApiKey, AutoRefreshingToken, TokenClient, TokenRegistry};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::script::{ours, seconds};

/// When create requests of each key arrived.
type Arrivals = Arc<Mutex<BTreeMap<String, Vec<Instant>>>>;

fn registry(emulator: &Emulator, capacity: usize, arrivals: &Arrivals) -> TokenRegistry {
    let (emulator, arrivals) = (emulator.clone(), Arc::clone(arrivals));
    TokenRegistry::with_capacity(capacity, move |key| {
        let (emulator, arrivals) = (emulator.clone(), Arc::clone(&arrivals));
        let token_api = service_fn(move |request: Request<Full<Bytes>>| {
            if request.method() == Method::POST {
                let key = request.headers()[AUTHORIZATION].to_str().unwrap();
                let mut arrivals = arrivals.lock().unwrap();
                arrivals
                    .entry(key.to_owned())
                    .or_default()
                    .push(Instant::now());
            }
            emulator.clone().call(request)
        });
        AutoRefreshingToken::builder(TokenClient::new(token_api, key)).build()
    })
}

fn request(key: &str) -> Request<Full<Bytes>> {
    Request::get("https://api.mobula.io/api/1/market/data")
        .extension(ApiKey::new(key).unwrap())
        .body(Full::default())
        .unwrap()
}

/// The most of these in any 60 seconds.
fn most_in_a_minute(arrivals: &[Instant]) -> usize {
    let within = |at: Instant| {
        let window = at..at + seconds(60);
        arrivals
            .iter()
            .filter(|other| window.contains(other))
            .count()
    };
    arrivals.iter().map(|&at| within(at)).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn h3_two_tenants_in_the_place_of_one_stay_within_their_limits() {
    let emulator = Emulator::new();
    let arrivals = Arrivals::default();
    let registry = registry(&emulator, 1, &arrivals);
    let client = registry.layer(emulator.clone());
    let keys = [emulator.api_key(), emulator.add_api_key(Plan::Growth)];
    let (mut answered, mut refused) = (0, 0);
    let start = Instant::now();
    while start.elapsed() < seconds(600) {
        for key in &keys {
            match client.clone().oneshot(request(key)).await {
                Ok(response) => {
                    assert!(response.status().is_success());
                    answered += 1;
                }
                Err(error) => {
                    let error = ours(&error);
                    assert!(error.is_rate_limited(), "{error}");
                    assert!(
                        error
                            .to_string()
                            .contains("limit of 4 create requests a minute"),
                        "it says what is the matter: {error}"
                    );
                    assert!(error.retry_after().is_some_and(|time| time <= seconds(61)));
                    refused += 1;
                }
            }
            sleep(Duration::from_millis(500)).await;
        }
    }
    let arrivals = arrivals.lock().unwrap();
    for key in &keys {
        let of_key = &arrivals[key];
        assert_eq!(most_in_a_minute(of_key), 4);
        assert!(
            of_key.len() >= 36,
            "the limit is made use of: {}",
            of_key.len()
        );
    }
    let too_many = |kind: &ViolationKind| *kind == ViolationKind::TooManyCreates;
    assert!(
        !emulator
            .violations()
            .iter()
            .any(|seen| too_many(&seen.kind))
    );
    assert!(answered >= 72 && refused >= 100, "{answered} {refused}");
}

/// R13: who was refused is not asked for again the sooner for having been evicted.
#[tokio::test(start_paused = true)]
async fn r13_a_refusal_outlives_an_eviction() {
    let emulator = Emulator::new();
    let arrivals = Arrivals::default();
    let registry = registry(&emulator, 1, &arrivals);
    let client = registry.layer(emulator.clone());
    let keys = [emulator.api_key(), emulator.add_api_key(Plan::Free)];
    for _ in 0..4 {
        let good = client.clone().oneshot(request(&keys[0])).await.unwrap();
        assert!(good.status().is_success());
        let error = client.clone().oneshot(request(&keys[1])).await.unwrap_err();
        assert!(ours(&error).is_plan_required());
        sleep(seconds(1)).await;
    }
    let arrivals = arrivals.lock().unwrap();
    assert_eq!((arrivals[&keys[0]].len(), arrivals[&keys[1]].len()), (4, 1));
}
