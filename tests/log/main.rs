//! V2: no key and no token shows in what any crate of the stack traces.
//!
//! In a process of its own: which log lines anybody is interested in is decided once for a whole process.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../it/canaries.rs"]
mod canaries;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use canaries::Canaries;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::{Emulator, Endpoint, Fault, Plan};
use mobula_auth::{
    ApiKey, ApiKeyAuth, AutoRefreshingToken, BearerAuth, CreateTokens, KeyHeader, PerRequestAuth,
    ReplayRejected, TokenClient,
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_http::sensitive_headers::SetSensitiveHeadersLayer;
use tower_http::trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer};
use tracing_subscriber::fmt::MakeWriter;

/// What is traced, at the level of every detail, by every crate involved.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test(flavor = "current_thread")]
async fn v2_no_log_line_of_any_crate_shows_a_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let mut secrets = vec![key.expose_secret().to_owned()];
    let get = |host: &str| {
        Request::get(format!("{host}/api/1/all"))
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    for http2 in [false, true] {
        emulator.advance(Duration::from_secs(61));
        let http_client = Client::builder(TokioExecutor::new())
            .http2_only(http2)
            .build_http::<Full<Bytes>>();
        let tokens = TokenClient::new(http_client.clone(), key.clone())
            .base_url(server.url())
            .unwrap();
        let auth = AutoRefreshingToken::new(tokens.clone());
        let mut client = ServiceBuilder::new()
            .layer(tower::retry::RetryLayer::new(ReplayRejected::default()))
            .layer(auth.clone())
            .service(http_client.clone());
        client
            .ready()
            .await
            .unwrap()
            .call(get(&server.url()))
            .await
            .unwrap();
        for _ in 0..2 {
            let lease = auth.lease().await.unwrap();
            secrets.push(lease.token().expose_secret().to_owned());
            tokens.inspect(lease.token()).await.unwrap();
            assert!(emulator.revoke_token(lease.token().id().unwrap()));
            client
                .ready()
                .await
                .unwrap()
                .call(get(&server.url()))
                .await
                .unwrap();
        }
        auth.layer(http_client.clone())
            .oneshot(get("http://foreign.invalid"))
            .await
            .unwrap_err();
        emulator.fault(Fault::status(StatusCode::SERVICE_UNAVAILABLE).on(Endpoint::Create));
        auth.refresh().await.unwrap_err();
        ApiKeyAuth::new(key.clone())
            .header(KeyHeader::XApiKey)
            .layer(http_client)
            .oneshot(get(&server.url()))
            .await
            .unwrap();
        auth.shutdown().await;
    }
    let tokens = TokenClient::reqwest(key.clone())
        .unwrap()
        .base_url(server.url())
        .unwrap();
    let token = tokens
        .create(CreateTokens::default())
        .await
        .unwrap()
        .remove(0);
    secrets.push(token.expose_secret().to_owned());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/api/1/all", server.url()).parse().unwrap();
    let request = reqwest::Request::new(reqwest::Method::GET, url);
    BearerAuth::new(token)
        .layer(client)
        .oneshot(request)
        .await
        .unwrap();

    secrets.extend(through_trace_layers(&emulator, &server.url()).await);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for said in [
        "new token in use",
        "token rejected by the server",
        "no new token",
        "shut down",
        "without a credential",
    ] {
        assert!(log.contains(said), "nothing traced says: {said}");
    }
    for of_others in ["hyper_util::", "h2::", "tower_http::trace"] {
        assert!(log.contains(of_others), "nothing of {of_others} was traced");
    }
    // `Trace` prints the headers that it sees: ours, and that of the caller, are there and are not shown.
    assert!(log.matches("\"authorization\": Sensitive").count() >= 8);
    assert!(log.matches("\"x-api-key\": Sensitive").count() >= 2);
    Canaries::new(secrets.iter().map(String::as_str)).assert_absent("the log", &log);
}

/// Sends a request with each layer between two `Trace`s that print all headers, and gives the secrets that were sent.
async fn through_trace_layers(emulator: &Emulator, url: &str) -> Vec<String> {
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let http_client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let tokens = TokenClient::new(http_client.clone(), key.clone())
        .base_url(url)
        .unwrap();
    emulator.advance(Duration::from_secs(61));
    let auth = AutoRefreshingToken::new(tokens);
    let token = auth.lease().await.unwrap().token().clone();
    let callers_own = emulator.add_api_key(Plan::Growth);
    let request = || {
        let mut request = Request::get(format!("{url}/api/1/all"))
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
    vec![callers_own.clone(), token.expose_secret().to_owned()]
}
