//! Which header forms let whom in.

use http::Request;
use mobula_auth::emulator::{CredentialKind, Emulator, KeyHeader, Keyless, ViolationKind};
use serde_json::json;

use super::client::{
    DATA, bodiless, create, get_data, list, mint_default, send, use_token, violations,
};

fn seen(emulator: &Emulator) -> CredentialKind {
    emulator
        .requests()
        .pop()
        .expect("it saw a request")
        .credential
}

#[tokio::test(start_paused = true)]
async fn a_key_may_come_in_three_forms() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    for (name, value, header) in [
        ("authorization", key.clone(), KeyHeader::Authorization),
        ("authorization", format!("Bearer {key}"), KeyHeader::Bearer),
        ("authorization", format!("bearer {key}"), KeyHeader::Bearer),
        (
            "authorization",
            format!("BEARER   {key}"),
            KeyHeader::Bearer,
        ),
        ("x-api-key", key.clone(), KeyHeader::XApiKey),
    ] {
        assert_eq!(get_data(&emulator, name, &value).await.status, 200);
        assert_eq!(seen(&emulator), CredentialKind::ApiKey { header });
    }
    assert_eq!(violations(&emulator), []);
}

#[tokio::test(start_paused = true)]
async fn wrong_keys_are_refused_in_every_form() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    for wrong in [
        "wrong",
        "",
        " ",
        "a.b.c",
        "..",
        &key[1..],
        &format!("{key}0"),
        &key.to_uppercase(),
        &format!("Basic {key}"),
    ] {
        for (name, value) in [
            ("authorization", wrong.to_owned()),
            ("authorization", format!("Bearer {wrong}")),
            ("x-api-key", wrong.to_owned()),
        ] {
            let answer = get_data(&emulator, name, &value).await;
            assert_eq!(answer.status, 401, "{name}: {value}");
            assert!(matches!(seen(&emulator), CredentialKind::Unknown { .. }));
        }
    }
    let binary = Request::get(DATA).header("authorization", &b"\xff\xfe"[..]);
    assert_eq!(send(&emulator, bodiless(binary)).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn a_token_comes_as_bearer_only() {
    let emulator = Emulator::new();
    let minted = mint_default(&emulator).await;
    let (id, token) = (minted.id, minted.token);
    for (name, value, header, status, broken) in [
        (
            "authorization",
            format!("Bearer {token}"),
            KeyHeader::Bearer,
            200,
            None,
        ),
        (
            "authorization",
            format!("bearer {token}"),
            KeyHeader::Bearer,
            200,
            None,
        ),
        (
            "authorization",
            token.clone(),
            KeyHeader::Authorization,
            401,
            Some(ViolationKind::RawToken),
        ),
        (
            "x-api-key",
            token.clone(),
            KeyHeader::XApiKey,
            401,
            Some(ViolationKind::TokenInApiKeyHeader),
        ),
    ] {
        emulator.clear_records();
        assert_eq!(
            get_data(&emulator, name, &value).await.status,
            status,
            "{name}"
        );
        assert_eq!(
            seen(&emulator),
            CredentialKind::Token {
                id: id.as_str().into(),
                header
            }
        );
        assert_eq!(violations(&emulator), Vec::from_iter(broken));
        assert_eq!(
            emulator
                .violations()
                .first()
                .and_then(|violation| violation.token_id.as_deref()),
            broken.map(|_| id.as_str())
        );
    }
    assert_eq!(emulator.tokens()[0].remaining, 4_998);
}

#[tokio::test(start_paused = true)]
async fn raw_tokens_can_be_let_in() {
    let emulator = Emulator::builder().accept_raw_tokens(true).build();
    let token = mint_default(&emulator).await.token;
    assert_eq!(
        get_data(&emulator, "authorization", &token).await.status,
        200
    );
    assert_eq!(get_data(&emulator, "x-api-key", &token).await.status, 401);
    assert_eq!(
        violations(&emulator),
        [ViolationKind::RawToken, ViolationKind::TokenInApiKeyHeader]
    );
}

#[tokio::test(start_paused = true)]
async fn authorization_goes_before_x_api_key() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    for (authorization, api_key, status) in
        [(key.as_str(), "wrong", 200), ("wrong", key.as_str(), 401)]
    {
        emulator.clear_records();
        let request = Request::get(DATA)
            .header("x-api-key", api_key)
            .header("authorization", authorization);
        assert_eq!(send(&emulator, bodiless(request)).await.status, status);
        assert_eq!(violations(&emulator), [ViolationKind::SeveralCredentials]);
    }
}

#[tokio::test(start_paused = true)]
async fn several_values_are_a_violation_and_the_first_counts() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    for name in ["authorization", "x-api-key"] {
        for (first, second, status) in [(key.as_str(), "wrong", 200), ("wrong", key.as_str(), 401)]
        {
            emulator.clear_records();
            let request = Request::get(DATA).header(name, first).header(name, second);
            assert_eq!(send(&emulator, bodiless(request)).await.status, status);
            assert_eq!(violations(&emulator), [ViolationKind::SeveralCredentials]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_can_break_several_rules() {
    let emulator = Emulator::new();
    let token = mint_default(&emulator).await.token;
    emulator.advance(std::time::Duration::from_secs(3_600));
    let request = Request::get(DATA)
        .header("x-api-key", &token)
        .header("x-api-key", &token);
    assert_eq!(send(&emulator, bodiless(request)).await.status, 401);
    assert_eq!(
        violations(&emulator),
        [
            ViolationKind::SeveralCredentials,
            ViolationKind::TokenInApiKeyHeader,
            ViolationKind::ExpiredToken
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn tokens_manage_nothing() {
    let emulator = Emulator::new();
    let minted = mint_default(&emulator).await;
    let bearer = format!("Bearer {}", minted.token);
    for request in [
        Request::post("/api/2/auth/tokens")
            .header("content-type", "application/json")
            .body("{\"count\":1}".to_owned()),
        Request::get("/api/2/auth/tokens").body(String::new()),
        Request::get(format!("/api/2/auth/token?token={}", minted.token)).body(String::new()),
        Request::delete(format!("/api/2/auth/tokens/{}", minted.id)).body(String::new()),
    ] {
        let mut request = request.expect("the request is valid");
        request
            .headers_mut()
            .insert("authorization", bearer.parse().expect("the value is valid"));
        let answer = send(&emulator, request).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (403, &json!("Forbidden"))
        );
    }
    assert_eq!(emulator.tokens().len(), 1);
    assert_eq!(use_token(&emulator, &minted.token).await.status, 200);
    // a dead one is refused as dead
    assert!(emulator.revoke_token(&minted.id));
    assert_eq!(list(&emulator, &bearer).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_credential() {
    for (keyless, data, management) in [
        (Keyless::Unauthorized, 401, 401),
        (Keyless::RateLimited, 429, 429),
        (Keyless::Demo, 200, 401),
    ] {
        let emulator = Emulator::builder().keyless(keyless).build();
        assert_eq!(
            send(&emulator, bodiless(Request::get(DATA))).await.status,
            data,
            "{keyless:?}"
        );
        assert_eq!(
            send(&emulator, bodiless(Request::get("/api/2/auth/tokens")))
                .await
                .status,
            management,
            "{keyless:?}"
        );
        assert_eq!(seen(&emulator), CredentialKind::None);
        // a wrong credential is not the same as none
        assert_eq!(
            get_data(&emulator, "authorization", "wrong").await.status,
            401,
            "{keyless:?}"
        );
        assert_eq!(create(&emulator, &json!({ "count": 1 })).await.status, 200);
    }
}
