//! Paths and methods that there are, and that there are not.

use http::{Method, Request};
use mobula_auth::emulator::{Emulator, Endpoint};

use super::client::{bodiless, send};

#[tokio::test(start_paused = true)]
async fn each_request_finds_its_endpoint() {
    let wrong = |allow: &'static str| (405, None, Some(allow));
    let unknown = (404, None, None);
    let data = (200, Some(Endpoint::Data), None);
    for (method, uri, (status, endpoint, allow)) in [
        (
            Method::POST,
            "/api/2/auth/tokens",
            (400, Some(Endpoint::Create), None),
        ),
        (
            Method::GET,
            "/api/2/auth/tokens",
            (200, Some(Endpoint::List), None),
        ),
        (
            Method::GET,
            "/api/2/auth/tokens?x=1",
            (200, Some(Endpoint::List), None),
        ),
        (
            Method::GET,
            "https://api.mobula.io/api/2/auth/tokens",
            (200, Some(Endpoint::List), None),
        ),
        (
            Method::GET,
            "/api/2/auth/token",
            (400, Some(Endpoint::Inspect), None),
        ),
        (
            Method::DELETE,
            "/api/2/auth/tokens/x",
            (404, Some(Endpoint::Revoke), None),
        ),
        (Method::DELETE, "/api/2/auth/tokens", wrong("GET, POST")),
        (Method::PUT, "/api/2/auth/tokens", wrong("GET, POST")),
        (Method::HEAD, "/api/2/auth/tokens", wrong("GET, POST")),
        (Method::POST, "/api/2/auth/token", wrong("GET")),
        (Method::GET, "/api/2/auth/tokens/x", wrong("DELETE")),
        (Method::POST, "/api/2/auth/tokens/x", wrong("DELETE")),
        (Method::DELETE, "/api/2/auth/token/x", unknown),
        (Method::DELETE, "/api/2/auth/tokens/", unknown),
        (Method::DELETE, "/api/2/auth/tokens/x/y", unknown),
        (Method::GET, "/api/2/auth/", unknown),
        (Method::GET, "/api/2/auth/other", unknown),
        (Method::GET, "/api/2/Auth/tokens", data),
        (Method::GET, "/api/1/auth/tokens", data),
        (Method::GET, "/api/1/market/data", data),
        (Method::POST, "/api/1/market/multi-data", data),
        (Method::GET, "/api/2/wallet/positions", data),
        (Method::GET, "http://localhost:1/api/1/x", data),
        (Method::GET, "/api/1/", unknown),
        (Method::GET, "/api/2", unknown),
        (Method::GET, "/api/3/market/data", unknown),
        (Method::GET, "/", unknown),
        (Method::OPTIONS, "*", unknown),
    ] {
        let emulator = Emulator::new();
        let request = Request::builder()
            .method(&method)
            .uri(uri)
            .header("authorization", emulator.api_key());
        let answer = send(&emulator, bodiless(request)).await;
        assert_eq!(answer.status, status, "{method} {uri}");
        assert_eq!(answer.header("allow"), allow, "{method} {uri}");
        assert_eq!(emulator.requests()[0].endpoint, endpoint, "{method} {uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_carries_the_service_headers() {
    let emulator = Emulator::new();
    for (uri, cost, remaining) in [
        ("/api/1/market/data", "1", "1249999"),
        ("/api/2/auth/tokens", "0", "1249999"),
        ("/nowhere", "0", "1249999"),
        ("/api/1/all", "1", "1249998"),
    ] {
        let answer = send(
            &emulator,
            bodiless(Request::get(uri).header("authorization", emulator.api_key())),
        )
        .await;
        assert_eq!(answer.header("x-ratelimit-cost"), Some(cost));
        assert_eq!(answer.header("x-ratelimit-limit"), Some("1250000"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
        assert_eq!(answer.header("server"), Some("mobula-auth-emulator"));
        assert!(answer.header("date").is_some());
    }
    let refused = send(&emulator, bodiless(Request::get("/api/1/all"))).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("x-ratelimit-cost"), Some("0"));
    assert_eq!(refused.header("x-ratelimit-limit"), Some("10000"));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("10000"));
}

#[tokio::test(start_paused = true)]
async fn answers_to_head_have_no_body() {
    let emulator = Emulator::new();
    for uri in ["/api/1/market/data", "/nowhere"] {
        let request = Request::head(uri).header("authorization", emulator.api_key());
        assert_eq!(send(&emulator, bodiless(request)).await.body, "");
    }
}
