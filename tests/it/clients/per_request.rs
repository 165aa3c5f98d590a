//! `PerRequestAuth`: each request carries a credential of its own, over real sockets.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as Visit, State};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Empty};
use mobula_auth::{
    AddOwnCredential, ApiKey, ApiKeyAuth, ApiToken, KeyHeader, Origins, PerRequestAuth,
};
use static_assertions::assert_not_impl_any;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use super::recorder::{Http2Recorder, RawRecorder, credential_lines};
use super::{KEY, TOKEN, expected, http_request, hyper_client};

// A reqwest request has no extensions to show: this layer around its client must not look as if it worked.
assert_not_impl_any!(AddOwnCredential<reqwest::Client>: Service<reqwest::Request>);

fn with<T>(mut request: Request<Empty<Bytes>>, own: T) -> Request<Empty<Bytes>>
where
    T: Clone + Send + Sync + 'static,
{
    request.extensions_mut().insert(own);
    request
}

fn key() -> ApiKey {
    ApiKey::new(KEY).unwrap()
}

fn token() -> ApiToken {
    ApiToken::new(TOKEN).unwrap()
}

#[tokio::test]
async fn each_form_over_http1_and_http2() {
    let (server, server2) = (RawRecorder::start().await, Http2Recorder::start().await);
    let [raw, bearer_key, x_api_key, bearer, _] = expected();
    let lines = [raw, bearer_key, x_api_key];
    let headers = [
        KeyHeader::Authorization,
        KeyHeader::AuthorizationBearer,
        KeyHeader::XApiKey,
    ];
    for (line, header) in lines.into_iter().zip(headers) {
        let auth = PerRequestAuth::new().header(header);
        let mut stack = auth.layer(hyper_client(false));
        let mut stack2 = auth.layer(hyper_client(true));
        for (own_key, line) in [(true, line.as_str()), (false, bearer.as_str())] {
            let request = |url| {
                let request = with(http_request(url), key());
                if own_key {
                    request
                } else {
                    with(request, token())
                }
            };
            let ready = stack.ready().await.unwrap();
            ready.call(request(server.url())).await.unwrap();
            assert_eq!(server.credential_lines(), [line]);
            let ready = stack2.ready().await.unwrap();
            ready.call(request(server2.url())).await.unwrap();
            assert_eq!(server2.credential_lines(), [line]);
        }
    }
}

/// Nothing of ours, and what the caller put there stays.
#[tokio::test]
async fn a_request_without_a_credential_goes_out_as_it_is() {
    let server = RawRecorder::start().await;
    let as_it_is = [
        "authorization: stale",
        "authorization: staler",
        "x-api-key: old",
    ];
    let stack = PerRequestAuth::new().layer(hyper_client(false));
    let request = || http_request(server.url());
    stack.clone().oneshot(request()).await.unwrap();
    assert_eq!(server.credential_lines(), as_it_is);

    // One before it leaves nothing behind in the stack.
    let mut stack = stack;
    for _ in 0..2 {
        stack.call(with(request(), key())).await.unwrap();
        assert_eq!(server.credential_lines(), [expected()[0].clone()]);
        stack.clone().oneshot(request()).await.unwrap();
        assert_eq!(server.credential_lines(), as_it_is);
    }
}

#[tokio::test]
async fn a_key_outside_is_the_default() {
    let server = RawRecorder::start().await;
    let default = ApiKey::new("key-of-the-house").unwrap();
    let stack = ServiceBuilder::new()
        .layer(ApiKeyAuth::new(default).header(KeyHeader::XApiKey))
        .layer(PerRequestAuth::new())
        .service(hyper_client(false));
    let request = || http_request(server.url());
    stack.clone().oneshot(request()).await.unwrap();
    assert_eq!(server.credential_lines(), ["x-api-key: key-of-the-house"]);
    stack.oneshot(with(request(), key())).await.unwrap();
    assert_eq!(server.credential_lines(), [expected()[0].clone()]);
}

#[tokio::test]
async fn rules_of_the_other_layers_hold() {
    let server = RawRecorder::start().await;
    let bare = || Request::get(server.url()).body(Empty::new()).unwrap();
    let elsewhere = PerRequestAuth::new()
        .origins(Origins::default().without_loopback())
        .layer(hyper_client(false));
    for own in [with(bare(), key()), with(bare(), token())] {
        elsewhere.clone().oneshot(own).await.unwrap();
        assert!(server.credential_lines().is_empty());
    }

    let keeping = PerRequestAuth::new()
        .keep_existing()
        .layer(hyper_client(false));
    let existing = with(http_request(server.url()), key());
    keeping.clone().oneshot(existing).await.unwrap();
    assert_eq!(server.credential_lines(), ["authorization: stale"]);
    keeping.oneshot(with(bare(), key())).await.unwrap();
    assert_eq!(server.credential_lines(), [expected()[0].clone()]);

    let (router, see) = super::router();
    let in_process = || with(http_request("/api/1/market/data"), token());
    let unpinned = PerRequestAuth::new().layer(router.clone());
    unpinned.oneshot(in_process()).await.unwrap();
    assert!(see.borrow().contains("stale"));
    let pinned = PerRequestAuth::new().pinned_origin().layer(router);
    pinned.oneshot(in_process()).await.unwrap();
    assert_eq!(*see.borrow(), expected()[3]);
}

/// Whether it is sent, kept back or given way to another, no service further inside sees it.
#[tokio::test]
async fn nothing_stays_in_the_extensions() {
    let inner = tower::service_fn(async |request: Request<Empty<Bytes>>| {
        let extensions = request.extensions();
        assert!(extensions.get::<ApiKey>().is_none());
        assert!(extensions.get::<ApiToken>().is_none());
        assert_eq!(extensions.get(), Some(&"of somebody else"));
        Ok::<_, std::convert::Infallible>(())
    });
    for uri in ["https://api.mobula.io/", "https://elsewhere.example/", "/"] {
        for auth in [PerRequestAuth::new(), PerRequestAuth::new().keep_existing()] {
            let request = with(with(http_request(uri), key()), token());
            let request = with(request, "of somebody else");
            auth.layer(inner).oneshot(request).await.unwrap();
        }
    }
}

/// An axum service that calls Mobula for its visitors, each with the credential of the visitor's tenant, which a
/// middleware puts into the extensions of the visitor's request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_with_a_credential_for_each_tenant() {
    let mobula = serve(
        Router::new().fallback(async |headers: HeaderMap| credential_lines(&headers).join(" and ")),
    )
    .await;
    let client = PerRequestAuth::new().layer(
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
            .build_http::<Body>(),
    );
    let gateway = Router::new()
        .fallback(pass_on)
        .with_state((client, mobula))
        .layer(from_fn(identify));
    let gateway = serve(gateway).await;

    let visitor = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut visits = JoinSet::new();
    for visit in 0..600 {
        let tenant = visit % 20;
        let request = visitor
            .get(format!("{gateway}/api/1/market/data?visit={visit}"))
            .header("tenant", tenant);
        visits.spawn(async move {
            let answer = request.send().await.unwrap().text().await.unwrap();
            let expected = match tenant % 2 {
                0 => format!("authorization: key-of-tenant-{tenant}"),
                _ => format!("authorization: Bearer token-of-tenant-{tenant}"),
            };
            assert_eq!(answer, expected);
        });
    }
    while let Some(visit) = visits.join_next().await {
        visit.unwrap();
    }
}

async fn identify(mut visit: Visit, next: Next) -> Response {
    let tenant = visit.headers_mut().remove("tenant").unwrap();
    let tenant: u32 = tenant.to_str().unwrap().parse().unwrap();
    if tenant % 2 == 0 {
        let key = ApiKey::new(format!("key-of-tenant-{tenant}")).unwrap();
        visit.extensions_mut().insert(key);
    } else {
        let token = ApiToken::new(format!("token-of-tenant-{tenant}")).unwrap();
        visit.extensions_mut().insert(token);
    }
    next.run(visit).await
}

type Client = AddOwnCredential<
    hyper_util::client::legacy::Client<hyper_util::client::legacy::connect::HttpConnector, Body>,
>;

async fn pass_on(State((client, mobula)): State<(Client, String)>, mut visit: Visit) -> Response {
    let path = visit.uri().path_and_query().unwrap();
    *visit.uri_mut() = format!("{mobula}{path}").parse().unwrap();
    visit.headers_mut().remove("host");
    let answer = client.oneshot(visit).await.unwrap();
    answer.map(|body| Body::new(body.map_err(axum::Error::new)))
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}
