//! The budget axis: a token is also used up by requests.

use http::StatusCode;
use mobula_auth::AutoRefreshingToken;
use tower::{Service, ServiceExt, service_fn};

use super::script::{Answer, Server, Source, answer, request, seconds, send};

fn auth_with(source: &Source, limit: u64, standby: u32) -> AutoRefreshingToken {
    AutoRefreshingToken::builder(source.clone())
        .request_limit(limit)
        .standby(standby)
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_spent_token_makes_way_for_a_standby_without_any_network() {
    let source = Source::default().then(Answer::AsAsked).then(Answer::Hang);
    let (auth, server) = (auth_with(&source, 10, 2), Server::default());
    for sent in 0..28 {
        let token = send(&auth, &server).await.unwrap();
        assert_eq!(
            token,
            format!("Bearer token-{}", sent / 10 + 1),
            "request {sent}"
        );
        assert_eq!(source.creates(), 1, "request {sent}");
    }
}

/// R14: the last token's reserve is what the refresh lives on, and no request ever goes over the limit.
#[tokio::test(start_paused = true)]
async fn r14_the_last_token_is_replaced_before_it_is_spent() {
    let source = Source::default();
    let (auth, server) = (auth_with(&source, 10, 0), Server::default());
    let mut sent = Vec::new();
    for _ in 0..100 {
        sent.push(send(&auth, &server).await.unwrap());
        tokio::time::sleep(seconds(1)).await;
    }
    for token in sent.clone() {
        assert!(sent.iter().filter(|other| **other == token).count() <= 10);
    }
    assert_eq!(
        sent[8], "Bearer token-1",
        "the ninth request leaves two, and starts the refresh"
    );
    assert_eq!(sent[9], "Bearer token-2");
}

#[tokio::test(start_paused = true)]
async fn no_token_is_sent_over_its_limit_by_concurrent_requests() {
    let source = Source::default();
    let (auth, server) = (
        auth_with(&source, 7, 1),
        Server::default().with_latency(seconds(1)),
    );
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let (auth, server) = (auth.clone(), server.clone());
        callers.spawn(async move { send(&auth, &server).await.unwrap() });
    }
    let sent = callers.join_all().await;
    assert_eq!(sent.len(), 500);
    let most = sent
        .iter()
        .map(|token| sent.iter().filter(|other| *other == token).count())
        .max();
    assert!(most <= Some(7), "{most:?}");
}

/// A 429 is about the rate: unless our own count says that the token is spent, it stays.
#[tokio::test(start_paused = true)]
async fn a_429_replaces_nothing() {
    let source = Source::default();
    let auth = auth_with(&source, 1_000, 1);
    let mut service = tower::Layer::layer(
        &auth,
        service_fn(|_: http::Request<()>| async {
            let response = http::Response::builder()
                .status(StatusCode::TOO_MANY_REQUESTS)
                .body(());
            Ok::<_, std::convert::Infallible>(response.unwrap())
        }),
    );
    for _ in 0..100 {
        let response = service
            .ready()
            .await
            .unwrap()
            .call(request())
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!((source.creates(), auth.status().generation()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_source_is_asked_for_the_current_token_and_the_standbys() {
    let source = Source::default();
    let auth = auth_with(&source, 123, 3);
    assert_eq!(
        answer(&auth, &Server::default()).await.unwrap().status(),
        StatusCode::OK
    );
    let asked = source.asked()[0];
    assert_eq!(
        (
            asked.get_count(),
            asked.get_request_limit(),
            asked.get_lifetime()
        ),
        (4, 123, seconds(3_600))
    );
    assert_eq!(auth.status().standby(), 3);
    assert_eq!(auth.status().requests_left(), Some(122));
}
