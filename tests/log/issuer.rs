//! All that an issuer does, behind a socket, for a browser and for a worker with a credential of their own.

use axum::Router;
use bytes::Bytes;
use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::{Emulator, Endpoint, Fault, Plan};
use mobula_auth::issuer::{Grant, IssuedTokens, Refusal, TokenIssuer};
use mobula_auth::{ApiKey, CreateTokens, TokenClient, TokenSource};
use serde_json::Value;
use tokio::net::TcpListener;
use tower::util::MapRequestLayer;
use tower::{Layer, ServiceExt};
use tower_http::trace::TraceLayer;

const SESSION: &str = "session=5e5510n-0f-4nn-wh1ch-n0b0dy-l0gs";

/// V11: whoever chooses a name writes no line of the log.
const SUBJECT: &str = "ann\nERROR forged";

/// Runs it all, and gives the secrets that took part.
pub(crate) async fn everything() -> Vec<String> {
    let emulator = Emulator::new();
    let mobula = emulator.serve().await.unwrap();
    let http_client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let tokens = TokenClient::new(http_client.clone(), key);
    let hook = async |head: Parts| {
        let cookie = head
            .headers
            .get(COOKIE)
            .ok_or_else(Refusal::unauthenticated)?;
        assert_eq!(cookie, SESSION);
        Ok(Grant::new(SUBJECT)?)
    };
    let issuer = TokenIssuer::new(tokens.base_url(mobula.url()).unwrap(), hook);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let app = Router::new().route_service("/token", issuer.clone());
    let app = app.layer(TraceLayer::new_for_http());
    tokio::spawn(axum::serve(listener, app).into_future());

    let mut secrets = vec![emulator.api_key(), SESSION.to_owned()];
    let with_cookie = MapRequestLayer::new(|mut request: Request<Full<Bytes>>| {
        let cookie = HeaderValue::from_static(SESSION);
        request.headers_mut().insert(COOKIE, cookie);
        request
    });
    let worker = IssuedTokens::new(with_cookie.layer(http_client.clone()), &url).unwrap();
    for _ in 0..3 {
        let token = worker
            .create(CreateTokens::default())
            .await
            .unwrap()
            .remove(0);
        secrets.push(token.expose_secret().to_owned());
        worker.revoke(token).await.unwrap();
    }
    let ask = async |method: &str, cookie: Option<&str>| {
        let mut request = Request::builder().method(method).uri(&url);
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        let request = request.body(Full::default()).unwrap();
        let (head, body) = http_client
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, serde_json::from_slice::<Value>(&body).unwrap())
    };
    assert_eq!(ask("POST", None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(
        ask("GET", Some(SESSION)).await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
    let (_, told) = ask("POST", Some(SESSION)).await;
    secrets.push(told["token"].as_str().unwrap().to_owned());
    emulator.fault(Fault::status(StatusCode::SERVICE_UNAVAILABLE).on(Endpoint::Revoke));
    assert_eq!(issuer.revoke_subject(SUBJECT).await.left, 1);
    assert_eq!(issuer.revoke_subject(SUBJECT).await.revoked, 1);

    assert!(emulator.set_plan(&emulator.api_key(), Plan::Free));
    while ask("POST", Some(SESSION)).await.0 == StatusCode::OK {}
    issuer.shutdown().await;
    secrets
}
