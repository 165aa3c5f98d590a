//! The issuer: who gets a token, when, and what everybody else is told.

mod bad_requests;
mod cors;
mod failures;
mod hand_out;
mod issued_tokens;
mod limits;
mod mint;
mod revocation;
mod sockets;
mod waiting;

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use mobula_auth::emulator::Emulator;
use mobula_auth::issuer::{Grant, Refusal, TokenIssuer, TokenIssuerBuilder};
use mobula_auth::{ApiKey, TokenClient};
use serde_json::Value;
use tower::ServiceExt;

/// The hook of these tests: whom `x-user` names is known, and may have what `x-lifetime` says.
async fn by_header(head: Parts) -> Result<Grant, Refusal> {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let user = text("x-user").ok_or_else(Refusal::unauthenticated)?;
    if user == "banned" {
        return Err(Refusal::forbidden());
    }
    let grant = Grant::new(user)?;
    match text("x-lifetime") {
        Some(text) => Ok(grant.lifetime(seconds(text.parse().unwrap()))?),
        None => Ok(grant),
    }
}

fn builder(emulator: &Emulator) -> TokenIssuerBuilder {
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let tokens = TokenClient::new(emulator.clone(), key);
    TokenIssuer::builder(tokens, by_header).jitter_seed(1)
}

fn issuer(emulator: &Emulator) -> TokenIssuer {
    builder(emulator).build().unwrap()
}

#[derive(Debug, Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    json: Value,
}

impl Answer {
    fn token(&self) -> &str {
        self.json["token"].as_str().unwrap()
    }

    fn id(&self) -> &str {
        self.json["id"].as_str().unwrap()
    }

    fn error(&self) -> &str {
        self.json["error"].as_str().unwrap_or_default()
    }

    fn retry_after(&self) -> Option<u64> {
        let value = self.headers.get("retry-after")?;
        Some(value.to_str().unwrap().parse().unwrap())
    }
}

fn post(user: &str) -> Request<Full<Bytes>> {
    request("POST", user, "")
}

fn request(method: &str, user: &str, body: &str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri("/token");
    let request = request.header("x-user", user);
    let request = if body.is_empty() {
        request
    } else {
        request.header("content-type", "application/json")
    };
    request.body(Full::from(body.to_owned())).unwrap()
}

async fn send(issuer: &TokenIssuer, request: Request<Full<Bytes>>) -> Answer {
    let Ok(answer) = issuer.clone().oneshot(request).await;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: head.status,
        headers: head.headers,
        json: serde_json::from_slice(&body).unwrap(),
    }
}

async fn ask(issuer: &TokenIssuer, user: &str) -> Answer {
    send(issuer, post(user)).await
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
