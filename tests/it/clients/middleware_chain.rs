//! `reqwest_middleware`: the layers around a client with middleware, and inside of its chain, over real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::{Extensions, StatusCode};
use mobula_auth::emulator::{Emulator, Endpoint, Fault};
use mobula_auth::{
    ApiKey, ApiToken, AutoRefreshingToken, CreateTokens, Error, KeyHeader, Origins, PerRequestAuth,
    ReplayRejected, TokenClient,
};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use reqwest_retry::policies::ExponentialBackoff;
use reqwest_retry::{
    DefaultRetryableStrategy, RetryTransientMiddleware, Retryable, RetryableStrategy,
};
use tower::retry::RetryLayer;
use tower::{Layer, ServiceBuilder, ServiceExt};

use super::each_layer::{drive, each_layer};
use super::recorder::RawRecorder;
use super::{KEY, TOKEN, api_key_auth, bearer_auth, expected, refreshing, reqwest_request};

fn builder() -> ClientBuilder {
    ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
}

/// A client with middleware is a tower service itself.
#[tokio::test]
async fn layers_around_a_client_with_middleware() {
    let server = RawRecorder::start().await;
    let passes = Passes::default();
    let client = builder().with(passes.clone()).build();
    for (line, stack) in each_layer::<_, reqwest::Request>(&client) {
        drive(stack, &server, &line).await;
    }
    assert_eq!(passes.count(), 15);
}

#[tokio::test]
async fn layers_inside_of_the_chain() {
    let server = RawRecorder::start().await;
    let chains: [Arc<dyn Middleware>; 5] = [
        Arc::new(api_key_auth(KeyHeader::Authorization)),
        Arc::new(api_key_auth(KeyHeader::AuthorizationBearer)),
        Arc::new(api_key_auth(KeyHeader::XApiKey)),
        Arc::new(bearer_auth()),
        Arc::new(refreshing()),
    ];
    for (line, auth) in expected().into_iter().zip(chains) {
        let (outside, inside) = (Passes::default(), Passes::default());
        let client = builder()
            .with(outside.clone())
            .with_arc(auth)
            .with(inside.clone())
            .build();
        for sent in 1..=3 {
            let request = reqwest_request(server.url());
            assert_eq!(client.execute(request).await.unwrap().status(), 200);
            assert_eq!(server.credential_lines(), [line.as_str()]);
            assert_eq!((outside.count(), inside.count()), (sent, sent));
        }
    }
}

/// A chain has extensions beside the request: there, each request can carry a credential of its own.
#[tokio::test]
async fn a_credential_for_each_request_of_a_chain() {
    let server = RawRecorder::start().await;
    let auth = PerRequestAuth::new().header(KeyHeader::XApiKey);
    let client = builder().with(auth.clone()).build();
    let [_, _, x_api_key, token, _] = expected();
    let get = || client.get(server.url());
    let with_key = || get().with_extension(ApiKey::new(KEY).unwrap());

    with_key().send().await.unwrap();
    assert_eq!(server.credential_lines(), [x_api_key]);
    let with_both = with_key().with_extension(ApiToken::new(TOKEN).unwrap());
    with_both.send().await.unwrap();
    assert_eq!(server.credential_lines(), [token]);
    get().send().await.unwrap();
    assert!(server.credential_lines().is_empty());

    let elsewhere = auth.origins(Origins::default().without_loopback());
    let client = builder().with(elsewhere).build();
    let with_key = client
        .get(server.url())
        .with_extension(ApiKey::new(KEY).unwrap());
    with_key.send().await.unwrap();
    assert!(server.credential_lines().is_empty());
}

/// Tries again at once, once, after a 401 too.
fn retry_once() -> impl Middleware {
    struct AlsoAfter401;
    impl RetryableStrategy for AlsoAfter401 {
        fn handle(
            &self,
            result: &Result<reqwest::Response, reqwest_middleware::Error>,
        ) -> Option<Retryable> {
            match result {
                Ok(response) if response.status() == StatusCode::UNAUTHORIZED => {
                    Some(Retryable::Transient)
                }
                _ => DefaultRetryableStrategy.handle(result),
            }
        }
    }
    let policy = ExponentialBackoff::builder()
        .retry_bounds(Duration::ZERO, Duration::ZERO)
        .build_with_max_retries(1);
    RetryTransientMiddleware::new_with_policy_and_strategy(policy, AlsoAfter401)
}

struct Mission {
    emulator: Emulator,
    server: mobula_auth::emulator::Server,
    auth: AutoRefreshingToken,
}

impl Mission {
    async fn start() -> Self {
        let emulator = Emulator::new();
        let server = emulator.serve().await.unwrap();
        let key = ApiKey::new(emulator.api_key()).unwrap();
        let tokens = TokenClient::reqwest(key).unwrap();
        let auth = AutoRefreshingToken::new(tokens.base_url(server.url()).unwrap());
        Self {
            emulator,
            server,
            auth,
        }
    }

    fn request(&self) -> reqwest::Request {
        let url = format!("{}/api/1/market/data?asset=bitcoin", self.server.url());
        reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap())
    }

    async fn revoke_the_token_in_use(&self) {
        let lease = self.auth.lease().await.unwrap();
        assert!(self.emulator.revoke_token(lease.token().id().unwrap()));
    }
}

/// Inside of a retry, each try gets the token of its moment.
#[tokio::test]
async fn each_try_of_reqwest_retry_gets_the_next_token() {
    let mission = Mission::start().await;
    let client = builder()
        .with(retry_once())
        .with(mission.auth.clone())
        .build();
    let send = async || client.execute(mission.request()).await.unwrap().status();
    assert_eq!(send().await, StatusCode::OK);
    mission.revoke_the_token_in_use().await;
    assert_eq!(send().await, StatusCode::OK);
    let counts = mission.emulator.counts();
    assert_eq!((counts.data.received, counts.data.denied), (3, 1));
    assert_eq!((counts.create.received, counts.violations), (1, 0));
}

/// A credential of the request's own is there for each try.
#[tokio::test]
async fn each_try_of_reqwest_retry_finds_the_requests_own_credential() {
    let mission = Mission::start().await;
    let client = builder()
        .with(retry_once())
        .with(PerRequestAuth::new())
        .build();
    let busy = Fault::status(StatusCode::SERVICE_UNAVAILABLE);
    mission.emulator.fault(busy.on(Endpoint::Data));
    let mut extensions = Extensions::new();
    extensions.insert(ApiKey::new(mission.emulator.api_key()).unwrap());
    let sent = client.execute_with_extensions(mission.request(), &mut extensions);
    assert_eq!(sent.await.unwrap().status(), StatusCode::OK);
    let counts = mission.emulator.counts();
    assert_eq!((counts.data.received, counts.data.denied), (2, 1));
}

/// `ReplayRejected` goes around the whole client: the mark that it goes by comes through the chain.
#[tokio::test]
async fn a_rejected_request_is_replayed_around_the_chain() {
    let mission = Mission::start().await;
    let chain = builder().with(mission.auth.clone()).build();
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(ReplayRejected::default()))
        .service(chain);
    let send = async || {
        let sent = client.clone().oneshot(mission.request()).await;
        sent.unwrap().status()
    };
    assert_eq!(send().await, StatusCode::OK);
    mission.revoke_the_token_in_use().await;
    assert_eq!(send().await, StatusCode::OK);
    let counts = mission.emulator.counts();
    assert_eq!((counts.data.received, counts.data.denied), (3, 1));
}

/// The rest of the chain's errors stay what they are; ours are a middleware's, and can be told apart.
#[tokio::test]
async fn errors_of_a_chain_stay_what_they_are() {
    let nobody_listens = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for client in [
        builder().with(refreshing()).build(),
        builder().with(bearer_auth()).build(),
        builder()
            .with(api_key_auth(KeyHeader::Authorization))
            .build(),
    ] {
        let error = client.get(&nobody_listens).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
    }

    let no_tokens = async |_: CreateTokens| Err::<Vec<ApiToken>, _>(Error::other("none today"));
    let auth = AutoRefreshingToken::builder(no_tokens)
        .max_waiting(0)
        .build()
        .unwrap();
    let client = builder().with(auth).build();
    let error = client.get(&nobody_listens).send().await.unwrap_err();
    let reqwest_middleware::Error::Middleware(error) = error else {
        panic!("{error:?} is not a middleware's")
    };
    assert!(error.downcast_ref::<Error>().unwrap().is_transient());
}

#[derive(Clone)]
struct Note(&'static str);

/// The chain's extensions reach those inside, come back to those outside, and outlive a request that is given up.
#[tokio::test]
async fn extensions_of_a_chain_pass_through() {
    struct Takes;
    #[async_trait]
    impl Middleware for Takes {
        async fn handle(
            &self,
            request: reqwest::Request,
            extensions: &mut Extensions,
            next: Next<'_>,
        ) -> reqwest_middleware::Result<reqwest::Response> {
            let Note(text) = extensions.insert(Note("answer")).unwrap();
            assert_eq!(text, "question");
            next.run(request, extensions).await
        }
    }
    let server = RawRecorder::start().await;
    let auths: [Arc<dyn Middleware>; 3] = [
        Arc::new(refreshing()),
        Arc::new(bearer_auth()),
        Arc::new(api_key_auth(KeyHeader::Authorization)),
    ];
    for auth in auths {
        let client: ClientWithMiddleware = builder().with_arc(auth).with(Takes).build();
        let mut extensions = Extensions::new();
        extensions.insert(Note("question"));
        let request = reqwest_request(server.url());
        let sent = client.execute_with_extensions(request, &mut extensions);
        sent.await.unwrap();
        assert_eq!(extensions.get::<Note>().unwrap().0, "answer");

        extensions.insert(Note("question"));
        let request = reqwest_request(server.url());
        let given_up = client.execute_with_extensions(request, &mut extensions);
        let mut given_up = tokio_test::task::spawn(given_up);
        tokio_test::assert_pending!(given_up.poll());
        drop(given_up);
        assert!(extensions.get::<Note>().is_some());
    }
}

/// Counts what passes.
#[derive(Clone, Default)]
struct Passes(Arc<AtomicUsize>);

impl Passes {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Middleware for Passes {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        self.0.fetch_add(1, Ordering::Relaxed);
        next.run(request, extensions).await
    }
}

/// The middleware and the layer are one handle: a rotation reaches both.
#[tokio::test]
async fn a_rotation_reaches_the_chain() {
    let server = RawRecorder::start().await;
    let auth = api_key_auth(KeyHeader::Authorization);
    let client = builder().with(auth.clone()).build();
    let around = auth.layer(builder().build());
    auth.rotate(ApiKey::new("next-key").unwrap());
    client.get(server.url()).send().await.unwrap();
    assert_eq!(server.credential_lines(), ["authorization: next-key"]);
    around.oneshot(reqwest_request(server.url())).await.unwrap();
    assert_eq!(server.credential_lines(), ["authorization: next-key"]);
}
