//! Each layer in each client, over loopback sockets: what arrives at the server, byte for byte.

mod axum_gateway;
mod each_layer;
mod hyper_tls;
mod middleware_chain;
mod per_request;
mod readme_table;
mod recorder;
mod replayed_bodies;
mod tower_http_layers;
mod tower_wrappers;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::Empty;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefreshingToken, BearerAuth, CreateTokens, Error, KeyHeader,
};
use tower::{Layer, Service, ServiceExt};

use recorder::{Http2Recorder, RawRecorder, credential_lines};

const KEY: &str = "0af5c1d2-3b4e-4f60-8a7b-9c8d7e6f5a4b";
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjF9.c2lnbmF0dXJl-_";

fn api_key_auth(header: KeyHeader) -> ApiKeyAuth {
    ApiKeyAuth::new(ApiKey::new(KEY).unwrap()).header(header)
}

fn bearer_auth() -> BearerAuth {
    BearerAuth::new(ApiToken::new(TOKEN).unwrap())
}

fn refreshing() -> AutoRefreshingToken {
    AutoRefreshingToken::new(async |_: CreateTokens| Ok::<_, Error>(vec![ApiToken::new(TOKEN)?]))
}

/// What each of the five ways must put on the wire.
fn expected() -> [String; 5] {
    [
        format!("authorization: {KEY}"),
        format!("authorization: Bearer {KEY}"),
        format!("x-api-key: {KEY}"),
        format!("authorization: Bearer {TOKEN}"),
        format!("authorization: Bearer {TOKEN}"),
    ]
}

/// Sends three requests with each layer around clones of a client, and calls `arrived` after each.
async fn through_each_layer<S, R>(client: S, request: impl Fn() -> R, arrived: impl Fn(&str))
where
    S: Service<R> + Clone,
    S::Error: Into<tower::BoxError> + std::fmt::Debug,
    S::Response: mobula_auth::HttpResponse,
    R: mobula_auth::HttpRequest,
{
    async fn three_times<S, R>(
        mut stack: S,
        request: &impl Fn() -> R,
        arrived: &impl Fn(&str),
        expected: &str,
    ) where
        S: Service<R>,
        S::Error: std::fmt::Debug,
    {
        for _ in 0..3 {
            stack.ready().await.unwrap().call(request()).await.unwrap();
            arrived(expected);
        }
    }
    let [raw, bearer_key, x_api_key, token, refreshed] = expected();
    let with_key = |header| api_key_auth(header).pinned_origin().layer(client.clone());
    let with_token = bearer_auth().pinned_origin().layer(client.clone());
    three_times(with_key(KeyHeader::Authorization), &request, &arrived, &raw).await;
    three_times(
        with_key(KeyHeader::AuthorizationBearer),
        &request,
        &arrived,
        &bearer_key,
    )
    .await;
    three_times(with_key(KeyHeader::XApiKey), &request, &arrived, &x_api_key).await;
    three_times(with_token, &request, &arrived, &token).await;
    three_times(
        refreshing().layer(client.clone()),
        &request,
        &arrived,
        &refreshed,
    )
    .await;
}

fn hyper_client(http2: bool) -> HyperClient<HttpConnector, Empty<Bytes>> {
    HyperClient::builder(TokioExecutor::new())
        .http2_only(http2)
        .build_http()
}

/// A request that holds wrong credentials already: two of one header, and the sibling.
fn http_request(uri: &str) -> Request<Empty<Bytes>> {
    let mut request = Request::get(uri).body(Empty::new()).unwrap();
    for (name, value) in [
        ("authorization", "stale"),
        ("authorization", "staler"),
        ("x-api-key", "old"),
    ] {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

fn reqwest_request(url: &str) -> reqwest::Request {
    let mut request = reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap());
    *request.headers_mut() = http_request("/").headers().clone();
    request
}

#[tokio::test]
async fn hyper_over_http1() {
    let server = RawRecorder::start().await;
    let uri = format!("{}/api/1/market/data?asset=bitcoin", server.url());
    through_each_layer(
        hyper_client(false),
        || http_request(&uri),
        |line| assert_eq!(server.credential_lines(), [line]),
    )
    .await;
    assert_eq!(server.heads().len(), 15);
}

#[tokio::test]
async fn hyper_over_http2() {
    let server = Http2Recorder::start().await;
    let uri = format!("{}/api/1/market/data", server.url());
    through_each_layer(
        hyper_client(true),
        || http_request(&uri),
        |line| assert_eq!(server.credential_lines(), [line]),
    )
    .await;
}

#[tokio::test]
async fn reqwest_over_http1() {
    let server = RawRecorder::start().await;
    let url = format!("{}/api/1/market/data", server.url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    through_each_layer(
        client,
        || reqwest_request(&url),
        |line| assert_eq!(server.credential_lines(), [line]),
    )
    .await;
}

#[tokio::test]
async fn reqwest_over_http2() {
    let server = Http2Recorder::start().await;
    let url = format!("{}/api/1/market/data", server.url());
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    through_each_layer(
        client,
        || reqwest_request(&url),
        |line| assert_eq!(server.credential_lines(), [line]),
    )
    .await;
}

/// A `Router` that tells what credential the last request came with.
fn router() -> (Router, tokio::sync::watch::Receiver<String>) {
    let (seen, see) = tokio::sync::watch::channel(String::new());
    let handler = async move |headers: HeaderMap| {
        seen.send_replace(credential_lines(&headers).join("\n"));
    };
    (Router::new().route("/api/1/market/data", get(handler)), see)
}

/// A `Router` as the inner service, in process.
#[tokio::test]
async fn an_axum_router_in_process() {
    let (router, see) = router();
    let request = || http_request("http://localhost/api/1/market/data");
    through_each_layer(router, request, |line| assert_eq!(*see.borrow(), line)).await;
}

/// In process, a request usually names no origin: it gets a credential only where the origin was pinned.
#[tokio::test]
async fn an_origin_form_request_needs_a_pinned_origin() {
    let (router, see) = router();
    let auth = api_key_auth(KeyHeader::Authorization);
    let request = || http_request("/api/1/market/data");
    auth.layer(router.clone()).oneshot(request()).await.unwrap();
    assert_eq!(
        *see.borrow(),
        "authorization: stale\nauthorization: staler\nx-api-key: old"
    );
    auth.pinned_origin()
        .layer(router)
        .oneshot(request())
        .await
        .unwrap();
    assert_eq!(*see.borrow(), expected()[0]);
}

/// The same `Router` behind a real socket, called through each layer.
#[tokio::test]
async fn an_axum_server_over_a_socket() {
    let (router, see) = router();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!(
        "http://{}/api/1/market/data",
        listener.local_addr().unwrap()
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    through_each_layer(
        hyper_client(false),
        || http_request(&uri),
        |line| assert_eq!(*see.borrow(), line),
    )
    .await;
}

/// L1, L7: over the wire, a request to an origin that was not allowed carries nothing of ours.
#[tokio::test]
async fn an_origin_that_is_not_allowed_gets_nothing() {
    let server = RawRecorder::start().await;
    let origins = mobula_auth::Origins::default().without_loopback();
    let stacks = [
        api_key_auth(KeyHeader::Authorization).origins(origins.clone()),
        api_key_auth(KeyHeader::XApiKey).origins(origins.clone()),
    ];
    for auth in stacks {
        let request = Request::get(server.url())
            .body(Empty::<Bytes>::new())
            .unwrap();
        auth.layer(hyper_client(false))
            .oneshot(request)
            .await
            .unwrap();
        assert!(server.credential_lines().is_empty());
    }
    let request = reqwest::Request::new(reqwest::Method::GET, server.url().parse().unwrap());
    bearer_auth()
        .origins(origins)
        .layer(reqwest::Client::new())
        .oneshot(request)
        .await
        .unwrap();
    assert!(server.credential_lines().is_empty());
    assert!(
        server
            .heads()
            .iter()
            .all(|head| !head.contains(KEY) && !head.contains(TOKEN))
    );
}

/// `rotate` and `replace` reach every clone and every service made of them, from the next request on.
#[tokio::test]
async fn rotation_reaches_all_live_clones() {
    let server = RawRecorder::start().await;
    let get = || {
        Request::get(server.url())
            .body(Empty::<Bytes>::new())
            .unwrap()
    };

    let auth = api_key_auth(KeyHeader::AuthorizationBearer);
    let mut stacks = [
        auth.layer(hyper_client(false)),
        auth.clone().layer(hyper_client(false)),
    ];
    auth.clone().rotate(ApiKey::new("next-key").unwrap());
    for stack in &mut stacks {
        stack.ready().await.unwrap().call(get()).await.unwrap();
        assert_eq!(
            server.credential_lines(),
            ["authorization: Bearer next-key"]
        );
    }

    let auth = bearer_auth();
    let mut stack = auth.layer(hyper_client(false));
    auth.replace(ApiToken::new("next-token").unwrap());
    stack.ready().await.unwrap().call(get()).await.unwrap();
    assert_eq!(
        server.credential_lines(),
        ["authorization: Bearer next-token"]
    );
}

#[tokio::test]
async fn what_the_caller_put_there_can_be_kept() {
    let server = RawRecorder::start().await;
    let mut stack = api_key_auth(KeyHeader::XApiKey)
        .keep_existing()
        .layer(hyper_client(false));
    let mut send = async |request| {
        stack.ready().await.unwrap().call(request).await.unwrap();
        server.credential_lines()
    };
    assert_eq!(
        send(http_request(server.url())).await,
        ["authorization: stale"]
    );
    let bare = Request::get(server.url()).body(Empty::new()).unwrap();
    assert_eq!(send(bare).await, [format!("x-api-key: {KEY}")]);
    let own = Request::get(server.url())
        .header("x-api-key", "own")
        .body(Empty::new())
        .unwrap();
    assert_eq!(send(own).await, ["x-api-key: own"]);
}
