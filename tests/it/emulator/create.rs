//! Every documented bound and default of a create request.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Request;
use mobula_auth::emulator::{Emulator, Plan};
use serde_json::{Value, json};

use super::client::{
    ONE, TOKENS, bodiless, create, create_request, create_text, minted, send, string,
};

/// 2025-03-10T12:00:00.123Z, plus a part that is cut off.
fn noon() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_741_608_000_123) + Duration::from_nanos(456_789)
}

#[tokio::test(start_paused = true)]
async fn answers_in_the_documented_shape() {
    let emulator = Emulator::builder().start_at(noon()).build();
    let answer = create(
        &emulator,
        &json!({ "expiresIn": 60_000, "count": 1, "requestLimit": "1000" }),
    )
    .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    let json = answer.json();
    assert_eq!(json.as_object().expect("an object").len(), 1);
    let token = &json["createApiTokens"][0];
    assert_eq!(token["expiresTimeString"], "2025-03-10T12:01:00.123Z");
    assert_eq!(token["requestLimit"], "1000");
    assert_eq!(token["remaining"], "1000");
    assert_eq!(string(&token["id"]).len(), 36);
    assert_eq!(string(&token["token"]).split('.').count(), 3);
    assert_eq!(token.as_object().expect("an object").len(), 5);
}

#[tokio::test(start_paused = true)]
async fn fills_in_the_documented_defaults() {
    for (body, lifetime, count, limit) in [
        (json!({ "count": 2 }), 3_600_000, 2, 5_000),
        (json!({ "expiresIn": 60_000 }), 60_000, 1, 5_000),
        (json!({ "requestLimit": "7" }), 3_600_000, 1, 7),
    ] {
        let emulator = Emulator::new();
        assert_eq!(
            minted(&create(&emulator, &body).await).len(),
            count,
            "{body}"
        );
        let tokens = emulator.tokens();
        assert_eq!(tokens.len(), count);
        for token in tokens {
            assert_eq!(
                token.expires_at,
                emulator.now() + Duration::from_millis(lifetime)
            );
            assert_eq!((token.request_limit, token.remaining), (limit, limit));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn accepts_both_ends_of_every_range() {
    for body in [
        json!({ "expiresIn": 60_000 }),
        json!({ "expiresIn": 86_400_000 }),
        json!({ "expiresIn": 60_000.0 }),
        json!({ "count": 1 }),
        json!({ "count": 25 }),
        json!({ "requestLimit": "1" }),
        json!({ "requestLimit": "1000000" }),
        json!({ "requestLimit": 1 }),
        json!({ "requestLimit": 1_000_000 }),
        json!({ "count": 1, "unknownField": { "nested": [null] } }),
    ] {
        let answer = create(&Emulator::new(), &body).await;
        assert_eq!(answer.status, 200, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn refuses_what_is_beyond_every_range() {
    let wrong: &[Value] = &[
        json!({}),
        json!({ "unknownField": 1 }),
        json!([]),
        json!(null),
        json!("expiresIn"),
        json!({ "expiresIn": 59_999 }),
        json!({ "expiresIn": 86_400_001 }),
        json!({ "expiresIn": 60_000.5 }),
        json!({ "expiresIn": -60_000 }),
        json!({ "expiresIn": 1e300 }),
        json!({ "expiresIn": u64::MAX }),
        json!({ "expiresIn": "60000" }),
        json!({ "expiresIn": null }),
        json!({ "count": 0 }),
        json!({ "count": 26 }),
        json!({ "count": -1 }),
        json!({ "count": 1.5 }),
        json!({ "count": true }),
        json!({ "requestLimit": "0" }),
        json!({ "requestLimit": "1000001" }),
        json!({ "requestLimit": "" }),
        json!({ "requestLimit": "-1" }),
        json!({ "requestLimit": "+1" }),
        json!({ "requestLimit": "1.0" }),
        json!({ "requestLimit": " 1" }),
        json!({ "requestLimit": "99999999999999999999999999" }),
        json!({ "requestLimit": 0 }),
        json!({ "requestLimit": 1_000_001 }),
        json!({ "requestLimit": 1.5 }),
        json!({ "requestLimit": [1] }),
        // one bad field spoils the good ones
        json!({ "expiresIn": 60_000, "count": 26 }),
    ];
    for body in wrong {
        let emulator = Emulator::new();
        let answer = create(&emulator, body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.json()["code"], "FST_ERR_VALIDATION", "{body}");
        assert_eq!(answer.json()["statusCode"], 400, "{body}");
        assert_eq!(answer.json()["error"], "Bad Request", "{body}");
        assert_eq!(emulator.tokens(), [], "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn refuses_malformed_json_like_fastify() {
    for body in [
        "{",
        "{\"count\":1",
        "count=1",
        "\u{0}",
        "{\"count\":1}}",
        &"[".repeat(100_000),
    ] {
        let answer = create_text(&Emulator::new(), body).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["code"], "FST_ERR_CTP_INVALID_JSON_BODY");
        assert_eq!(
            answer.message(),
            "Body is not valid JSON but content-type is set to 'application/json'"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refuses_bodies_of_the_wrong_kind() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    let answer = create_text(&emulator, "").await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (400, &json!("FST_ERR_CTP_EMPTY_JSON_BODY"))
    );

    let answer = send(
        &emulator,
        bodiless(Request::post(TOKENS).header("authorization", &key)),
    )
    .await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (400, &json!("FST_ERR_VALIDATION"))
    );

    let text = Request::post(TOKENS)
        .header("authorization", &key)
        .header("content-type", "text/plain")
        .body("{\"count\":1}".to_owned())
        .expect("the request is valid");
    let answer = send(&emulator, text).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (415, &json!("FST_ERR_CTP_INVALID_MEDIA_TYPE"))
    );

    let answer = create_text(&emulator, &" ".repeat(1024 * 1024 + 1)).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (413, &json!("FST_ERR_CTP_BODY_TOO_LARGE"))
    );

    let padded = format!("{{\"count\":1}}{}", " ".repeat(1024 * 1024 - 11));
    assert_eq!(create_text(&emulator, &padded).await.status, 200);
    assert_eq!(emulator.counts().tokens, 1);
}

#[tokio::test(start_paused = true)]
async fn takes_any_spelling_of_the_json_content_type() {
    for content_type in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json ;x=y",
    ] {
        let emulator = Emulator::new();
        let mut request = create_request(&emulator.api_key(), ONE);
        request.headers_mut().insert(
            "content-type",
            content_type.parse().expect("the value is valid"),
        );
        assert_eq!(send(&emulator, request).await.status, 200, "{content_type}");
    }
}

#[tokio::test(start_paused = true)]
async fn makes_distinct_tokens() {
    let emulator = Emulator::new();
    let tokens = minted(&create(&emulator, &json!({ "count": 25 })).await);
    let mut values: Vec<_> = tokens
        .iter()
        .flat_map(|token| [token.id.as_str(), token.token.as_str()])
        .collect();
    values.sort_unstable();
    values.dedup();
    assert_eq!(values.len(), 50);
    let recorded: Vec<_> = emulator
        .tokens()
        .iter()
        .map(|token| token.id.to_string())
        .collect();
    assert_eq!(
        recorded,
        tokens
            .iter()
            .map(|token| token.id.clone())
            .collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn needs_a_plan_with_tokens() {
    for (plan, status) in [
        (Plan::Free, 403),
        (Plan::Startup, 200),
        (Plan::Growth, 200),
        (Plan::Enterprise, 200),
    ] {
        let emulator = Emulator::builder().plan(plan).build();
        assert_eq!(
            create(&emulator, &json!({ "count": 1 })).await.status,
            status,
            "{plan:?}"
        );
    }
}
