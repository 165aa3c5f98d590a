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
    assert_eq!(sent[9], "Bearer token-1", "it is spent to the last request");
    assert_eq!(sent[10], "Bearer token-2", "which was there by then");
    assert_eq!(
        source.creates(),
        11,
        "one for the start, and one for each that was nearly spent"
    );
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

/// The soft point follows the measured rate: what is left lasts until the new tokens are there.
#[tokio::test(start_paused = true)]
async fn r14_the_reserve_follows_the_measured_rate() {
    let slow = || Answer::After(seconds(8), Box::new(Answer::AsAsked));
    let source = Source::default()
        .then(slow())
        .then(slow())
        .then(slow())
        .then(slow());
    let (auth, server) = (auth_with(&source, 1_000, 0), Server::default());
    send(&auth, &server).await.unwrap();
    // 50 requests a second: 20 % of 1,000 would be gone in 4 s, half the time that new tokens take.
    for _ in 0..2_500 {
        let start = tokio::time::Instant::now();
        send(&auth, &server).await.unwrap();
        assert_eq!(start.elapsed(), seconds(0), "nobody waits");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(source.creates() >= 3);
}

#[tokio::test(start_paused = true)]
async fn a_cost_of_the_requests_head_counts_in_place_of_1() {
    let source = Source::default();
    let auth = AutoRefreshingToken::builder(source.clone())
        .request_limit(100)
        .standby(0)
        .cost(|head| if head.path() == "/graphql" { 30 } else { 1 })
        .build()
        .unwrap();
    let mut service = tower::Layer::layer(
        &auth,
        service_fn(|request: http::Request<()>| Server::default().answer(request)),
    );
    let mut send = async |path: &str| {
        let request = http::Request::post(format!("https://graphql.mobula.io{path}"))
            .body(())
            .unwrap();
        service
            .ready()
            .await
            .unwrap()
            .call(request)
            .await
            .unwrap()
            .into_body()
    };
    assert_eq!(send("/graphql").await, "Bearer token-1");
    assert_eq!(auth.status().requests_left(), Some(70));
    send("/other").await;
    assert_eq!(auth.status().requests_left(), Some(69));
    send("/graphql").await;
    send("/graphql").await;
    assert_eq!(auth.status().requests_left(), Some(9));
    assert_eq!(
        send("/graphql").await,
        "Bearer token-2",
        "9 are not enough for 30"
    );
    assert_eq!(auth.status().requests_left(), Some(70));
}

/// A `refresh()` that was refused is over: it has no say in what a later refresh does with what is left of a token.
#[tokio::test(start_paused = true)]
async fn a_refused_refresh_throws_nothing_away_later() {
    let source = Source::default()
        .then(Answer::AsAsked)
        .then(Answer::Fail("down"));
    let (auth, server) = (auth_with(&source, 100, 0), Server::default());
    send(&auth, &server).await.unwrap();
    auth.refresh().await.unwrap_err();
    auth.refresh().await.unwrap_err();
    assert_eq!(source.creates(), 2, "the second one was refused");
    tokio::time::advance(seconds(1)).await;
    for _ in 1..100 {
        assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-1");
        tokio::task::yield_now().await;
    }
    assert_eq!((auth.status().standby(), source.creates()), (1, 3));
}

/// R14: a token that stands by, and dies before it is needed, is no reason to refresh later.
#[tokio::test(start_paused = true)]
async fn r14_only_tokens_that_last_count_as_a_reserve() {
    let hour = seconds(3_600);
    let source =
        Source::default().then(Answer::Tokens(vec![("long", hour), ("short", seconds(60))]));
    let (auth, server) = (auth_with(&source, 100, 1), Server::default());
    for _ in 0..80 {
        assert_eq!(send(&auth, &server).await.unwrap(), "Bearer long");
        assert_eq!(source.creates(), 1);
        tokio::time::advance(seconds(1)).await;
    }
    for _ in 80..100 {
        assert_eq!(send(&auth, &server).await.unwrap(), "Bearer long");
        tokio::task::yield_now().await;
        assert_eq!(source.creates(), 2);
    }
}
