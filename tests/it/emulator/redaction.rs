//! No secret is ever printed.

use http::{HeaderValue, Request, header::SET_COOKIE};
use mobula_auth::emulator::{Emulator, Fault, Plan};
use tower::Service;

use super::client::{DATA, call, create_request, get_data, inspect, mint_default};

const CANARY: &str = "a-canary-that-nobody-may-see";

#[tokio::test(start_paused = true)]
async fn debug_shows_no_key_token_or_secret() {
    let secret = *b"canary-secret-canary-secret-0123";
    let builder = Emulator::builder().jwt_secret(secret);
    let mut shown = vec![format!("{builder:?}"), format!("{builder:#?}")];
    let emulator = builder.build();
    let other = emulator.add_api_key(Plan::Free);
    let minted = mint_default(&emulator).await;
    let key = emulator.api_key();
    let _ = inspect(&emulator, &key, &minted.token).await;
    let _ = get_data(&emulator, "x-api-key", &minted.token).await;
    let _ = get_data(&emulator, "authorization", CANARY).await;

    let fault = Fault::body(CANARY, HeaderValue::from_static(CANARY))
        .header(SET_COOKIE, HeaderValue::from_static(CANARY));
    shown.push(format!("{fault:?}"));
    emulator.fault(fault.on(mobula_auth::emulator::Endpoint::Revoke));
    let server = emulator.serve().await.expect("it serves");
    let request = create_request(&key, &format!("{{\"count\":1,\"x\":\"{CANARY}\"}}"));
    let mut service = emulator.clone();
    let future = service.call(request);
    shown.push(format!("{future:?}"));
    let response = future.await.expect("it is answered");
    shown.extend([
        format!("{emulator:?}"),
        format!("{emulator:#?}"),
        format!("{server:?}"),
        format!("{response:?}"),
        format!("{:?}", response.body()),
        format!("{:?}", emulator.requests()),
        format!("{:?}", emulator.violations()),
        format!("{:?}", emulator.tokens()),
        format!("{:?}", emulator.counts()),
    ]);
    emulator.fault(Fault::reset());
    let lost = call(
        &emulator,
        Request::get(DATA)
            .header("authorization", CANARY)
            .body(String::new())
            .expect("valid"),
    )
    .await;
    shown.push(format!("{lost:?}"));

    let payload = minted.token.split('.').nth(1).expect("it has a payload");
    let signature = minted.token.split('.').nth(2).expect("it has a signature");
    for shown in &shown {
        for secret in [
            &key,
            &other,
            &minted.token,
            payload,
            signature,
            CANARY,
            "canary-secret",
            "99, 97, 110, 97, 114, 121",
        ] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    assert!(shown.len() >= 14);
}

#[tokio::test(start_paused = true)]
async fn refusals_do_not_echo_what_was_sent() {
    let emulator = Emulator::new();
    for uri in [
        DATA,
        "/nowhere/a-canary-that-nobody-may-see",
        "/api/2/auth/token?token=a-canary-that-nobody-may-see",
    ] {
        let request = Request::get(uri)
            .header("authorization", CANARY)
            .body(String::new())
            .expect("valid");
        let answer = super::client::send(&emulator, request).await;
        assert!(!String::from_utf8_lossy(&answer.body).contains("canary"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_within_other_text_of_a_path_is_not_recorded() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    for segment in [key.clone(), format!("x{key}"), format!("{key}-and-more")] {
        let request = Request::get(format!("/api/1/{segment}/kept")).body(String::new());
        let _ = call(&emulator, request.expect("valid")).await;
    }
    for request in emulator.requests() {
        assert_eq!(request.path, "/api/1/.../kept");
    }
}
