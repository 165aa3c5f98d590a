//! The controls: what is logged of a value that is not marked, and of bytes that are logged on purpose.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::Emulator;
use mobula_auth::{ApiKey, ApiKeyAuth, ApiToken, TokenClient};
use tower::{Layer, ServiceExt};
use tower_http::trace::{DefaultMakeSpan, TraceLayer};
use tracing::Level;

use crate::canaries::{Canaries, FORMS, forms_of};
use crate::output::Log;

/// A header of the same requests that is not marked as sensitive is found in the log, in each form.
#[tokio::test]
async fn what_is_not_marked_is_found_in_the_log_in_each_form() {
    let log = Log::of_this_process();
    let (secret, control) = ("5ecre7-0f-7he-con7rol", "con7rol-va1ue-0f-a-header");
    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    let span = DefaultMakeSpan::new()
        .level(Level::TRACE)
        .include_headers(true);
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let client = TraceLayer::new_for_http()
        .make_span_with(span)
        .layer(client);
    let client = ApiKeyAuth::new(ApiKey::new(secret).unwrap()).layer(client);
    for (_, form) in forms_of(control) {
        let request = Request::get(server.url()).header("x-canary", form);
        let request = request.body(Full::default()).unwrap();
        client.clone().oneshot(request).await.unwrap();
    }
    let log = log.text();
    // Debug of a header value escapes backslashes.
    let log = log.replace(r"\\", r"\");
    let seen = forms_of(control)
        .iter()
        .filter(|(_, form)| log.contains(form))
        .count();
    assert_eq!(seen, FORMS);
    assert!(Canaries::new([control]).found_in(&log).is_some());
    Canaries::new([secret]).assert_absent("the log", &log);
}

/// reqwest's verbose connections log every byte: `SECURITY.md` says so. The token client switches them off.
#[tokio::test]
async fn verbose_connections_of_reqwest_log_a_credential() {
    let log = Log::of_this_process();
    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .connection_verbose(true);
    let auth = ApiKeyAuth::new(ApiKey::new("1-am-l0gged-0n-purp0se").unwrap());
    let url = server.url().parse().unwrap();
    let request = reqwest::Request::new(reqwest::Method::GET, url);
    auth.layer(client.build().unwrap())
        .oneshot(request)
        .await
        .unwrap();
    let found = Canaries::new(["1-am-l0gged-0n-purp0se"]).found_in(&log.text());
    assert!(found.is_some_and(|found| found.contains("reqwest::connect::verbose")));
}

/// `inspect` has the token in its URL, which a tracing layer in the token client's stack logs: its docs say so.
#[tokio::test]
async fn a_trace_layer_logs_the_url_of_an_inspection() {
    let log = Log::of_this_process();
    let emulator = Emulator::new();
    let http_client = TraceLayer::new_for_http()
        .make_span_with(DefaultMakeSpan::new().level(Level::TRACE))
        .layer(emulator.clone());
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let tokens = TokenClient::new(http_client, key);
    let token = "n0-jw7-bu7-a-70ken-all-7he-same";
    let canaries = Canaries::new([token]);
    canaries.assert_absent("the log", &log.text());
    tokens
        .inspect(&ApiToken::new(token).unwrap())
        .await
        .unwrap_err();
    assert!(canaries.found_in(&log.text()).is_some());
}
