//! Bodies that are cut short, too long, or not what was asked for.

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header::CONTENT_TYPE};
use http_body::Body as _;
use http_body_util::BodyExt;
use mobula_auth::emulator::{Emulator, Endpoint, Fault};
use serde_json::json;

use super::client::{ONE, bodiless, call, create, create_request, data_request, list};

#[tokio::test(start_paused = true)]
async fn truncated_bodies_end_with_an_error() {
    for after in [false, true] {
        let emulator = Emulator::new();
        let fault = Fault::truncated_body().on(Endpoint::Create);
        emulator.fault(if after { fault.after_handling() } else { fault });
        let request = create_request(&emulator.api_key(), ONE);
        let response = call(&emulator, request).await.expect("the headers arrive");
        assert_eq!(response.status(), 200);
        let promised = response.headers()["content-length"]
            .to_str()
            .expect("ASCII")
            .parse()
            .unwrap_or(0_usize);
        let mut body = response.into_body();
        let mut received = 0;
        let lost = loop {
            match body.frame().await.expect("the body does not end well") {
                Ok(frame) => received += frame.into_data().map_or(0, |data| data.len()),
                Err(lost) => break lost,
            }
        };
        assert_eq!(lost.to_string(), "emulated connection loss within the body");
        assert_eq!(received, promised / 2);
        assert!(received > 10);
        assert!(body.frame().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn truncating_an_empty_answer_still_promises_more() {
    let emulator = Emulator::builder()
        .success_codes(mobula_auth::emulator::SuccessCodes::ByMethod)
        .build();
    let minted = mint_id(&emulator).await;
    emulator.fault(
        Fault::truncated_body()
            .on(Endpoint::Revoke)
            .after_handling(),
    );
    let uri = format!("/api/2/auth/tokens/{minted}");
    let request = bodiless(Request::delete(uri).header("authorization", emulator.api_key()));
    let response = call(&emulator, request).await.expect("the headers arrive");
    assert_eq!(response.headers()["content-length"], "2");
    assert!(response.into_body().collect().await.is_err());
}

async fn mint_id(emulator: &Emulator) -> String {
    assert_eq!(create(emulator, &json!({ "count": 1 })).await.status, 201);
    emulator.tokens()[0].id.to_string()
}

#[tokio::test(start_paused = true)]
async fn oversized_bodies_have_their_length() {
    for length in [0, 1, 16_384, 16_385, 5_000_000] {
        let emulator = Emulator::new();
        emulator.fault(Fault::oversized_body(length).on(Endpoint::List));
        let answer = list(&emulator, &emulator.api_key()).await;
        assert_eq!((answer.status, answer.body.len() as u64), (200, length));
        assert!(answer.body.iter().all(|byte| *byte == b' '));
    }
}

#[tokio::test(start_paused = true)]
async fn endless_bodies_announce_no_length() {
    let emulator = Emulator::new();
    emulator.fault(Fault::oversized_body(u64::MAX));
    let response = call(&emulator, data_request(&emulator))
        .await
        .expect("the headers arrive");
    assert!(!response.headers().contains_key("content-length"));
    let mut body = response.into_body();
    assert_eq!(body.size_hint().exact(), None);
    for _ in 0..1_000 {
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
    }
}

#[tokio::test(start_paused = true)]
async fn any_body_can_be_put_in() {
    let html = HeaderValue::from_static("text/html");
    for (fault, status, body) in [
        (Fault::body("<html>", html.clone()), 200, "<html>"),
        (Fault::body(Bytes::new(), html.clone()), 200, ""),
        (
            Fault::body("{\"createApiTokens\":{}}", html.clone()).with_status(StatusCode::CREATED),
            201,
            "{\"createApiTokens\":{}}",
        ),
        (
            Fault::body("<html>", html)
                .with_status(StatusCode::FORBIDDEN)
                .after_handling(),
            403,
            "<html>",
        ),
    ] {
        let emulator = Emulator::new();
        emulator.fault(fault);
        let answer = create(&emulator, &json!({ "count": 1 })).await;
        assert_eq!((answer.status, &answer.body[..]), (status, body.as_bytes()));
        assert_eq!(answer.headers[CONTENT_TYPE], "text/html");
        assert!(answer.header("x-ratelimit-limit").is_some());
    }
}
