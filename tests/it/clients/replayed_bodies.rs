//! `ReplayRejected` over real sockets: which bodies are sent again, whole, and which are not.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::State;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{Full, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use mobula_auth::{
    ApiToken, AutoRefreshingToken, CloneRequest, CreateTokens, Error, HttpRequest, HttpResponse,
    ReplayRejected,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use tokio::net::TcpListener;
use tower::retry::RetryLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

/// A body that comes once.
type Once = StreamBody<Pieces>;

assert_impl_all!(Request<Full<Bytes>>: CloneRequest);
// A `Retry` around a client of such bodies does not compile, so nobody thinks that it works.
assert_not_impl_any!(Request<Once>: CloneRequest);

struct Pieces(std::array::IntoIter<&'static str, 3>);

impl Pieces {
    fn new() -> Self {
        Self(["one ", "two ", "three"].into_iter())
    }
}

impl futures_core::Stream for Pieces {
    type Item = Result<Frame<Bytes>, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(piece.into()))))
    }
}

/// A server that takes every token but the first, and notes what each request held.
#[derive(Clone, Default)]
struct Arrived(Arc<Mutex<Vec<(String, String)>>>);

impl Arrived {
    async fn serve() -> (String, Self) {
        let arrived = Self::default();
        let answer = async |State(Self(arrived)): State<Self>, headers: HeaderMap, body: String| {
            let token = headers[AUTHORIZATION].to_str().unwrap().to_owned();
            let rejected = token == "Bearer token-1";
            arrived.lock().unwrap().push((token, body));
            if rejected {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::OK
            }
        };
        let router = Router::new().fallback(answer).with_state(arrived.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, arrived)
    }

    fn assert(&self, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(token, body)| (format!("Bearer {token}"), (*body).to_owned()))
            .collect();
        assert_eq!(*self.0.lock().unwrap(), expected);
    }
}

fn two_tokens() -> AutoRefreshingToken {
    AutoRefreshingToken::new(async |_: CreateTokens| {
        Ok::<_, Error>(vec![ApiToken::new("token-1")?, ApiToken::new("token-2")?])
    })
}

async fn replayed<S, R>(client: S, request: R) -> StatusCode
where
    S: Service<R, Response: HttpResponse, Error: Into<tower::BoxError>> + Clone,
    R: HttpRequest + CloneRequest,
{
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(ReplayRejected::default()))
        .layer(two_tokens())
        .service(client);
    stack.oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn a_body_that_can_be_cloned_is_sent_again_whole() {
    let (url, arrived) = Arrived::serve().await;
    let client = HyperClient::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = Request::post(&url).body(Full::from("a body")).unwrap();
    assert_eq!(replayed(client, request).await, StatusCode::OK);
    arrived.assert(&[("token-1", "a body"), ("token-2", "a body")]);

    let (url, arrived) = Arrived::serve().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(url).body("a body").build().unwrap();
    assert_eq!(replayed(client, request).await, StatusCode::OK);
    arrived.assert(&[("token-1", "a body"), ("token-2", "a body")]);
}

/// The caller gets the 401, and its body arrived once, whole. The next request carries the next token.
#[tokio::test]
async fn a_body_that_cannot_be_cloned_passes_straight_through() {
    let (url, arrived) = Arrived::serve().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut stack = ServiceBuilder::new()
        .layer(RetryLayer::new(ReplayRejected::default()))
        .layer(two_tokens())
        .service(client.clone());
    let mut send = async || {
        let body = reqwest::Body::wrap(StreamBody::new(Pieces::new()));
        let request = client.post(&url).body(body).build().unwrap();
        assert!(request.clone_request().is_none());
        let ready = stack.ready().await.unwrap();
        ready.call(request).await.unwrap().status()
    };
    assert_eq!(send().await, StatusCode::UNAUTHORIZED);
    arrived.assert(&[("token-1", "one two three")]);
    assert_eq!(send().await, StatusCode::OK);
    arrived.assert(&[("token-1", "one two three"), ("token-2", "one two three")]);
}

/// With hyper, bodies of a type that cannot be cloned go without a `Retry`, and the same happens.
#[tokio::test]
async fn a_body_type_that_cannot_be_cloned_needs_no_retry() {
    let (url, arrived) = Arrived::serve().await;
    let client = HyperClient::builder(TokioExecutor::new()).build_http::<Once>();
    let mut stack = two_tokens().layer(client);
    let mut send = async || {
        let body = StreamBody::new(Pieces::new());
        let request = Request::post(&url).body(body).unwrap();
        let ready = stack.ready().await.unwrap();
        ready.call(request).await.unwrap().status()
    };
    assert_eq!(send().await, StatusCode::UNAUTHORIZED);
    assert_eq!(send().await, StatusCode::OK);
    arrived.assert(&[("token-1", "one two three"), ("token-2", "one two three")]);
}
