//! The stacks that the benches compare, each over a service that does nothing.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::mem;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, Response};
use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefresh, AutoRefreshingToken, BearerAuth, CreateTokens,
    Error, KeyHeader,
};
use tower::{Layer, Service, ServiceExt};

/// Answers at once.
#[derive(Debug, Clone, Copy)]
pub struct Bare;

impl Service<Request<()>> for Bare {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// Leaks the request: what it costs to free one depends on the allocator's state, and is nobody's of those compared.
    #[inline(never)]
    fn call(&mut self, request: Request<()>) -> Self::Future {
        mem::forget(request);
        ready(Ok(Response::new(())))
    }
}

/// Writes one header, shared and sensitive, and nothing else: what no layer can be cheaper than.
#[derive(Debug, Clone)]
pub struct Floor(pub HeaderValue);

impl Service<Request<()>> for Floor {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<()>) -> Self::Future {
        request.headers_mut().insert(AUTHORIZATION, self.0.clone());
        Bare.call(request)
    }
}

/// A request with so many headers besides a credential's.
pub fn request(headers: usize) -> Request<()> {
    const NAMES: [&str; 8] = [
        "accept",
        "accept-encoding",
        "cache-control",
        "content-type",
        "user-agent",
        "x-request-id",
        "traceparent",
        "tracestate",
    ];
    let mut request = Request::get("https://api.mobula.io/api/1/market/data?asset=bitcoin")
        .body(())
        .unwrap();
    // As a client would that expects some of its layers to add more.
    request.headers_mut().reserve(16);
    for name in NAMES.iter().take(headers) {
        let name = HeaderName::from_static(name);
        let value = HeaderValue::from_static("a value of some length");
        request.headers_mut().insert(name, value);
    }
    request
}

/// So many of them, for one run.
pub fn requests(number: usize, headers: usize) -> Vec<Request<()>> {
    (0..number).map(|_| request(headers)).collect()
}

/// A token, or key, of this length.
pub fn secret(length: usize) -> String {
    "eyJhbGciOiJIUzI1NiJ9"
        .chars()
        .cycle()
        .take(length)
        .collect()
}

pub fn floor(secret: &str) -> Floor {
    let mut value = HeaderValue::try_from(format!("Bearer {secret}")).unwrap();
    value.set_sensitive(true);
    // Shared from the first clone on.
    Floor(value.clone())
}

pub fn api_key_auth(secret: &str) -> impl Noop + use<> {
    ApiKeyAuth::new(ApiKey::new(secret).unwrap()).layer(Bare)
}

pub fn x_api_key_auth(secret: &str) -> impl Noop + use<> {
    ApiKeyAuth::new(ApiKey::new(secret).unwrap())
        .header(KeyHeader::XApiKey)
        .layer(Bare)
}

pub fn bearer_auth(secret: &str) -> impl Noop + use<> {
    BearerAuth::new(ApiToken::new(secret).unwrap()).layer(Bare)
}

/// With a token that is fresh, and stays so.
pub fn auto_refreshing(secret: &str) -> AutoRefresh<Bare> {
    let secret = secret.to_owned();
    let source = move |_: CreateTokens| {
        let token = ApiToken::new(&secret);
        async move { Ok::<_, Error>(vec![token?]) }
    };
    let auth = AutoRefreshingToken::builder(source)
        .request_limit(1_000_000)
        .build()
        .unwrap();
    let mut service = auth.layer(Bare);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        ServiceExt::<Request<()>>::ready(&mut service)
            .await
            .unwrap()
            .call(request(0))
            .await
            .unwrap()
    });
    service
}

pub fn tower_http_add_authorization(secret: &str) -> impl Noop + use<> {
    tower_http::auth::AddAuthorizationLayer::bearer(secret).layer(Bare)
}

pub fn tower_http_set_header(secret: &str) -> impl Noop + use<> {
    let mut value = HeaderValue::try_from(format!("Bearer {secret}")).unwrap();
    value.set_sensitive(true);
    tower_http::set_header::SetRequestHeaderLayer::overriding(AUTHORIZATION, value).layer(Bare)
}

/// A service that is ready at once.
pub trait Noop: Service<Request<()>, Response = Response<()>> + Clone {}
impl<S> Noop for S where S: Service<Request<()>, Response = Response<()>> + Clone {}

/// Sends them all through a service that answers at once.
#[inline(never)]
pub fn send_all<S: Noop>(service: &mut S, requests: Vec<Request<()>>) {
    for request in requests {
        send(service, request);
    }
}

pub fn send<S: Noop>(service: &mut S, request: Request<()>) {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let answer = pin!(service.call(request));
    assert!(answer.poll(&mut cx).is_ready());
}
