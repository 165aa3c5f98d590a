//! What the emulator remembers.

use std::time::{Duration, UNIX_EPOCH};

use http::{Method, Request, StatusCode};
use mobula_auth::emulator::{CredentialKind, Emulator, Endpoint, Fault, KeyHeader, ViolationKind};
use serde_json::json;
use tower::Service;

use super::client::{
    bodiless, call, create, create_text, get_data, inspect, mint_default, revoke, send, use_token,
    violations,
};

#[tokio::test(start_paused = true)]
async fn a_request_is_recorded_as_it_was() {
    let start = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let emulator = Emulator::builder().start_at(start).build();
    let minted = mint_default(&emulator).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(use_token(&emulator, &minted.token).await.status, 200);
    let requests = emulator.requests();
    assert_eq!(requests.len(), 2);
    let [create, data] = &requests[..] else {
        panic!("two requests")
    };
    assert_eq!(
        (create.at, &create.method, &*create.path),
        (start, &Method::POST, "/api/2/auth/tokens")
    );
    assert_eq!(
        (create.endpoint, create.status),
        (Some(Endpoint::Create), Some(StatusCode::OK))
    );
    assert_eq!(
        create.credential,
        CredentialKind::ApiKey {
            header: KeyHeader::Authorization
        }
    );
    assert_eq!(
        (data.at, &data.method),
        (start + Duration::from_millis(1_500), &Method::GET)
    );
    assert_eq!(
        (&*data.path, data.endpoint),
        ("/api/1/market/data", Some(Endpoint::Data))
    );
    assert_eq!(
        data.credential,
        CredentialKind::Token {
            id: minted.id.as_str().into(),
            header: KeyHeader::Bearer
        }
    );
}

#[tokio::test(start_paused = true)]
async fn paths_hold_no_secrets() {
    let emulator = Emulator::new();
    let minted = mint_default(&emulator).await;
    let key = emulator.api_key();
    let _ = inspect(&emulator, &key, &minted.token).await;
    let _ = revoke(&emulator, &key, &minted.token).await;
    for uri in [
        format!("/api/1/wallet/{}/history", minted.token),
        format!("/api/1/{key}?apiKey={key}"),
        format!("/{}%2E{}", &key[..10], &key[10..]),
        "/api/1/wallet/0x0123456789abcdef0123456789abcdef01234567/x".to_owned(),
        format!("/nowhere{}", "/x".repeat(20_000)),
    ] {
        let _ = send(&emulator, bodiless(Request::get(uri))).await;
    }
    let paths: Vec<_> = emulator
        .requests()
        .into_iter()
        .skip(1)
        .map(|request| request.path)
        .collect();
    assert_eq!(
        paths,
        [
            "/api/2/auth/token",
            "/api/2/auth/tokens/:id",
            "/api/1/wallet/.../history",
            "/api/1/...",
            "/...",
            "/api/1/wallet/0x0123456789abcdef0123456789abcdef01234567/x",
            &format!("/nowhere{}", "/x".repeat(11)),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn counts_are_kept_for_each_kind() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    assert_eq!(create(&emulator, &json!({ "count": 7 })).await.status, 200);
    assert_eq!(create_text(&emulator, "{").await.status, 400);
    assert_eq!(inspect(&emulator, &key, "x").await.status, 404);
    assert_eq!(revoke(&emulator, &key, "x").await.status, 404);
    assert_eq!(get_data(&emulator, "x-api-key", &key).await.status, 200);
    assert_eq!(get_data(&emulator, "x-api-key", "wrong").await.status, 401);
    assert_eq!(
        send(&emulator, bodiless(Request::get("/nowhere")))
            .await
            .status,
        404
    );
    emulator.fault(Fault::reset());
    let lost = Request::get("/api/2/auth/tokens").header("authorization", &key);
    assert!(call(&emulator, bodiless(lost)).await.is_err());
    let counts = emulator.counts();
    for (tally, received, ok, denied) in [
        (counts.create, 2, 1, 1),
        (counts.list, 1, 0, 0),
        (counts.inspect, 1, 0, 1),
        (counts.revoke, 1, 0, 1),
        (counts.data, 2, 1, 1),
        (counts.other, 1, 0, 1),
    ] {
        assert_eq!(
            (tally.received, tally.ok, tally.denied),
            (received, ok, denied)
        );
    }
    assert_eq!(
        (counts.requests(), counts.tokens, counts.violations),
        (8, 7, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn records_can_be_cleared() {
    let emulator = Emulator::new();
    let minted = mint_default(&emulator).await;
    assert_eq!(
        get_data(&emulator, "x-api-key", &minted.token).await.status,
        401
    );
    assert_eq!(violations(&emulator), [ViolationKind::TokenInApiKeyHeader]);
    emulator.fault(Fault::latency(Duration::from_secs(1)));
    let waiting = tokio::spawn({
        let (emulator, key) = (emulator.clone(), emulator.api_key());
        async move { get_data(&emulator, "authorization", &key).await.status }
    });
    while emulator.counts().requests() < 3 {
        tokio::task::yield_now().await;
    }
    emulator.clear_records();
    assert_eq!(waiting.await.expect("it does not panic"), 200);
    assert_eq!(
        (emulator.requests(), emulator.violations()),
        (vec![], vec![])
    );
    assert_eq!(emulator.counts(), mobula_auth::emulator::Counts::default());
    // what they are about stays
    assert_eq!(use_token(&emulator, &minted.token).await.status, 200);
    assert_eq!(
        (emulator.requests().len(), emulator.counts().data.ok),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_and_counts_are_not() {
    let emulator = Emulator::new();
    let first = mint_default(&emulator).await;
    let mut service = emulator.clone();
    for _ in 0..100_500 {
        let request = Request::get("/api/1/all")
            .header("x-api-key", "wrong")
            .header("x-api-key", "wrong");
        let _ = service
            .call(bodiless(request))
            .await
            .expect("it is answered");
    }
    assert_eq!(
        (emulator.requests().len(), emulator.violations().len()),
        (100_000, 100_000)
    );
    let counts = emulator.counts();
    assert_eq!(
        (counts.requests(), counts.data.denied, counts.violations),
        (100_501, 100_500, 100_500)
    );
    assert!(
        emulator
            .requests()
            .iter()
            .all(|request| request.endpoint == Some(Endpoint::Data))
    );
    assert_eq!(use_token(&emulator, &first.token).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn dead_tokens_are_forgotten_in_the_end() {
    let emulator = Emulator::new();
    let oldest = mint_default(&emulator).await;
    while emulator.counts().tokens < 50_020 {
        for _ in 0..4 {
            assert_eq!(
                create(&emulator, &json!({ "expiresIn": 60_000, "count": 25 }))
                    .await
                    .status,
                200
            );
        }
        emulator.advance(Duration::from_secs(60));
    }
    assert_eq!(emulator.tokens().len(), 50_000);
    let answer = use_token(&emulator, &oldest.token).await;
    assert_eq!(answer.status, 401);
    assert_eq!(violations(&emulator), [ViolationKind::ExpiredToken]);
    assert_eq!(
        emulator.violations()[0].token_id.as_deref(),
        Some(oldest.id.as_str())
    );
}
