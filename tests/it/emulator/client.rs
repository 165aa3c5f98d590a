//! The smallest client: builds requests, and reads answers whole.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request::Builder};
use http_body_util::BodyExt;
use mobula_auth::emulator::{Body, ConnectionLost, Emulator, ViolationKind};
use serde_json::{Value, json};
use tower::ServiceExt;

pub(super) const TOKENS: &str = "/api/2/auth/tokens";
/// The body of a create request for one token.
pub(super) const ONE: &str = r#"{"count":1}"#;
pub(super) const DATA: &str = "/api/1/market/data?asset=bitcoin";

/// An answer that was read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("the header is ASCII"))
    }

    pub(super) fn message(&self) -> String {
        self.json()["message"]
            .as_str()
            .expect("the error has a message")
            .to_owned()
    }
}

/// One token as create returned it.
#[derive(Debug)]
pub(super) struct Minted {
    pub(super) id: String,
    pub(super) token: String,
}

pub(super) async fn call(
    emulator: &Emulator,
    request: Request<String>,
) -> Result<Response<Body>, ConnectionLost> {
    emulator.clone().oneshot(request).await
}

pub(super) async fn send(emulator: &Emulator, request: Request<String>) -> Answer {
    let (parts, body) = call(emulator, request)
        .await
        .expect("no fault was asked for")
        .into_parts();
    let body = body.collect().await.expect("the body is whole").to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    }
}

pub(super) fn bodiless(request: Builder) -> Request<String> {
    request.body(String::new()).expect("the request is valid")
}

pub(super) fn create_request(key: &str, body: &str) -> Request<String> {
    Request::post(TOKENS)
        .header("authorization", key)
        .header("content-type", "application/json")
        .body(body.to_owned())
        .expect("the request is valid")
}

pub(super) async fn create(emulator: &Emulator, body: &Value) -> Answer {
    create_text(emulator, &body.to_string()).await
}

pub(super) async fn create_text(emulator: &Emulator, body: &str) -> Answer {
    send(emulator, create_request(&emulator.api_key(), body)).await
}

pub(super) fn minted(answer: &Answer) -> Vec<Minted> {
    assert_eq!(answer.status, 200);
    let json = answer.json();
    let tokens = json["createApiTokens"]
        .as_array()
        .expect("it lists the tokens");
    tokens
        .iter()
        .map(|token| Minted {
            id: string(&token["id"]),
            token: string(&token["token"]),
        })
        .collect()
}

pub(super) async fn mint(emulator: &Emulator, body: &Value) -> Minted {
    minted(&create(emulator, body).await)
        .pop()
        .expect("it made a token")
}

pub(super) async fn mint_default(emulator: &Emulator) -> Minted {
    mint(emulator, &json!({ "count": 1 })).await
}

pub(super) fn data_request(emulator: &Emulator) -> Request<String> {
    bodiless(Request::get(DATA).header("authorization", emulator.api_key()))
}

pub(super) async fn get_data(emulator: &Emulator, header: &str, value: &str) -> Answer {
    send(emulator, bodiless(Request::get(DATA).header(header, value))).await
}

pub(super) async fn use_token(emulator: &Emulator, token: &str) -> Answer {
    get_data(emulator, "authorization", &format!("Bearer {token}")).await
}

pub(super) async fn list(emulator: &Emulator, key: &str) -> Answer {
    send(
        emulator,
        bodiless(Request::get(TOKENS).header("authorization", key)),
    )
    .await
}

pub(super) async fn inspect(emulator: &Emulator, key: &str, token: &str) -> Answer {
    let uri = format!("/api/2/auth/token?token={token}");
    send(
        emulator,
        bodiless(Request::get(uri).header("authorization", key)),
    )
    .await
}

pub(super) async fn revoke(emulator: &Emulator, key: &str, id: &str) -> Answer {
    send(
        emulator,
        bodiless(Request::delete(format!("{TOKENS}/{id}")).header("authorization", key)),
    )
    .await
}

pub(super) fn violations(emulator: &Emulator) -> Vec<ViolationKind> {
    emulator
        .violations()
        .iter()
        .map(|violation| violation.kind)
        .collect()
}

pub(super) fn string(value: &Value) -> String {
    value.as_str().expect("it is a string").to_owned()
}
