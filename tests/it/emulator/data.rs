//! What the data endpoints answer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Request;
use mobula_auth::emulator::Emulator;
use serde_json::{Value, json};

use super::client::{Answer, bodiless, send};

fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

async fn get(emulator: &Emulator, uri: &str) -> Answer {
    let answer = send(
        emulator,
        bodiless(Request::get(uri).header("authorization", emulator.api_key())),
    )
    .await;
    assert_eq!(answer.status, 200, "{uri}");
    answer
}

async fn json_of(uri: &str) -> Value {
    get(&Emulator::builder().start_at(start()).build(), uri)
        .await
        .json()
}

#[tokio::test(start_paused = true)]
async fn known_endpoints_have_prices() {
    let market = json_of("/api/1/market/data?asset=bitcoin").await;
    assert_eq!(market["data"]["name"], "bitcoin");
    assert_eq!(market["data"]["timestamp"], 1_800_000_000_000_u64);
    let price = market["data"]["price"].as_f64().expect("it has a price");
    assert!(price > 0.0);

    let markets = json_of("/api/1/market/multi-data?assets=bitcoin,ethereum").await;
    assert_eq!(markets["data"]["bitcoin"], market["data"]);
    assert_eq!(
        markets["data"].as_object().map(serde_json::Map::len),
        Some(2)
    );
    assert_eq!(
        json_of("/api/2/token/price?asset=bitcoin").await,
        json!({ "data": { "priceUSD": price } })
    );
    let all = json_of("/api/1/all").await;
    assert_eq!(all["data"][0], market["data"]);
    assert_eq!(all["data"].as_array().map(Vec::len), Some(5));
}

#[tokio::test(start_paused = true)]
async fn other_endpoints_have_a_small_object() {
    for uri in [
        "/api/1/wallet/portfolio?wallet=0x0",
        "/api/2/nobody/knows",
        "/api/1/market/data/",
    ] {
        assert_eq!(
            json_of(uri).await,
            json!({ "data": { "emulated": true, "timestamp": 1_800_000_000_000_u64 } })
        );
    }
}

#[tokio::test(start_paused = true)]
async fn prices_move_with_time_and_only_with_time() {
    let emulator = Emulator::builder().start_at(start()).build();
    let uri = "/api/1/market/data?asset=bitcoin";
    let first = get(&emulator, uri).await.body;
    assert_eq!(get(&emulator, uri).await.body, first);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_ne!(get(&emulator, uri).await.body, first);
    let same_time = Emulator::builder()
        .start_at(start() + Duration::from_secs(600))
        .build();
    assert_eq!(
        get(&same_time, uri).await.body,
        get(&emulator, uri).await.body
    );
    assert_ne!(
        json_of("/api/1/market/data?asset=ethereum").await,
        json_of(uri).await
    );
}

#[tokio::test(start_paused = true)]
async fn any_query_makes_valid_json() {
    let long = format!("/api/1/market/data?asset={}", "x".repeat(60_000));
    for uri in [
        "/api/1/market/data?asset=%22%5C%00%F0%9F%8F%9B",
        "/api/1/market/data?asset",
        "/api/1/market/data?&&==&asset=%",
        "/api/1/market/multi-data?assets=,,%22,",
        "/api/2/token/price?address=%FF",
        &long,
    ] {
        assert!(json_of(uri).await["data"].is_object(), "{uri}");
    }
}
