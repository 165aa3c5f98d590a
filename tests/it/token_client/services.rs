//! The HTTP clients that it runs on, and what it is to others.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{delete, post};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use mobula_auth::{ApiKey, ApiToken, CreateTokens, TokenClient, TokenSource};
use tower::{BoxError, Service, ServiceBuilder};

fn key() -> ApiKey {
    ApiKey::new("key").unwrap()
}

fn router() -> Router {
    let create = async |headers: HeaderMap, body: String| {
        assert_eq!(headers["authorization"], "key");
        assert!(body.contains("\"count\":1,"));
        let json = [("content-type", "application/json")];
        (json, r#"{"token":"opaque","id":"1"}"#)
    };
    Router::new()
        .route("/api/2/auth/tokens", post(create))
        .route("/api/2/auth/tokens/{id}", delete(async || ()))
}

#[tokio::test]
async fn a_router_will_do() {
    let client = TokenClient::new(router(), key());
    let token = client
        .create(CreateTokens::default())
        .await
        .unwrap()
        .remove(0);
    assert_eq!(token.expose_secret(), "opaque");
    client.revoke("1").await.unwrap();
    let error = client.revoke("1/2").await;
    assert!(error.is_ok(), "an encoded slash is part of the id");
}

#[tokio::test]
async fn a_stack_with_errors_of_its_own_will_do() {
    let stack = ServiceBuilder::new()
        .map_err(|error: BoxError| error)
        .buffer(4)
        .concurrency_limit(1)
        .service(router());
    let client = TokenClient::new(stack, key());
    for _ in 0..3 {
        client.create(CreateTokens::default()).await.unwrap();
    }
}

/// The instance that was polled ready is the one that is called, and it is a clone.
#[tokio::test]
async fn readiness_is_waited_for_on_a_clone() {
    struct PollMe {
        ready: bool,
        is_clone: bool,
    }
    impl Clone for PollMe {
        fn clone(&self) -> Self {
            Self {
                ready: false,
                is_clone: true,
            }
        }
    }
    impl Service<Request<Full<Bytes>>> for PollMe {
        type Response = Response<Full<Bytes>>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            if self.ready {
                return Poll::Ready(Ok(()));
            }
            self.ready = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }

        fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
            assert!(self.ready && self.is_clone);
            std::future::ready(Ok(Response::new(Full::from("[]"))))
        }
    }
    let http_client = PollMe {
        ready: false,
        is_clone: false,
    };
    assert!(
        TokenClient::new(http_client, key())
            .list()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_for_a_client_that_is_never_ready() {
    let full = ServiceBuilder::new()
        .concurrency_limit(1)
        .service(tower::service_fn(async |_: Request<Full<Bytes>>| {
            std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>().await
        }));
    let client = TokenClient::new(full, key()).deadline(Duration::from_secs(3));
    let (one, other) = tokio::join!(client.list(), client.list());
    for error in [one.unwrap_err(), other.unwrap_err()] {
        assert!(error.to_string().contains("within 3s"), "{error}");
    }
}

#[tokio::test]
async fn it_is_a_source_of_tokens() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    async fn use_source(source: impl TokenSource + Clone) {
        let tokens = is_send(source.create(CreateTokens::default()))
            .await
            .unwrap();
        is_send(source.revoke(tokens[0].clone())).await.unwrap();
    }
    use_source(TokenClient::new(router(), key())).await;

    let called = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&called);
    let http_client = tower::service_fn(move |_: Request<Full<Bytes>>| {
        flag.store(true, Ordering::Relaxed);
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let client = TokenClient::new(http_client, key());
    let without_id = ApiToken::new("opaque").unwrap();
    TokenSource::revoke(&client, without_id.clone())
        .await
        .unwrap();
    assert!(
        !called.load(Ordering::Relaxed),
        "without an id there is nothing to send"
    );
    TokenSource::revoke(&client, without_id.with_id("1"))
        .await
        .unwrap();
    assert!(called.load(Ordering::Relaxed));
}
