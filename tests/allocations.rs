//! W4: in the steady state, a request allocates nothing in any layer.
//!
//! In a process of its own, whose allocator counts.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::task::{Context, Poll};

use http::{HeaderName, HeaderValue, Request, Response};
use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefreshingToken, BearerAuth, CreateTokens, Error, KeyHeader,
    PerRequestAuth, TokenRegistry,
};
use tower::{BoxError, Layer, Service};

const REQUESTS: usize = 1_000;

#[derive(Clone)]
struct Inner;

impl Service<Request<()>> for Inner {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        black_box(request);
        ready(Ok(Response::new(())))
    }
}

/// A request with eight headers, whose map has room for a ninth.
fn request() -> Request<()> {
    let mut request = Request::get("https://api.mobula.io/api/1/market/data")
        .body(())
        .unwrap();
    for number in 0..8 {
        let name = HeaderName::try_from(format!("x-header-{number}")).unwrap();
        request
            .headers_mut()
            .insert(name, HeaderValue::from(number));
    }
    request.headers_mut().reserve(1);
    request
}

/// The allocations of 1,000 requests, which were made before.
fn allocations<S>(stack: S) -> u64
where
    S: Service<Request<()>>,
    S::Error: Into<BoxError>,
{
    allocations_of(stack, |_| request())
}

fn allocations_of<S>(mut stack: S, request: impl Fn(usize) -> Request<()>) -> u64
where
    S: Service<Request<()>>,
    S::Error: Into<BoxError>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let send = |stack: &mut S, request| {
        runtime.block_on(async {
            std::future::poll_fn(|cx| stack.poll_ready(cx))
                .await
                .map_err(Into::into)?;
            stack.call(request).await.map_err(Into::into)
        })
    };
    // The first request may create the first token, the first of a thread what is the thread's own, and a service that lives
    // on makes a copy of the token.
    for _ in 0..8 {
        let first: Result<_, BoxError> = send(&mut stack, request(0));
        first.unwrap();
    }
    let requests: Vec<_> = (0..REQUESTS).map(request).collect();
    let counted = allocation_counter::measure(|| {
        for request in requests {
            assert!(send(&mut stack, request).is_ok());
        }
    });
    counted.count_total
}

#[test]
fn w4_no_layer_allocates_in_the_steady_state() {
    assert_eq!(
        allocations(Inner),
        0,
        "the measure itself allocates nothing"
    );
    let boxing = tower::util::BoxService::new(Inner);
    assert_eq!(
        allocations(boxing),
        REQUESTS as u64,
        "and sees one box a request"
    );

    let key = ApiKey::new("0af5c1d2-3b4e-4f60-8a7b-9c8d7e6f5a4b").unwrap();
    for header in [
        KeyHeader::Authorization,
        KeyHeader::AuthorizationBearer,
        KeyHeader::XApiKey,
    ] {
        assert_eq!(
            allocations(ApiKeyAuth::new(key.clone()).header(header).layer(Inner)),
            0,
            "{header:?}"
        );
    }
    let token = ApiToken::new("t".repeat(1_200)).unwrap();
    assert_eq!(allocations(BearerAuth::new(token.clone()).layer(Inner)), 0);
    let own_key = |_| {
        let mut request = request();
        request.extensions_mut().insert(key.clone());
        request
    };
    let own_token = |number| {
        let mut request = own_key(number);
        request.extensions_mut().insert(token.clone().with_id("id"));
        request
    };
    let per_request = || PerRequestAuth::new().layer(Inner);
    assert_eq!(allocations_of(per_request(), own_key), 0);
    assert_eq!(allocations_of(per_request(), own_token), 0);
    assert_eq!(allocations(per_request()), 0);
    let tokens = async |_: CreateTokens| Ok::<_, Error>(vec![ApiToken::new("t".repeat(1_200))?]);
    assert_eq!(
        allocations(AutoRefreshingToken::new(tokens).layer(Inner)),
        0
    );
    let registry = TokenRegistry::new(move |_| AutoRefreshingToken::builder(tokens).build());
    let tenants: Vec<_> = (0..64)
        .map(|number| ApiKey::new(format!("key-{number}")).unwrap())
        .collect();
    for tenant in &tenants {
        tokio_test::block_on(registry.get(tenant).unwrap().refresh()).unwrap();
    }
    let of_tenants = |number: usize| {
        let mut request = request();
        request
            .extensions_mut()
            .insert(tenants[number % 64].clone());
        request
    };
    assert_eq!(allocations_of(registry.layer(Inner), of_tenants), 0);
}
