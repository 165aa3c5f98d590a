//! The issuer as users mount it: in axum and in hyper, over real sockets.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use mobula_auth::emulator::Emulator;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::bad_requests::assert_safe;
use super::mint::{Mint, Turn};
use super::{issuer, seconds};
use crate::canaries::Canaries;

/// Serves an axum app on loopback and gives its URL.
pub(super) async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

async fn ask(url: &str, user: &str) -> (StatusCode, http::HeaderMap, Value) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = Request::post(format!("{url}/token")).header("x-user", user);
    let answer = client
        .request(request.body(Full::default()).unwrap())
        .await
        .unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (
        head.status,
        head.headers,
        serde_json::from_slice(&body).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axum_mounts_it_and_eighty_browsers_share_nothing() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    let http_client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let key = mobula_auth::ApiKey::new(emulator.api_key()).unwrap();
    let tokens = mobula_auth::TokenClient::new(http_client, key);
    let tokens = tokens.base_url(server.url()).unwrap();
    let issuer = mobula_auth::issuer::TokenIssuer::new(tokens, super::by_header);
    let url = serve(Router::new().route_service("/token", issuer)).await;
    let mut tasks = JoinSet::new();
    for number in 0..80 {
        let url = url.clone();
        tasks.spawn(async move { ask(&url, &format!("user {number}")).await });
    }
    let mut tokens = HashSet::new();
    for (status, headers, json) in tasks.join_all().await {
        assert_eq!(status, StatusCode::OK);
        assert_safe(&headers);
        assert!(tokens.insert(json["token"].as_str().unwrap().to_owned()));
    }
    assert_eq!(tokens.len(), 80);
    assert!(emulator.counts().create.received <= 4);
    assert_eq!(emulator.counts().violations, 0);
}

#[tokio::test]
async fn hyper_serves_it() {
    let emulator = Emulator::new();
    let issuer = issuer(&emulator);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(issuer.clone());
            let server = auto::Builder::new(TokioExecutor::new());
            tokio::spawn(async move {
                let connection = server.serve_connection(TokioIo::new(stream), service);
                // A client that hangs up is no failure of the test.
                let _ = connection.await;
            });
        }
    });
    let (status, headers, json) = ask(&url, "ann").await;
    assert_eq!(status, StatusCode::OK);
    assert!(json["token"].as_str().unwrap().starts_with("ey"));
    assert_safe(&headers);
    assert_eq!(ask(&url, "banned").await.0, StatusCode::FORBIDDEN);
}

/// V8: in all that a caller can make the issuer say, over the wire, to the byte, the key is not.
#[tokio::test]
async fn v8_the_key_never_appears() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    let canaries = Canaries::new([key.as_str()]);
    let url = serve(Router::new().route_service("/token", issuer(&emulator))).await;
    let address = url.strip_prefix("http://").unwrap().to_owned();
    let said = Arc::new(Mutex::new(String::new()));
    let mut failures = 0;
    for plan in [
        mobula_auth::emulator::Plan::Growth,
        mobula_auth::emulator::Plan::Free,
    ] {
        assert!(emulator.set_plan(&key, plan));
        for request in [
            "POST /token HTTP/1.1\r\nhost: x\r\nx-user: ann\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "POST /token HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "DELETE /token HTTP/1.1\r\nhost: x\r\nx-user: ann\r\nconnection: close\r\n\r\n",
            "GET /token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            "POST /token HTTP/1.1\r\nhost: x\r\nx-user: ann\r\ncontent-type: application/json\r\n\
             content-length: 2\r\nconnection: close\r\n\r\n[]",
            "POST /token HTTP/1.1\r\nhost: x\r\nx-user: dan\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\nconnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "POST /token HTTP/1.1\r\nhost: x\r\nx-user: dan\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\nconnection: close\r\n\r\nnonsense",
        ] {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
            failures += usize::from(!answer.starts_with("HTTP/1.1 200"));
            said.lock().unwrap().push_str(&answer);
        }
    }
    assert!(failures >= 7, "{failures}");
    canaries.assert_absent("an answer", &said.lock().unwrap());
}

/// R4: a browser that navigates away while it waits takes no token with it.
#[tokio::test]
async fn r4_a_connection_that_closes_while_it_waits_loses_no_token() {
    let mint = Mint::default()
        .with_latency(std::time::Duration::from_millis(200))
        .with_script([Turn::GiveOnly(1)]);
    let issuer = mint.builder().capacity(0).build().unwrap();
    let url = serve(Router::new().route_service("/token", issuer.clone())).await;
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let request = "POST /token HTTP/1.1\r\nhost: x\r\nx-user: eve\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    while issuer.status().waiting == 0 {
        tokio::task::yield_now().await;
    }
    drop(stream);
    while issuer.status().waiting == 1 {
        tokio::task::yield_now().await;
    }
    let (_, _, json) = tokio::time::timeout(seconds(20), ask(&url, "ann"))
        .await
        .unwrap();
    assert_eq!(json["token"], "token-0");
    assert_eq!(mint.creates().len(), 1);
}
