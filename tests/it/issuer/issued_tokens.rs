//! The client's half: a worker without the key.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::middleware::{Next, from_fn};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::Emulator;
use mobula_auth::issuer::{FromExtensions, Grant, IssuedTokens, TokenIssuer};
use mobula_auth::{
    ApiKey, ApiToken, AutoRefreshingToken, CreateTokens, Error, ReplayRejected, TokenClient,
    TokenSource,
};
use tower::retry::RetryLayer;
use tower::util::MapRequestLayer;
use tower::{Layer, ServiceBuilder, ServiceExt};

use super::seconds;
use super::sockets::serve;
use crate::canaries::Canaries;

/// What the backend's own layer makes of the worker's credential.
#[derive(Clone)]
struct Worker(&'static str);

/// A worker runs on tokens of a backend, over a socket, with a credential of its own that the backend checks. It keeps its
/// tokens fresh, replaces one that was revoked, gives them back at the end, and never sees the key.
#[tokio::test]
async fn a_worker_runs_on_issued_tokens_and_never_sees_the_key() {
    let emulator = Emulator::new();
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let canaries = Canaries::new([key.expose_secret()]);
    let seen = Arc::new(Mutex::new(String::new()));

    let hook = FromExtensions::new(|worker: &Worker| Ok(Grant::new(worker.0)?));
    let issuer = TokenIssuer::new(TokenClient::new(emulator.clone(), key), hook);
    let who = async |mut request: axum::extract::Request, next: Next| {
        if request.headers().get("authorization")
            == Some(&HeaderValue::from_static("Basic d29ya2Vy"))
        {
            request.extensions_mut().insert(Worker("worker"));
        }
        next.run(request).await
    };
    let app = Router::new()
        .route_service("/token", issuer.clone())
        .layer(from_fn(who));
    let url = serve(app).await + "/token";

    let http_client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let anonymous = IssuedTokens::new(http_client.clone(), &url).unwrap();
    let error = anonymous.create(CreateTokens::default()).await.unwrap_err();
    assert!(error.is_rejected(), "{error}");
    let said = format!("{error} {error:?} {anonymous:?}");
    seen.lock().unwrap().push_str(&said);

    let credential = MapRequestLayer::new(|mut request: Request<Full<Bytes>>| {
        let mut secret = HeaderValue::from_static("Basic d29ya2Vy");
        secret.set_sensitive(true);
        request.headers_mut().insert("authorization", secret);
        request
    });
    let tokens = IssuedTokens::new(credential.layer(http_client), &url).unwrap();
    let auth = AutoRefreshingToken::builder(tokens)
        .standby(0)
        .build()
        .unwrap();
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(ReplayRejected::default()))
        .layer(auth.clone())
        .service(emulator.clone());
    let data = async || {
        let request = Request::get("https://api.mobula.io/api/1/market/data?asset=bitcoin");
        let request = request.body(Full::<Bytes>::default()).unwrap();
        client.clone().oneshot(request).await.unwrap().status()
    };
    for _ in 0..50 {
        assert_eq!(data().await, StatusCode::OK);
    }
    assert_eq!(issuer.status().live, 1);
    let lease = auth.lease().await.unwrap();
    seen.lock().unwrap().push_str(lease.token().expose_secret());
    let first = lease.token().id().unwrap().to_owned();
    assert!(emulator.revoke_token(&first));
    assert_eq!(data().await, StatusCode::OK, "after one more try");
    let second = auth.lease().await.unwrap().token().id().unwrap().to_owned();
    assert_ne!(first, second);
    let report = auth.shutdown().await;
    assert_eq!(report.left, 0, "given back");
    let revoked = |id: &str| {
        emulator
            .tokens()
            .iter()
            .any(|it| *it.id == *id && it.revoked)
    };
    assert!(revoked(&second));
    assert_eq!(emulator.counts().create.received, 1);
    canaries.assert_absent("what the worker saw", &seen.lock().unwrap());
}

fn answering(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> IssuedTokens<
    impl tower::Service<
        Request<Full<Bytes>>,
        Response = Response<Full<Bytes>>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + 'static,
> {
    let service = tower::service_fn(move |_: Request<Full<Bytes>>| async move {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        Ok::<_, Infallible>(answer.body(Full::from(body)).unwrap())
    });
    IssuedTokens::new(service, "https://backend.example.com/token").unwrap()
}

async fn create(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> Result<ApiToken, Error> {
    let source = answering(status, headers, body);
    let mut tokens = source.create(CreateTokens::default()).await?;
    assert_eq!(tokens.len(), 1);
    Ok(tokens.remove(0))
}

#[tokio::test(start_paused = true)]
async fn what_is_told_of_a_token_is_read() {
    let body = r#"{"token":"eyJ0.e30.c2ln","id":"7","expiresAt":"2025-03-10T12:00:00.000Z","expiresIn":250000,"requestLimit":1000}"#;
    let token = create(200, &[("content-type", "application/json")], body)
        .await
        .unwrap();
    assert_eq!(token.expose_secret(), "eyJ0.e30.c2ln");
    assert_eq!(token.id(), Some("7"));
    assert_eq!(token.lifetime(), Some(seconds(250)));
    assert_eq!(token.request_limit(), Some(1_000));
    let at = std::time::SystemTime::UNIX_EPOCH + seconds(1_741_608_000);
    assert_eq!(token.expires_at(), Some(at));
    let least = create(200, &[], r#"{"token":"t","expiresIn":60000,"id":null}"#)
        .await
        .unwrap();
    assert_eq!(
        (least.id(), least.request_limit(), least.expires_at()),
        (None, None, None)
    );
}

/// N6: an answer that cannot be used is a failure that may pass, and never a token without an end.
#[tokio::test(start_paused = true)]
async fn n6_nonsense_is_no_token() {
    for body in [
        "",
        "{",
        "null",
        "[]",
        r#"{"token":"t"}"#,
        r#"{"token":"t","expiresIn":"soon"}"#,
        r#"{"token":"t","expiresIn":-1}"#,
        r#"{"token":"","expiresIn":1}"#,
        r#"{"token":"two words","expiresIn":1}"#,
        r#"{"token":7,"expiresIn":1}"#,
        "<html>sign in</html>",
    ] {
        let error = create(200, &[], body).await.unwrap_err();
        assert!(error.is_transient(), "{body}: {error}");
        assert!(!error.to_string().contains("words"), "{error}");
    }
    let page = create(
        200,
        &[("content-type", "text/html")],
        r#"{"token":"t","expiresIn":1}"#,
    )
    .await;
    assert!(page.unwrap_err().is_transient());
}

#[tokio::test(start_paused = true)]
async fn each_status_has_its_remedy() {
    const RETRY: &[(&str, &str)] = &[("retry-after", "7")];
    let body = r#"{"error":"code","message":"these words and eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl"}"#;
    for status in [
        301, 400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 502, 503, 599,
    ] {
        let error = create(status, RETRY, body).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(error.is_rejected(), status == 401, "{text}");
        assert_eq!(error.is_rate_limited(), status == 429, "{text}");
        assert_eq!(error.is_not_found(), status == 404, "{text}");
        let passes = status >= 500 || [301, 408].contains(&status);
        assert_eq!(error.is_transient(), passes, "{text}");
        let told = (passes || status == 429).then_some(seconds(7));
        assert_eq!(error.retry_after(), told, "{text}");
        assert!(
            text.contains("these words") && !text.contains("eyJhbGci"),
            "{text}"
        );
    }
    let revoked = answering(404, &[], "{}")
        .revoke(ApiToken::new("t").unwrap().with_id("7"))
        .await;
    assert!(revoked.unwrap_err().is_not_found());
    let unnamed = answering(500, &[], "{}")
        .revoke(ApiToken::new("t").unwrap())
        .await;
    assert!(unnamed.is_ok(), "there is nothing to revoke by");
}

#[test]
fn an_endpoint_is_https_or_loopback() {
    for (ok, url) in [
        (true, "https://backend.example.com/token"),
        (true, "https://backend.example.com:8443/a/b?c=d"),
        (true, "http://127.0.0.1:3000/token"),
        (true, "http://localhost/token"),
        (false, "http://backend.example.com/token"),
        (false, "https://user:secret@backend.example.com/token"),
        (false, "ftp://backend.example.com/token"),
        (false, "/token"),
        (false, ""),
        (false, "backend.example.com"),
    ] {
        let made = IssuedTokens::new((), url);
        assert_eq!(made.is_ok(), ok, "{url}");
        if let Err(error) = made {
            assert!(error.is_invalid_configuration());
            assert!(!format!("{error}{error:?}").contains("secret"));
        }
    }
}
