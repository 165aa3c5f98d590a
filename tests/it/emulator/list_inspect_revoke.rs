//! The three endpoints that look after tokens.

use http::Request;
use mobula_auth::emulator::{Emulator, Plan};
use serde_json::{Value, json};

use super::client::{
    ONE, TOKENS, bodiless, create, create_request, inspect, list, mint, mint_default, minted,
    revoke, send, use_token,
};

fn ids(answer: &Value) -> Vec<&str> {
    let tokens = answer["apiTokens"].as_array().expect("it lists tokens");
    tokens
        .iter()
        .map(|token| token["id"].as_str().expect("it has an id"))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn lists_the_keys_own_live_tokens_without_their_secret() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    let other = emulator.add_api_key(Plan::Growth);
    assert_eq!(
        list(&emulator, &key).await.json(),
        json!({ "apiTokens": [] })
    );
    let created = create(&emulator, &json!({ "count": 3, "requestLimit": "9" })).await;
    let tokens = minted(&created);
    let _ = send(
        &emulator,
        create_request(&other, &json!({ "count": 2 }).to_string()),
    )
    .await;

    let listed = list(&emulator, &key).await;
    assert_eq!(listed.status, 200);
    assert_eq!(
        ids(&listed.json()),
        [&*tokens[0].id, &*tokens[1].id, &*tokens[2].id]
    );
    assert_eq!(ids(&list(&emulator, &other).await.json()).len(), 2);
    let mut expected = created.json()["createApiTokens"][0].clone();
    expected.as_object_mut().expect("an object").remove("token");
    assert_eq!(listed.json()["apiTokens"][0], expected);

    assert_eq!(revoke(&emulator, &key, &tokens[1].id).await.status, 200);
    assert_eq!(
        ids(&list(&emulator, &key).await.json()),
        [&*tokens[0].id, &*tokens[2].id]
    );
}

#[tokio::test(start_paused = true)]
async fn inspects_by_the_whole_token() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    let minted = mint(&emulator, &json!({ "requestLimit": "9" })).await;
    let answer = inspect(&emulator, &key, &minted.token).await;
    assert_eq!(answer.status, 200);
    let listed = list(&emulator, &key).await.json();
    assert_eq!(answer.json(), json!({ "apiToken": listed["apiTokens"][0] }));
    // percent-encoded, as a careful client sends it, and among other parameters
    let encoded = minted.token.replace('.', "%2E");
    assert_eq!(
        inspect(&emulator, &key, &encoded).await.json(),
        answer.json()
    );
    assert_eq!(
        inspect(&emulator, &key, &format!("{}&x=1", minted.token))
            .await
            .status,
        200
    );
    // looking costs nothing
    assert_eq!(emulator.tokens()[0].remaining, 9);
}

#[tokio::test(start_paused = true)]
async fn inspect_does_not_know_dead_or_foreign_tokens() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    let other = emulator.add_api_key(Plan::Growth);
    let token = mint(&emulator, &json!({ "expiresIn": 60_000 })).await;
    let revoked = mint_default(&emulator).await;
    assert!(emulator.revoke_token(&revoked.id));
    let foreign = mint_default(&Emulator::new()).await;
    for (key, token) in [
        (&other, &token.token),
        (&key, &revoked.token),
        (&key, &foreign.token),
    ] {
        assert_eq!(inspect(&emulator, key, token).await.status, 404);
    }
    for nonsense in ["x", "..", "a.b.c", &token.id, &".".repeat(60_000)] {
        assert_eq!(inspect(&emulator, &key, nonsense).await.status, 404);
    }
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(inspect(&emulator, &key, &token.token).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn inspect_needs_exactly_one_token() {
    let emulator = Emulator::new();
    for query in ["", "?", "?x=1", "?Token=a", "?token=a&token=b"] {
        let request = Request::get(format!("/api/2/auth/token{query}"))
            .header("authorization", emulator.api_key());
        assert_eq!(
            send(&emulator, bodiless(request)).await.status,
            400,
            "{query}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn revokes_at_once() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    let minted = mint_default(&emulator).await;
    assert_eq!(use_token(&emulator, &minted.token).await.status, 200);
    let answer = revoke(&emulator, &key, &minted.id).await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({ "deleteApiToken": minted.id }))
    );
    assert_eq!(use_token(&emulator, &minted.token).await.status, 401);
    assert!(emulator.tokens()[0].revoked);
    assert_eq!(revoke(&emulator, &key, &minted.id).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn revoke_does_not_know_foreign_ids() {
    let emulator = Emulator::new();
    let other = emulator.add_api_key(Plan::Growth);
    let minted = mint_default(&emulator).await;
    for (key, id) in [
        (&other, minted.id.as_str()),
        (&emulator.api_key(), "00000000-0000-4000-8000-000000000000"),
        (&emulator.api_key(), minted.token.as_str()),
        (&emulator.api_key(), "%"),
    ] {
        assert_eq!(revoke(&emulator, key, id).await.status, 404);
    }
    assert_eq!(use_token(&emulator, &minted.token).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_json_content_type_needs_a_body() {
    let minted = |emulator: Emulator| async move { mint_default(&emulator).await };
    for tolerated in [false, true] {
        let emulator = Emulator::builder().accept_bodiless_json(tolerated).build();
        let id = minted(emulator.clone()).await.id;
        for request in [
            Request::get(TOKENS),
            Request::get("/api/1/market/data"),
            Request::delete(format!("{TOKENS}/{id}")),
        ] {
            let request = request
                .header("authorization", emulator.api_key())
                .header("content-type", "application/json");
            let answer = send(&emulator, bodiless(request)).await;
            if tolerated {
                assert_eq!(answer.status, 200);
            } else {
                assert_eq!(
                    (answer.status, &answer.json()["code"]),
                    (400, &json!("FST_ERR_CTP_EMPTY_JSON_BODY"))
                );
            }
        }
        assert_eq!(emulator.tokens()[0].revoked, tolerated);
    }
}

#[tokio::test(start_paused = true)]
async fn management_needs_a_good_key() {
    let emulator = Emulator::new();
    let minted = mint_default(&emulator).await;
    assert_eq!(list(&emulator, "wrong").await.status, 401);
    assert_eq!(inspect(&emulator, "wrong", &minted.token).await.status, 401);
    assert_eq!(revoke(&emulator, "wrong", &minted.id).await.status, 401);
    assert_eq!(
        send(&emulator, create_request("wrong", ONE)).await.status,
        401
    );
    assert_eq!(emulator.tokens().len(), 1);
    assert!(!emulator.tokens()[0].revoked);
}
