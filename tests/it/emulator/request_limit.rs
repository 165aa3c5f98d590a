//! A token's request limit.

use http::{Request, StatusCode};
use mobula_auth::emulator::{Emulator, Endpoint, Fault, ViolationKind};
use serde_json::json;

use super::client::{bodiless, call, inspect, list, mint, send, use_token, violations};

#[tokio::test(start_paused = true)]
async fn the_request_after_the_last_is_refused() {
    for limit in [1, 3] {
        let emulator = Emulator::new();
        let token = mint(&emulator, &json!({ "requestLimit": limit.to_string() }))
            .await
            .token;
        for left in (0..limit).rev() {
            assert_eq!(use_token(&emulator, &token).await.status, 200);
            assert_eq!(emulator.tokens()[0].remaining, left);
        }
        assert_eq!(violations(&emulator), []);
        for _ in 0..2 {
            let refused = use_token(&emulator, &token).await;
            assert_eq!(
                (refused.status, refused.message().contains("request limit")),
                (429, true)
            );
            assert_eq!(refused.header("retry-after"), None);
        }
        assert_eq!(violations(&emulator), [ViolationKind::OverLimitToken; 2]);
        assert_eq!(emulator.tokens()[0].requests, limit + 2);
    }
}

#[tokio::test(start_paused = true)]
async fn list_and_inspect_show_what_is_left() {
    let emulator = Emulator::new();
    let minted = mint(&emulator, &json!({ "requestLimit": "2" })).await;
    for left in ["1", "0"] {
        assert_eq!(use_token(&emulator, &minted.token).await.status, 200);
        let key = emulator.api_key();
        let listed = &list(&emulator, &key).await.json()["apiTokens"][0];
        assert_eq!(
            (&listed["remaining"], &listed["requestLimit"]),
            (&json!(left), &json!("2"))
        );
        assert_eq!(
            inspect(&emulator, &key, &minted.token).await.json()["apiToken"],
            *listed
        );
    }
}

#[tokio::test(start_paused = true)]
async fn only_handled_data_requests_count() {
    let emulator = Emulator::new();
    let minted = mint(&emulator, &json!({ "requestLimit": "2" })).await;
    let bearer = format!("Bearer {}", minted.token);
    // refused on management endpoints, lost before it was handled, no such route
    assert_eq!(list(&emulator, &bearer).await.status, 403);
    emulator.fault(Fault::reset().on(Endpoint::Data));
    let request = || bodiless(Request::get("/api/2/token/price").header("authorization", &bearer));
    assert!(call(&emulator, request()).await.is_err());
    assert_eq!(
        send(
            &emulator,
            bodiless(Request::get("/nowhere").header("authorization", &bearer))
        )
        .await
        .status,
        404
    );
    assert_eq!(emulator.tokens()[0].remaining, 2);
    // lost after it was handled
    emulator.fault(Fault::status(StatusCode::BAD_GATEWAY).after_handling());
    assert_eq!(send(&emulator, request()).await.status, 502);
    assert_eq!(
        (
            emulator.tokens()[0].remaining,
            emulator.tokens()[0].requests
        ),
        (1, 2)
    );
}
