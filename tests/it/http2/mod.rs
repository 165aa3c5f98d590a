//! V7: over HTTP/2 a credential is a literal that is never indexed, in every request, byte for byte.
//!
//! An indexed one would stay in the tables of both ends, and of every proxy between (RFC 7541, section 7.1.3).

mod hpack;
mod server;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefreshingToken, BearerAuth, CreateTokens, Error,
    HttpRequest, HttpResponse, KeyHeader, TokenClient,
};
use tower::{BoxError, Layer, Service, ServiceExt};

use self::hpack::Written;
use self::server::Capture;

const KEY: &str = "0af5c1d2-3b4e-4f60-8a7b-9c8d7e6f5a4b";
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjF9.c2lnbmF0dXJl-_";
/// Five layers in two clients: 10,000 requests.
const REQUESTS: usize = 1_000;

/// Each of many requests on one connection carries the credential, once, and never indexed.
async fn assert_never_indexed<S, R>(
    mut stack: S,
    request: &impl Fn() -> R,
    capture: &Capture,
    (name, secret): (&str, &str),
) where
    S: Service<R>,
    S::Error: Into<BoxError>,
{
    for _ in 0..REQUESTS {
        let ready = stack.ready().await.map_err(Into::into).unwrap();
        drop(ready.call(request()).await.map_err(Into::into).unwrap());
    }
    let connections = capture.take();
    assert_eq!(connections.len(), 1, "one connection");
    assert_eq!(connections[0].len(), REQUESTS);
    for fields in &connections[0] {
        let of_ours = |field: &&hpack::Field| {
            field.value.contains(secret) || ["authorization", "x-api-key"].contains(&field.name())
        };
        let ours: Vec<_> = fields.iter().filter(of_ours).collect();
        assert_eq!(ours.len(), 1, "{fields:?}");
        assert_eq!(ours[0].written, Written::NeverIndexed, "{fields:?}");
        assert_eq!(ours[0].name(), name, "{fields:?}");
        assert!(ours[0].value.ends_with(secret), "{fields:?}");
    }
}

async fn each_layer<S, R>(client: S, request: impl Fn() -> R, capture: &Capture)
where
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
    S::Response: HttpResponse,
    R: HttpRequest,
{
    for (header, name) in [
        (KeyHeader::Authorization, "authorization"),
        (KeyHeader::AuthorizationBearer, "authorization"),
        (KeyHeader::XApiKey, "x-api-key"),
    ] {
        let auth = ApiKeyAuth::new(ApiKey::new(KEY).unwrap()).header(header);
        assert_never_indexed(auth.layer(client.clone()), &request, capture, (name, KEY)).await;
    }
    let token = || ApiToken::new(TOKEN).unwrap();
    let expected = ("authorization", TOKEN);
    let auth = BearerAuth::new(token());
    assert_never_indexed(auth.layer(client.clone()), &request, capture, expected).await;
    let source = move |_: CreateTokens| async move { Ok::<_, Error>(vec![token()]) };
    let auth = AutoRefreshingToken::new(source);
    assert_never_indexed(auth.layer(client), &request, capture, expected).await;
}

fn hyper_client() -> Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http()
}

#[tokio::test]
async fn v7_hyper_never_indexes_a_credential() {
    let capture = Capture::start().await;
    let get = || Request::get(capture.url()).body(Full::default()).unwrap();
    each_layer(hyper_client(), get, &capture).await;
}

#[tokio::test]
async fn v7_reqwest_never_indexes_a_credential() {
    let capture = Capture::start().await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let url: reqwest::Url = capture.url().parse().unwrap();
    let get = || reqwest::Request::new(reqwest::Method::GET, url.clone());
    each_layer(client, get, &capture).await;
}

/// Its own calls, and what the caller put there and may keep.
#[tokio::test]
async fn v7_calls_of_the_token_api_and_kept_credentials_are_never_indexed() {
    let capture = Capture::start().await;
    let tokens = TokenClient::new(hyper_client(), ApiKey::new(KEY).unwrap())
        .base_url(capture.url())
        .unwrap();
    for _ in 0..50 {
        // The answer is an empty one.
        tokens.list().await.unwrap_err();
    }
    let mut kept = ApiKeyAuth::new(ApiKey::new("another-key").unwrap())
        .keep_existing()
        .layer(hyper_client());
    for _ in 0..50 {
        let request = Request::get(capture.url()).header("x-api-key", KEY);
        let request = request.body(Full::<Bytes>::default()).unwrap();
        kept.ready().await.unwrap().call(request).await.unwrap();
    }
    let requests: Vec<_> = capture.take().into_iter().flatten().collect();
    assert_eq!(requests.len(), 100);
    for fields in requests {
        let field = fields.iter().find(|field| field.value.contains(KEY));
        assert_eq!(field.unwrap().written, Written::NeverIndexed, "{fields:?}");
    }
}

/// The control: the same values, not marked as sensitive. `x-api-key` is in the table from the second request on; h2 keeps
/// `Authorization` out of its own table and leaves it to the next hop to put it into its.
#[tokio::test]
async fn values_that_are_not_marked_may_be_indexed() {
    let capture = Capture::start().await;
    let mut client = hyper_client();
    for (name, at_first, then) in [
        (
            "authorization",
            Written::NotIndexed,
            Some(Written::NotIndexed),
        ),
        ("x-api-key", Written::AndIndexed, None),
    ] {
        for _ in 0..50 {
            let request = Request::get(capture.url()).header(name, KEY);
            let request = request.body(Full::<Bytes>::default()).unwrap();
            let client = ServiceExt::<Request<Full<Bytes>>>::ready(&mut client);
            client.await.unwrap().call(request).await.unwrap();
        }
        let requests: Vec<_> = capture.take().into_iter().flatten().collect();
        assert_eq!(requests.len(), 50);
        for (count, fields) in requests.iter().enumerate() {
            let written_in_full = fields.iter().find(|field| field.value == KEY);
            let written = written_in_full.map(|field| field.written);
            let expected = if count == 0 { Some(at_first) } else { then };
            assert_eq!(written, expected, "{name}: {fields:?}");
        }
    }
}
