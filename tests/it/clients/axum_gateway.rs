//! An axum service that calls Mobula for its visitors, over real sockets on both sides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use mobula_auth::emulator::Emulator;
use mobula_auth::{ApiKey, AutoRefresh, AutoRefreshingToken, ReplayRejected, TokenClient};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::retry::{Retry, RetryLayer};
use tower::{ServiceBuilder, ServiceExt};

use crate::canaries::Canaries;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

#[derive(Clone)]
struct Mobula {
    client: Retry<ReplayRejected, AutoRefresh<Client<HttpConnector, Full<Bytes>>>>,
    base_url: String,
}

async fn price(State(mobula): State<Mobula>, Path(asset): Path<String>) -> Response {
    let uri = format!("{}/api/1/market/data?asset={asset}", mobula.base_url);
    let request = Request::get(uri).body(Full::default()).unwrap();
    match mobula.client.oneshot(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error} {error:?}")).into_response(),
    }
}

/// All handlers share one token. Its revocation in the midst of visits costs no visitor anything, and none of them sees
/// a credential, not even when there is no token any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_see_prices_and_no_credential() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    let http_client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let tokens = TokenClient::new(http_client.clone(), key);
    let auth = AutoRefreshingToken::new(tokens.base_url(server.url()).unwrap());
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(ReplayRejected::default()))
        .layer(auth.clone())
        .service(http_client);
    let gateway = Router::new()
        .route("/price/{asset}", get(price))
        .with_state(Mobula {
            client,
            base_url: server.url(),
        });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/price/bitcoin", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, gateway).await });

    let visitor = reqwest::Client::builder().no_proxy().build().unwrap();
    let first = auth.lease().await.unwrap().token().clone();
    let canaries = Canaries::new([&emulator.api_key() as &str, first.expose_secret()]);
    let canaries = Arc::new(canaries);
    let revoked = Arc::new(AtomicBool::new(false));
    let visit = async |visitor: reqwest::Client, url: String, canaries: Arc<Canaries>| {
        let answer = visitor.get(url).send().await.unwrap();
        let status = answer.status();
        let headers = format!("{:?}", answer.headers());
        let text = headers + &answer.text().await.unwrap();
        canaries.assert_absent("what a visitor sees", &text);
        status
    };
    let mut visits = JoinSet::new();
    for number in 0..400 {
        let (visitor, url, canaries) = (visitor.clone(), url.clone(), Arc::clone(&canaries));
        let (emulator, id) = (emulator.clone(), first.id().unwrap().to_owned());
        let revoked = Arc::clone(&revoked);
        visits.spawn(async move {
            if number == 200 {
                revoked.store(emulator.revoke_token(&id), Ordering::Relaxed);
            }
            visit(visitor, url, canaries).await
        });
    }
    while let Some(status) = visits.join_next().await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    assert!(revoked.load(Ordering::Relaxed));
    let counts = emulator.counts();
    assert_eq!((counts.data.ok, counts.violations), (400, 0));
    assert!(counts.data.denied >= 1, "nobody met the revocation");
    assert_eq!(counts.create.received, 1);

    assert!(emulator.delete_api_key(&emulator.api_key()));
    auth.shutdown().await;
    let status = visit(visitor, url, canaries).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
}
