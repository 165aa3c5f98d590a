//! U3: pages of other origins, with tower-http's CORS layer around the issuer, over real sockets.

use axum::Router;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::Emulator;
use tower::ServiceBuilder;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::bad_requests::assert_safe;
use super::builder;
use super::sockets::serve;

const APP: &str = "https://app.example.com";

/// The emulated Mobula, and the URL of an issuer whose pages are at `APP`.
async fn start() -> (Emulator, String) {
    let emulator = Emulator::new();
    let issuer = builder(&emulator).allowed_origins([APP]).build().unwrap();
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list([APP.parse().unwrap()]))
        .allow_methods([Method::POST, Method::DELETE])
        .allow_headers([header::CONTENT_TYPE, header::AUTHORIZATION])
        .allow_credentials(true);
    let issuer = ServiceBuilder::new().layer(cors).service(issuer);
    let url = serve(Router::new().route_service("/token", issuer)).await;
    (emulator, url)
}

async fn send(method: &str, url: &str, headers: &[(&str, &str)]) -> Response<Incoming> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{url}/token"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    client
        .request(request.body(Full::default()).unwrap())
        .await
        .unwrap()
}

fn header<'a>(answer: &'a Response<Incoming>, name: &str) -> Option<&'a str> {
    answer
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn u3_a_listed_page_may_ask_and_read_the_answer() {
    let (emulator, url) = start().await;
    let preflight = send(
        "OPTIONS",
        &url,
        &[
            ("origin", APP),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type"),
        ],
    )
    .await;
    assert_eq!(preflight.status(), StatusCode::OK);
    assert_eq!(header(&preflight, "access-control-allow-origin"), Some(APP));
    assert_eq!(
        header(&preflight, "access-control-allow-credentials"),
        Some("true")
    );
    assert_eq!(
        header(&preflight, "access-control-allow-methods"),
        Some("POST,DELETE")
    );
    assert_eq!(emulator.counts().requests(), 0);
    let asked = [
        ("origin", APP),
        ("sec-fetch-site", "cross-site"),
        ("x-user", "ann"),
    ];
    for method in ["POST", "DELETE"] {
        let answer = send(method, &url, &asked).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(header(&answer, "access-control-allow-origin"), Some(APP));
        assert_safe(answer.headers());
    }
    // What goes wrong can be read by the page too.
    let refused = send("POST", &url, &asked[..2]).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&refused, "access-control-allow-origin"), Some(APP));
    assert_safe(refused.headers());
}

/// No reflection: what is not listed is told nothing, in the preflight and in the answer alike, and mints nothing.
#[tokio::test]
async fn u3_no_other_page_may() {
    let (emulator, url) = start().await;
    for origin in [
        "null",
        "https://evil.example",
        "https://app.example.com.evil.example",
        "https://app.example.com:443",
        "http://app.example.com",
        "https://APP.example.com",
    ] {
        let preflight = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
        ];
        let preflight = send("OPTIONS", &url, &preflight).await;
        assert_eq!(
            header(&preflight, "access-control-allow-origin"),
            None,
            "{origin}"
        );
        let answer = send("POST", &url, &[("origin", origin), ("x-user", "ann")]).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{origin}");
        assert_eq!(header(&answer, "access-control-allow-origin"), None);
        assert_safe(answer.headers());
    }
    assert_eq!(emulator.counts().requests(), 0);
}

/// The cookies of a visitor come along with what a form or a script of another site sends. It mints nothing.
#[tokio::test]
async fn u3_a_cross_site_form_cannot_mint() {
    let (emulator, url) = start().await;
    let evil = ("origin", "https://evil.example");
    for (content_type, expected) in [
        (
            "application/x-www-form-urlencoded",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            "multipart/form-data; boundary=x",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        ("text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("application/json", StatusCode::OK),
    ] {
        let form = [("content-type", content_type), ("x-user", "ann")];
        let of_an_old_browser = send("POST", &url, &form).await;
        assert_eq!(of_an_old_browser.status(), expected, "{content_type}");
        let today = send("POST", &url, &[form[0], form[1], evil]).await;
        assert_eq!(today.status(), StatusCode::FORBIDDEN, "{content_type}");
        let site = ("sec-fetch-site", "cross-site");
        let without_origin = send("POST", &url, &[form[0], form[1], site]).await;
        assert_eq!(
            without_origin.status(),
            StatusCode::FORBIDDEN,
            "{content_type}"
        );
    }
    assert_eq!(
        emulator.counts().create.received,
        1,
        "the one that was no form"
    );
}
