//! A run of all that sends a credential, in every client and over both versions of HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::{Emulator, Endpoint, Fault, Server};
use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefreshingToken, BearerAuth, CreateTokens, HttpRequest,
    HttpResponse, KeyHeader, Origins, ReplayRejected, TokenClient,
};
use tower::retry::RetryLayer;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt};
use tower_http::trace::{DefaultMakeSpan, DefaultOnRequest, DefaultOnResponse, TraceLayer};
use tracing::Level;

type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// Runs it all, and tells what must not have been logged.
pub(crate) async fn everything(rounds: usize) -> Vec<String> {
    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    let mut secrets = vec![emulator.api_key()];
    for http2 in [false, true] {
        emulator.advance(Duration::from_secs(61));
        with_hyper(&emulator, &server, http2, rounds, &mut secrets).await;
        emulator.advance(Duration::from_secs(61));
        with_reqwest(&emulator, &server, http2, rounds, &mut secrets).await;
    }
    secrets
}

fn key(emulator: &Emulator) -> ApiKey {
    ApiKey::new(emulator.api_key()).unwrap()
}

fn get(host: &str) -> Request<Full<Bytes>> {
    Request::get(format!("{host}/api/1/all"))
        .body(Full::default())
        .unwrap()
}

async fn with_hyper(
    emulator: &Emulator,
    server: &Server,
    http2: bool,
    rounds: usize,
    secrets: &mut Vec<String>,
) {
    let http_client: HttpClient = Client::builder(TokioExecutor::new())
        .http2_only(http2)
        .build_http();
    let tokens = TokenClient::new(http_client.clone(), key(emulator))
        .base_url(server.url())
        .unwrap();
    let auth = AutoRefreshingToken::new(tokens.clone());
    let mut client = ServiceBuilder::new()
        .layer(RetryLayer::new(ReplayRejected::default()))
        .layer(auth.clone())
        .service(http_client.clone());
    for _ in 0..2 {
        let lease = auth.lease().await.unwrap();
        secrets.push(lease.token().expose_secret().to_owned());
        tokens.inspect(lease.token()).await.unwrap();
        assert!(emulator.revoke_token(lease.token().id().unwrap()));
        let ready = client.ready().await.unwrap();
        ready.call(get(&server.url())).await.unwrap();
    }
    let handed_out = auth.lease().await.unwrap().token().clone();
    secrets.push(handed_out.expose_secret().to_owned());
    // A layer of another's that logs all headers.
    let span = DefaultMakeSpan::new()
        .level(Level::TRACE)
        .include_headers(true);
    let traced = TraceLayer::new_for_http()
        .make_span_with(span)
        .on_request(DefaultOnRequest::new().level(Level::TRACE))
        .on_response(
            DefaultOnResponse::new()
                .level(Level::TRACE)
                .include_headers(true),
        );
    let request = || get(&server.url());
    each_layer(emulator, &auth, &handed_out, &http_client, request, rounds).await;
    let traced = traced.layer(http_client.clone());
    each_layer(emulator, &auth, &handed_out, &traced, request, rounds).await;

    auth.layer(http_client)
        .oneshot(get("http://foreign.invalid"))
        .await
        .unwrap_err();
    emulator.fault(Fault::status(StatusCode::SERVICE_UNAVAILABLE).on(Endpoint::Create));
    auth.refresh().await.unwrap_err();
    auth.shutdown().await;
}

async fn with_reqwest(
    emulator: &Emulator,
    server: &Server,
    http2: bool,
    rounds: usize,
    secrets: &mut Vec<String>,
) {
    let builder = || {
        let builder = reqwest::Client::builder().no_proxy();
        if http2 {
            builder.http2_prior_knowledge()
        } else {
            builder
        }
    };
    // Whose verbose connections are not to be.
    let tokens = TokenClient::with_reqwest(builder().connection_verbose(true), key(emulator))
        .unwrap()
        .base_url(server.url())
        .unwrap();
    let token = tokens
        .create(CreateTokens::default())
        .await
        .unwrap()
        .remove(0);
    secrets.push(token.expose_secret().to_owned());
    tokens.list().await.unwrap();
    tokens.inspect(&token).await.unwrap();
    let auth = AutoRefreshingToken::new(tokens.clone());
    secrets.push(
        auth.lease()
            .await
            .unwrap()
            .token()
            .expose_secret()
            .to_owned(),
    );
    let policy = Origins::default().redirect_policy();
    let client = builder().redirect(policy).build().unwrap();
    let url: reqwest::Url = format!("{}/api/1/all", server.url()).parse().unwrap();
    let request = || reqwest::Request::new(reqwest::Method::GET, url.clone());
    each_layer(emulator, &auth, &token, &client, request, rounds).await;
    tokens.revoke(token.id().unwrap()).await.unwrap();
    auth.shutdown().await;
}

async fn each_layer<S, R>(
    emulator: &Emulator,
    auth: &AutoRefreshingToken,
    token: &ApiToken,
    client: &S,
    request: impl Fn() -> R,
    rounds: usize,
) where
    S: Service<R> + Clone + Send + 'static,
    S::Error: Into<BoxError> + Send + Sync,
    S::Future: Send,
    S::Response: HttpResponse,
    R: HttpRequest + Send + 'static,
{
    for header in [
        KeyHeader::Authorization,
        KeyHeader::AuthorizationBearer,
        KeyHeader::XApiKey,
    ] {
        let auth = ApiKeyAuth::new(key(emulator)).header(header);
        in_a_buffer(auth.layer(client.clone()), &request, rounds).await;
    }
    let bearer = BearerAuth::new(token.clone());
    in_a_buffer(bearer.layer(client.clone()), &request, rounds).await;
    in_a_buffer(auth.layer(client.clone()), &request, rounds).await;
}

async fn in_a_buffer<S, R>(stack: S, request: &impl Fn() -> R, rounds: usize)
where
    S: Service<R> + Send + 'static,
    S::Error: Into<BoxError> + Send + Sync,
    S::Future: Send,
    S::Response: HttpResponse,
    R: Send + 'static,
{
    let mut stack = ServiceBuilder::new().buffer(8).service(stack);
    for _ in 0..rounds {
        let response = stack.ready().await.unwrap().call(request()).await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
    }
}
