//! Every switch that is not tested with what it switches.

use std::time::{Duration, UNIX_EPOCH};

use http::Request;
use mobula_auth::emulator::{
    BodyShape, Emulator, ErrorEnvelope, Keyless, LimitFormat, RetryAfter, RevokeShape, SuccessCodes,
};
use serde_json::{Value, json};

use super::client::{
    Answer, DATA, bodiless, create, get_data, inspect, list, mint_default, revoke, send, string,
    use_token,
};

#[tokio::test(start_paused = true)]
async fn error_envelopes() {
    let detailed = json!({
        "statusCode": 401,
        "error": "Unauthorized",
        "message": "Unauthorized: unknown API key or API token",
    });
    for (envelope, content_type, body) in [
        (
            ErrorEnvelope::Detailed,
            "application/json; charset=utf-8",
            detailed.to_string(),
        ),
        (
            ErrorEnvelope::ErrorOnly,
            "application/json; charset=utf-8",
            json!({ "error": "Unauthorized: unknown API key or API token" }).to_string(),
        ),
        (
            ErrorEnvelope::PlainText,
            "text/plain; charset=utf-8",
            "Unauthorized: unknown API key or API token".to_owned(),
        ),
    ] {
        let emulator = Emulator::builder().error_envelope(envelope).build();
        let answer = get_data(&emulator, "authorization", "wrong").await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (401, Some(content_type))
        );
        assert_eq!(answer.body, body);
        // successes are not concerned
        assert_eq!(create(&emulator, &json!({ "count": 1 })).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn create_shapes() {
    for (shape, pointer) in [
        (BodyShape::Named, "/createApiTokens/0/token"),
        (BodyShape::Bare, "/0/token"),
        (BodyShape::Data, "/data/0/token"),
    ] {
        let emulator = Emulator::builder().create_shape(shape).build();
        let json = create(&emulator, &json!({ "count": 1 })).await.json();
        let token = string(json.pointer(pointer).expect("the token is there"));
        assert_eq!(use_token(&emulator, &token).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn read_shapes() {
    for (shape, listed, inspected) in [
        (BodyShape::Named, "/apiTokens/0/id", "/apiToken/id"),
        (BodyShape::Bare, "/0/id", "/id"),
        (BodyShape::Data, "/data/0/id", "/data/id"),
    ] {
        let emulator = Emulator::builder().read_shape(shape).build();
        let minted = mint_default(&emulator).await;
        let key = emulator.api_key();
        let id = json!(minted.id);
        assert_eq!(
            list(&emulator, &key).await.json().pointer(listed),
            Some(&id)
        );
        assert_eq!(
            inspect(&emulator, &key, &minted.token)
                .await
                .json()
                .pointer(inspected),
            Some(&id)
        );
    }
}

type MakeBody = fn(&str) -> Value;

#[tokio::test(start_paused = true)]
async fn revoke_shapes() {
    let shapes: [(RevokeShape, MakeBody); 4] = [
        (RevokeShape::Named, |id| json!({ "deleteApiToken": id })),
        (RevokeShape::Bare, |id| json!(id)),
        (RevokeShape::Data, |id| json!({ "data": id })),
        (RevokeShape::Deleted, |_| json!({ "deleted": true })),
    ];
    for (shape, body) in shapes {
        let emulator = Emulator::builder().revoke_shape(shape).build();
        let minted = mint_default(&emulator).await;
        let answer = revoke(&emulator, &emulator.api_key(), &minted.id).await;
        assert_eq!((answer.status, answer.json()), (200, body(&minted.id)));
    }
}

#[tokio::test(start_paused = true)]
async fn success_codes() {
    let emulator = Emulator::builder()
        .success_codes(SuccessCodes::ByMethod)
        .build();
    let created = create(&emulator, &json!({ "count": 1 })).await;
    assert_eq!(created.status, 201);
    let token = &created.json()["createApiTokens"][0];
    let key = emulator.api_key();
    assert_eq!(list(&emulator, &key).await.status, 200);
    assert_eq!(
        inspect(&emulator, &key, &string(&token["token"]))
            .await
            .status,
        200
    );
    let revoked = revoke(&emulator, &key, &string(&token["id"])).await;
    assert_eq!((revoked.status, &revoked.body[..]), (204, &b""[..]));
    assert_eq!(revoked.header("content-type"), None);
    assert!(emulator.tokens()[0].revoked);
}

#[tokio::test(start_paused = true)]
async fn limit_formats() {
    for (format, limit, remaining) in [
        (LimitFormat::Strings, json!("5000"), json!("4999")),
        (LimitFormat::Numbers, json!(5_000), json!(4_999)),
        (LimitFormat::NullRemaining, json!("5000"), Value::Null),
    ] {
        let emulator = Emulator::builder().limit_format(format).build();
        let minted = mint_default(&emulator).await;
        assert_eq!(use_token(&emulator, &minted.token).await.status, 200);
        let listed = &list(&emulator, &emulator.api_key()).await.json()["apiTokens"][0];
        assert_eq!(
            (&listed["requestLimit"], &listed["remaining"]),
            (&limit, &remaining)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_in_lists() {
    let emulator = Emulator::builder().token_in_list(true).build();
    let minted = mint_default(&emulator).await;
    // an hour's skew later it is still the very same token
    emulator.skew(mobula_auth::emulator::Skew::Ahead(Duration::from_secs(
        3_600,
    )));
    let key = emulator.api_key();
    assert_eq!(
        list(&emulator, &key).await.json()["apiTokens"][0]["token"],
        minted.token
    );
    assert_eq!(
        inspect(&emulator, &key, &minted.token).await.json()["apiToken"]["token"],
        minted.token
    );
}

async fn refused_create(format: RetryAfter) -> Answer {
    let start = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let emulator = Emulator::builder()
        .retry_after(format)
        .start_at(start)
        .build();
    for _ in 0..5 {
        let _ = mint_default(&emulator).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    create(&emulator, &json!({ "count": 1 })).await
}

#[tokio::test(start_paused = true)]
async fn retry_after_formats() {
    for (format, value) in [
        (RetryAfter::Absent, None),
        (RetryAfter::Seconds, Some("60")),
        (RetryAfter::HttpDate, Some("Sun, 09 Sep 2001 01:47:40 GMT")),
    ] {
        let refused = refused_create(format).await;
        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (429, value)
        );
    }
    let emulator = Emulator::builder()
        .retry_after(RetryAfter::Seconds)
        .keyless(Keyless::RateLimited)
        .build();
    let refused = send(&emulator, bodiless(Request::get(DATA))).await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("1"))
    );
}

#[tokio::test(start_paused = true)]
async fn challenges() {
    for on in [false, true] {
        let emulator = Emulator::builder().www_authenticate(on).build();
        let none = send(&emulator, bodiless(Request::get(DATA))).await;
        assert_eq!(none.header("www-authenticate"), on.then_some("Bearer"));
        let wrong = use_token(&emulator, "a.b.c").await;
        assert_eq!(
            wrong.header("www-authenticate"),
            on.then_some("Bearer error=\"invalid_token\"")
        );
    }
}
