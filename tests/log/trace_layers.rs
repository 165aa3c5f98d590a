//! Each layer between two of tower-http's `Trace` that print all headers.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::{Emulator, Plan};
use mobula_auth::{
    ApiKey, ApiKeyAuth, AutoRefreshingToken, BearerAuth, KeyHeader, PerRequestAuth, TokenClient,
};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::sensitive_headers::SetSensitiveHeadersLayer;
use tower_http::trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer};

/// Sends a request with each, and gives the secrets that were sent.
pub(crate) async fn around_each_layer() -> Vec<String> {
    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let http_client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let tokens = TokenClient::new(http_client.clone(), key.clone())
        .base_url(server.url())
        .unwrap();
    let auth = AutoRefreshingToken::new(tokens);
    let token = auth.lease().await.unwrap().token().clone();
    let callers_own = emulator.add_api_key(Plan::Growth);
    let request = || {
        let mut request = Request::get(format!("{}/api/1/all", server.url()))
            .header("authorization", &callers_own)
            .body(Full::<Bytes>::default())
            .unwrap();
        request.extensions_mut().insert(key.clone());
        request
    };
    let trace = || {
        TraceLayer::new_for_http()
            .make_span_with(DefaultMakeSpan::new().include_headers(true))
            .on_response(DefaultOnResponse::new().include_headers(true))
    };
    macro_rules! send {
        ($($layer:expr),*) => {$(
            let stack = ServiceBuilder::new()
                .layer(SetSensitiveHeadersLayer::new([AUTHORIZATION]))
                .layer(trace())
                .layer($layer)
                .layer(trace())
                .service(http_client.clone());
            let response = stack.oneshot(request()).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
        )*};
    }
    let with_key = ApiKeyAuth::new(key.clone());
    send!(
        with_key.clone(),
        with_key.clone().header(KeyHeader::AuthorizationBearer),
        with_key.clone().header(KeyHeader::XApiKey),
        with_key.keep_existing(),
        BearerAuth::new(token.clone()),
        PerRequestAuth::new().header(KeyHeader::XApiKey),
        auth
    );
    vec![
        emulator.api_key(),
        callers_own.clone(),
        token.expose_secret().to_owned(),
    ]
}
