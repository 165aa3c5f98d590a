//! Services that live long send a copy of the current token, and take requests off its budget in parts.

use http::{Request, Response, StatusCode};
use mobula_auth::AutoRefreshingToken;
use tower::{BoxError, Layer, Service, service_fn};

use super::script::{Answer, Server, Source, request};

/// More than it takes to get a copy.
const MANY: usize = 20;

fn service(
    auth: &AutoRefreshingToken,
    server: &Server,
) -> impl Service<Request<()>, Response = Response<String>, Error = BoxError> + Clone + use<> {
    let server = server.clone();
    auth.layer(service_fn(move |request: Request<()>| {
        server.clone().answer(request)
    }))
}

/// Sends one request through this very service, and gives the token that it carried, or the status.
async fn send<S>(service: &mut S) -> Result<String, StatusCode>
where
    S: Service<Request<()>, Response = Response<String>, Error = BoxError>,
{
    std::future::poll_fn(|cx| service.poll_ready(cx))
        .await
        .unwrap();
    let response = service.call(request()).await.unwrap();
    match response.status() {
        StatusCode::OK => Ok(response.into_body()),
        status => Err(status),
    }
}

/// H1: idle services hold parts of the budget, and yet no request waits while there are some left.
#[tokio::test(start_paused = true)]
async fn h1_the_last_requests_of_a_budget_are_called_in() {
    const LIMIT: usize = 4_000;
    let source = Source::default().then(Answer::AsAsked).then(Answer::Hang);
    let auth = AutoRefreshingToken::builder(source)
        .request_limit(LIMIT as u64)
        .standby(0)
        .build()
        .unwrap();
    let server = Server::default();
    let mut services: Vec<_> = (0..5).map(|_| service(&auth, &server)).collect();
    for service in &mut services {
        for _ in 0..MANY {
            send(service).await.unwrap();
        }
    }
    for sent in 5 * MANY..LIMIT {
        let left = auth.status().requests_left();
        assert_eq!(left, Some((LIMIT - sent) as u64));
        let mut sending = tokio_test::task::spawn(send(&mut services[0]));
        assert!(sending.poll().is_ready(), "request {sent} waits");
    }
    assert!(
        tokio_test::task::spawn(send(&mut services[0]))
            .poll()
            .is_pending()
    );
    assert_eq!(server.seen().len(), LIMIT);
}

/// R9, H6: after a replacement, each service sends the new token with its very next request.
#[tokio::test(start_paused = true)]
async fn a_service_with_a_copy_sends_the_new_token_at_once() {
    let auth = AutoRefreshingToken::builder(Source::default())
        .standby(0)
        .build()
        .unwrap();
    let server = Server::default();
    let mut services: Vec<_> = (0..3).map(|_| service(&auth, &server)).collect();
    for generation in 1..=4 {
        for service in &mut services {
            for _ in 0..MANY {
                let token = send(service).await.unwrap();
                assert_eq!(token, format!("Bearer token-{generation}"));
            }
        }
        // One that was cloned has the copy of a token that is replaced before it sends.
        let mut clone = services[0].clone();
        auth.refresh().await.unwrap();
        let token = send(&mut clone).await.unwrap();
        assert_eq!(token, format!("Bearer token-{}", generation + 1));
    }
}

/// R9: a 401 in answer to one service's copy takes the token from all.
#[tokio::test(start_paused = true)]
async fn a_401_for_one_copy_ends_them_all() {
    let auth = AutoRefreshingToken::builder(Source::default())
        .standby(1)
        .build()
        .unwrap();
    let server = Server::default();
    let mut services: Vec<_> = (0..3).map(|_| service(&auth, &server)).collect();
    for service in &mut services {
        for _ in 0..MANY {
            assert_eq!(send(service).await.unwrap(), "Bearer token-1");
        }
    }
    server.reject("token-1");
    assert_eq!(send(&mut services[0]).await, Err(StatusCode::UNAUTHORIZED));
    for service in &mut services {
        assert_eq!(send(service).await.unwrap(), "Bearer token-2");
    }
}

/// After a shutdown no copy is sent.
#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_copies_too() {
    let auth = AutoRefreshingToken::new(Source::default());
    let server = Server::default();
    let mut service = service(&auth, &server);
    for _ in 0..MANY {
        send(&mut service).await.unwrap();
    }
    auth.shutdown().await;
    let error = service.call(request()).await.unwrap_err();
    assert!(super::script::ours(&error).is_shut_down());
    assert_eq!(server.seen().len(), MANY);
}
