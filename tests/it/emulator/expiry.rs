//! Expiry to the millisecond, and clocks that disagree.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use mobula_auth::emulator::{Emulator, Skew, ViolationKind};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::client::{create, list, mint, use_token, violations};

fn at(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("it has a payload");
    serde_json::from_slice(
        &BASE64URL_NOPAD
            .decode(payload.as_bytes())
            .expect("it is base64url"),
    )
    .expect("it is JSON")
}

#[tokio::test(start_paused = true)]
async fn a_token_dies_at_its_expiry_to_the_millisecond() {
    for lifetime in [60_000, 60_001, 3_600_000, 86_400_000] {
        let emulator = Emulator::new();
        let token = mint(&emulator, &json!({ "expiresIn": lifetime }))
            .await
            .token;
        sleep(Duration::from_millis(lifetime - 1)).await;
        assert_eq!(use_token(&emulator, &token).await.status, 200, "{lifetime}");
        assert_eq!(violations(&emulator), []);
        sleep(Duration::from_millis(1)).await;
        let refused = use_token(&emulator, &token).await;
        assert_eq!(
            (refused.status, refused.message().contains("expired")),
            (401, true),
            "{lifetime}"
        );
        assert_eq!(violations(&emulator), [ViolationKind::ExpiredToken]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_leaves_the_list() {
    let emulator = Emulator::new();
    let _ = mint(&emulator, &json!({ "expiresIn": 60_000 })).await;
    sleep(Duration::from_millis(59_999)).await;
    let key = emulator.api_key();
    assert_eq!(
        list(&emulator, &key).await.json()["apiTokens"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    sleep(Duration::from_millis(1)).await;
    assert_eq!(
        list(&emulator, &key).await.json(),
        json!({ "apiTokens": [] })
    );
    assert_eq!(emulator.tokens().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn time_can_be_moved_by_hand() {
    let emulator = Emulator::builder().start_at(at(1_000_000_000_000)).build();
    let token = mint(&emulator, &json!({ "expiresIn": 60_000 })).await.token;
    emulator.advance(Duration::from_secs(59));
    sleep(Duration::from_millis(999)).await;
    assert_eq!(emulator.now(), at(1_000_000_059_999));
    assert_eq!(use_token(&emulator, &token).await.status, 200);
    emulator.advance(Duration::from_millis(1));
    assert_eq!(use_token(&emulator, &token).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn the_claims_never_promise_more_than_the_record() {
    let emulator = Emulator::builder().start_at(at(1_000_000_000_999)).build();
    let token = mint(&emulator, &json!({ "expiresIn": 60_001 })).await.token;
    assert_eq!(emulator.tokens()[0].expires_at, at(1_000_000_061_000));
    assert_eq!(
        (&claims(&token)["iat"], &claims(&token)["exp"]),
        (&json!(1_000_000_000), &json!(1_000_000_061))
    );

    emulator.advance(Duration::from_millis(500));
    let token = mint(&emulator, &json!({ "expiresIn": 60_000 })).await.token;
    assert_eq!(emulator.tokens()[1].expires_at, at(1_000_000_061_499));
    assert_eq!(
        (&claims(&token)["iat"], &claims(&token)["exp"]),
        (&json!(1_000_000_001), &json!(1_000_000_061))
    );
}

#[tokio::test(start_paused = true)]
async fn skew_changes_what_is_said_and_not_what_is_done() {
    for (skew, date, expiry, iat) in [
        (
            Skew::None,
            "Sun, 09 Sep 2001 01:46:40 GMT",
            "2001-09-09T01:47:40.000Z",
            1_000_000_000,
        ),
        (
            Skew::Ahead(Duration::from_secs(90)),
            "Sun, 09 Sep 2001 01:48:10 GMT",
            "2001-09-09T01:49:10.000Z",
            1_000_000_090,
        ),
        (
            Skew::Behind(Duration::from_secs(90)),
            "Sun, 09 Sep 2001 01:45:10 GMT",
            "2001-09-09T01:46:10.000Z",
            999_999_910,
        ),
    ] {
        let emulator = Emulator::builder().start_at(at(1_000_000_000_000)).build();
        emulator.skew(skew);
        let answer = create(&emulator, &json!({ "expiresIn": 60_000 })).await;
        assert_eq!(answer.header("date"), Some(date));
        let json = answer.json();
        let token = &json["createApiTokens"][0];
        assert_eq!(token["expiresTimeString"], expiry);
        let token = token["token"].as_str().expect("it has a token");
        assert_eq!(
            (&claims(token)["iat"], &claims(token)["exp"]),
            (&json!(iat), &json!(iat + 60))
        );

        assert_eq!(emulator.now(), at(1_000_000_000_000));
        assert_eq!(emulator.tokens()[0].expires_at, at(1_000_000_060_000));
        sleep(Duration::from_millis(59_999)).await;
        assert_eq!(use_token(&emulator, token).await.status, 200, "{skew:?}");
        sleep(Duration::from_millis(1)).await;
        assert_eq!(use_token(&emulator, token).await.status, 401, "{skew:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn absurd_clocks_do_no_harm() {
    for skew in [Skew::Ahead(Duration::MAX), Skew::Behind(Duration::MAX)] {
        let emulator = Emulator::new();
        emulator.skew(skew);
        let token = mint(&emulator, &json!({ "expiresIn": 60_000 })).await.token;
        let _ = use_token(&emulator, &token).await;
        emulator.advance(Duration::MAX);
        emulator.advance(Duration::MAX);
        assert_eq!(create(&emulator, &json!({ "count": 1 })).await.status, 200);
        assert_eq!(use_token(&emulator, &token).await.status, 401);
    }
    let emulator = Emulator::builder()
        .start_at(UNIX_EPOCH - Duration::from_secs(1))
        .build();
    assert_eq!(emulator.now(), UNIX_EPOCH);
}

#[test]
fn it_can_be_made_outside_of_a_runtime() {
    let emulator = Emulator::builder().start_at(at(5_000)).build();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("the runtime starts");
    runtime.block_on(async {
        let before = emulator.now();
        sleep(Duration::from_secs(7)).await;
        assert_eq!(emulator.now(), before + Duration::from_secs(7));
    });
}

#[tokio::test(start_paused = true)]
async fn the_date_header_follows_the_clock() {
    let emulator = Emulator::builder().start_at(at(1_000_000_000_999)).build();
    let date = |emulator: Emulator| async move {
        let answer = list(&emulator, &emulator.api_key()).await;
        answer.header("date").expect("it has a date").to_owned()
    };
    assert_eq!(
        date(emulator.clone()).await,
        "Sun, 09 Sep 2001 01:46:40 GMT"
    );
    sleep(Duration::from_millis(1)).await;
    assert_eq!(
        date(emulator.clone()).await,
        "Sun, 09 Sep 2001 01:46:41 GMT"
    );
}
