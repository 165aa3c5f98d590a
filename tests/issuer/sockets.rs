//! The same crowd over real connections, in real time: each waits for two seconds at most.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mobula_auth::emulator::Emulator;
use mobula_auth::issuer::TokenIssuer;
use mobula_auth::{ApiKey, TokenClient};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::world::by_header;

const CONNECTIONS: usize = 40;
const SUBJECTS: usize = 10_000;

async fn connect(address: &str) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

/// Status, `error`, `Retry-After`, and the token.
type Told = (u16, String, Option<u64>, Option<String>);

async fn ask(mut sender: SendRequest<Full<Bytes>>, number: usize) -> Told {
    let request = Request::post("http://issuer.example.com/token");
    let request = request.header("x-user", format!("user {number}"));
    sender.ready().await.unwrap();
    let answer = sender
        .send_request(request.body(Full::default()).unwrap())
        .await
        .unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let json: Value = serde_json::from_slice(&body).unwrap();
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    let retry_after = head.headers.get("retry-after");
    (
        head.status.as_u16(),
        text("error").unwrap_or_default(),
        retry_after.map(|value| value.to_str().unwrap().parse().unwrap()),
        text("token"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u4_ten_thousand_over_sockets_get_a_token_or_an_honest_answer() {
    let emulator = Emulator::new();
    let mobula = emulator.serve().await.unwrap();
    let http_client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let tokens = TokenClient::new(http_client, key);
    let issuer = TokenIssuer::builder(tokens.base_url(mobula.url()).unwrap(), by_header)
        .max_wait(Duration::from_secs(2))
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let app = Router::new().route_service("/token", issuer.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(connect(&address).await);
    }
    let mut tasks = JoinSet::new();
    for number in 0..SUBJECTS {
        tasks.spawn(ask(connections[number % CONNECTIONS].clone(), number));
    }
    let (mut tokens, mut refused) = (HashSet::new(), BTreeMap::new());
    for (status, error, retry_after, token) in tasks.join_all().await {
        if status == StatusCode::OK {
            assert!(tokens.insert(token.unwrap()), "a token was given twice");
            continue;
        }
        assert!(matches!(status, 429 | 503), "{status} {error}");
        assert!(retry_after.is_some_and(|seconds| (1..=600).contains(&seconds)));
        *refused.entry((status, error)).or_insert(0) += 1;
    }
    println!("{} tokens, {refused:?}", tokens.len());
    let counts = emulator.counts();
    let creates = counts.create;
    assert_eq!(tokens.len() as u64, counts.tokens, "none is left over");
    assert!(tokens.len() >= 75);
    assert!(creates.received <= 5, "{creates:?}");
    assert_eq!(counts.violations, 0);
    assert_eq!(issuer.status().waiting, 0);
}
