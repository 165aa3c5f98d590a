//! tower-http's `Trace`, `SetSensitiveHeaders` and `FollowRedirect`, outside and inside of each layer, over real sockets.
//! What `Trace` prints is in `tests/log.rs`, a process of its own.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, Request, StatusCode, Uri};
use http_body_util::Empty;
use mobula_auth::{ApiKey, PerRequestAuth};
use tokio::net::TcpListener;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_http::sensitive_headers::SetSensitiveHeadersLayer;
use tower_http::trace::TraceLayer;

use super::each_layer::{each_layer, in_both_orders};
use super::recorder::credential_lines;
use super::{KEY, expected, http_request, hyper_client};

type HttpRequest = Request<Empty<Bytes>>;

#[tokio::test]
async fn trace() {
    in_both_orders::<_, HttpRequest, _>(hyper_client(false), TraceLayer::new_for_http()).await;
}

#[tokio::test]
async fn set_sensitive_headers() {
    let names = [AUTHORIZATION, HeaderName::from_static("x-api-key")];
    let layer = SetSensitiveHeadersLayer::new(names);
    in_both_orders::<_, HttpRequest, _>(hyper_client(false), layer).await;
}

/// What the caller put there itself is marked by `SetSensitiveHeaders` alone, outside; what a layer puts there needs no
/// such help, and takes no harm from it.
#[tokio::test]
async fn set_sensitive_headers_marks_what_the_caller_put_there() {
    let seen = service_fn(async |request: HttpRequest| {
        Ok::<_, tower::BoxError>(http::Response::new(request.headers().clone()))
    });
    let names = [AUTHORIZATION, HeaderName::from_static("x-api-key")];
    let marking = SetSensitiveHeadersLayer::new(names);
    let is_marked = |headers: &HeaderMap| credentials(headers).all(http::HeaderValue::is_sensitive);
    let request = || http_request("http://localhost/");
    for (_, stack) in each_layer::<_, HttpRequest>(&seen) {
        let response = stack.oneshot(request()).await.unwrap();
        assert!(is_marked(response.body()));
    }
    let foreign = || http_request("http://elsewhere.example/");
    for (_, stack) in each_layer::<_, HttpRequest>(&seen) {
        let unmarked = stack.clone().oneshot(foreign()).await.unwrap();
        assert!(!is_marked(unmarked.body()));
        let marked = marking.layer(stack).oneshot(foreign()).await.unwrap();
        assert!(is_marked(marked.body()));
    }
}

fn credentials(headers: &HeaderMap) -> impl Iterator<Item = &http::HeaderValue> {
    headers
        .get_all(AUTHORIZATION)
        .iter()
        .chain(headers.get_all("x-api-key"))
}

#[tokio::test]
async fn follow_redirect() {
    in_both_orders::<_, HttpRequest, _>(hyper_client(false), FollowRedirectLayer::new()).await;
}

/// Outside, each hop passes the layer; inside, the header is carried along. Either way it is there on both hops.
#[tokio::test]
async fn a_redirect_within_an_origin_keeps_the_credential() {
    let (url, hops) = redirecting_server().await;
    let start = format!("{url}/start");
    let client = hyper_client(false);
    let outside = each_layer::<_, HttpRequest>(&client)
        .into_iter()
        .map(|(line, stack)| (line, FollowRedirectLayer::new().layer(stack)));
    for (line, mut stack) in outside {
        hop(&mut stack, &start, &hops, &line).await;
    }
    let redirecting = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .service(client);
    for (line, mut stack) in each_layer::<_, HttpRequest>(&redirecting) {
        hop(&mut stack, &start, &hops, &line).await;
    }
}

/// The credential is taken out of each hop's extensions, and `FollowRedirect` puts a copy into the next hop's.
#[tokio::test]
async fn a_redirect_within_an_origin_keeps_the_requests_own_credential() {
    let (url, hops) = redirecting_server().await;
    let own = |keep| {
        let mut request = http_request(&format!("{url}/start"));
        request.extensions_mut().insert(ApiKey::new(KEY).unwrap());
        ServiceBuilder::new()
            .layer(FollowRedirectLayer::new().preserve_extensions(keep))
            .layer(PerRequestAuth::new())
            .service(hyper_client(false))
            .oneshot(request)
    };
    let line = expected()[0].clone();
    own(true).await.unwrap();
    let arrived = std::mem::take(&mut *hops.lock().unwrap());
    assert_eq!(arrived.len(), 2);
    assert!(arrived.iter().all(|(_, lines)| *lines == [line.as_str()]));

    own(false).await.unwrap();
    let arrived = std::mem::take(&mut *hops.lock().unwrap());
    assert_eq!(arrived[0].1, [line]);
    assert!(arrived[1].1.iter().all(|line| !line.contains(KEY)));
}

async fn hop<S, B>(stack: &mut S, start: &str, hops: &Hops, line: &str)
where
    S: Service<HttpRequest, Response = http::Response<B>, Error: std::fmt::Debug>,
{
    for _ in 0..3 {
        let ready = stack.ready().await.unwrap();
        let response = ready.call(http_request(start)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let arrived = std::mem::take(&mut *hops.lock().unwrap());
        let expected = ["/start", "/end"].map(|path| (path.to_owned(), vec![line.to_owned()]));
        assert_eq!(arrived, expected);
    }
}

/// The path of each request that arrived, and its credentials.
type Hops = Arc<Mutex<Vec<(String, Vec<String>)>>>;

async fn redirecting_server() -> (String, Hops) {
    let hops = Hops::default();
    let note = |hops: &Hops| {
        let hops = Arc::clone(hops);
        move |uri: Uri, headers: &HeaderMap| {
            let arrived = (uri.path().to_owned(), credential_lines(headers));
            hops.lock().unwrap().push(arrived);
        }
    };
    let (at_start, at_end) = (note(&hops), note(&hops));
    let start = async move |uri: Uri, headers: HeaderMap| {
        at_start(uri, &headers);
        Redirect::temporary("/end")
    };
    let end = async move |uri: Uri, headers: HeaderMap| at_end(uri, &headers);
    let router = Router::new()
        .route("/start", get(start))
        .route("/end", get(end));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, hops)
}
