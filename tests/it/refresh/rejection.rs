//! R8, R9: what a 401 does, and what it must not do.

use std::convert::Infallible;

use http::StatusCode;
use http::header::AUTHORIZATION;
use mobula_auth::{AutoRefreshingToken, ReplayRejected};
use tokio::sync::watch;
use tokio::time::advance;
use tower::retry::RetryLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use super::script::{Answer, Server, Source, answer, request, seconds, send};

#[tokio::test(start_paused = true)]
async fn a_revoked_token_heals_with_no_failed_call_where_a_standby_exists() {
    let source = Source::default().then(Answer::AsAsked).then(Answer::Hang);
    let (auth, server) = (AutoRefreshingToken::new(source.clone()), Server::default());
    let inner = server.clone();
    let mut client = ServiceBuilder::new()
        .layer(RetryLayer::new(ReplayRejected::default()))
        .layer(auth.clone())
        .service(service_fn(move |request: http::Request<()>| {
            inner.clone().answer(request)
        }));
    let mut call = async || client.ready().await.unwrap().call(request()).await.unwrap();

    assert_eq!(call().await.body(), "Bearer token-1");
    server.reject("token-1");
    let response = call().await;
    assert_eq!(
        (response.status(), response.body().as_str()),
        (StatusCode::OK, "Bearer token-2")
    );
    assert_eq!(
        server.seen(),
        ["Bearer token-1", "Bearer token-1", "Bearer token-2"]
    );
    assert_eq!(source.creates(), 1, "the swap cost no network");
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_without_a_standby_is_replaced_by_one_create_request() {
    let source = Source::default();
    let auth = AutoRefreshingToken::builder(source.clone())
        .standby(0)
        .build()
        .unwrap();
    let server = Server::default();
    send(&auth, &server).await.unwrap();
    server.reject("token-1");
    assert_eq!(
        answer(&auth, &server).await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-2");
    assert_eq!(source.creates(), 2);
}

/// R9, H6: a 401 that arrives late is about a token that has been replaced already.
#[tokio::test(start_paused = true)]
async fn r9_a_late_401_does_not_drop_a_newer_token() {
    let source = Source::default();
    let auth = AutoRefreshingToken::builder(source.clone())
        .standby(0)
        .build()
        .unwrap();
    let slow = Server::default().with_latency(seconds(5));
    slow.reject("token-1");
    send(&auth, &Server::default()).await.unwrap();

    let late: Vec<_> = (0..100)
        .map(|_| {
            let (auth, slow) = (auth.clone(), slow.clone());
            tokio::spawn(async move { answer(&auth, &slow).await.unwrap().status() })
        })
        .collect();
    tokio::time::sleep(seconds(1)).await;
    auth.refresh().await.unwrap();
    assert_eq!(auth.status().generation(), 2);

    for answer in late {
        assert_eq!(answer.await.unwrap(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!((auth.status().generation(), source.creates()), (2, 2));
    assert_eq!(
        send(&auth, &Server::default()).await.unwrap(),
        "Bearer token-2"
    );
}

#[tokio::test(start_paused = true)]
async fn many_401s_for_one_token_cause_one_create_request() {
    let source = Source::default();
    let auth = AutoRefreshingToken::builder(source.clone())
        .standby(0)
        .build()
        .unwrap();
    let slow = Server::default().with_latency(seconds(1));
    slow.reject("token-1");
    let answers: Vec<_> = (0..1_000)
        .map(|_| {
            let (auth, slow) = (auth.clone(), slow.clone());
            tokio::spawn(async move { answer(&auth, &slow).await.unwrap().status() })
        })
        .collect();
    for answer in answers {
        assert_eq!(answer.await.unwrap(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(
        send(&auth, &Server::default()).await.unwrap(),
        "Bearer token-2"
    );
    assert_eq!(source.creates(), 2);
}

/// R8: a server that answers 401 whatever the token is costs a few create requests, not one a request;
/// meanwhile its answers go through to the callers.
#[tokio::test(start_paused = true)]
async fn r8_a_server_that_rejects_everything_trips_the_breaker() {
    let source = Source::default();
    let auth = AutoRefreshingToken::builder(source.clone())
        .standby(0)
        .build()
        .unwrap();
    let server = Server::default().rejecting_all();
    for _ in 0..60 {
        for _ in 0..10 {
            assert_eq!(
                answer(&auth, &server).await.unwrap().status(),
                StatusCode::UNAUTHORIZED
            );
        }
        advance(seconds(1)).await;
    }
    assert_eq!(
        source.creates(),
        3,
        "the first token, and two that answer rejections"
    );
    for _ in 0..3_600 {
        assert_eq!(
            answer(&auth, &server).await.unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
        advance(seconds(1)).await;
    }
    assert!(source.creates() <= 63, "{}", source.creates());
}

/// H8: a request is sent twice at most.
#[tokio::test(start_paused = true)]
async fn h8_a_request_is_replayed_once_at_most() {
    let source = Source::default();
    let auth = AutoRefreshingToken::builder(source.clone())
        .standby(20)
        .build()
        .unwrap();
    let server = Server::default().rejecting_all();
    let inner = server.clone();
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(ReplayRejected::default()))
        .layer(auth)
        .service(service_fn(move |request: http::Request<()>| {
            inner.clone().answer(request)
        }));
    assert_eq!(
        client.oneshot(request()).await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(server.seen(), ["Bearer token-1", "Bearer token-2"]);
}

/// Without a way to a better one, a rejected token stays: perhaps it is not the token that is wrong.
#[tokio::test(start_paused = true)]
async fn a_rejected_token_stays_while_no_other_can_be_had() {
    let source = Source::default()
        .then(Answer::AsAsked)
        .then(Answer::Fail("down"));
    let auth = AutoRefreshingToken::builder(source.clone())
        .standby(0)
        .build()
        .unwrap();
    let server = Server::default();
    send(&auth, &server).await.unwrap();
    auth.refresh().await.unwrap_err();
    server.reject("token-1");
    assert_eq!(
        answer(&auth, &server).await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(auth.status().generation(), 1);
    assert!(auth.status().expires_in().is_some());
}

/// H9: where all tokens were revoked at once, those that stand by are as dead, and are not tried one by one.
#[tokio::test(start_paused = true)]
async fn h9_dead_standby_tokens_do_not_hold_up_the_next_create_request() {
    let source = Source::default();
    let auth = AutoRefreshingToken::builder(source.clone())
        .standby(24)
        .build()
        .unwrap();
    let server = Server::default();
    send(&auth, &server).await.unwrap();
    for number in 1..=25 {
        server.reject(&format!("token-{number}"));
    }
    for _ in 0..3 {
        assert_eq!(
            answer(&auth, &server).await.unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-26");
    assert_eq!(source.creates(), 2);
}

/// A token that was accepted and then rejected says nothing of those that stand by.
#[tokio::test(start_paused = true)]
async fn a_standby_that_was_accepted_is_no_sign_of_a_dead_batch() {
    let source = Source::default();
    let auth = AutoRefreshingToken::builder(source.clone())
        .standby(3)
        .build()
        .unwrap();
    let server = Server::default();
    for number in 1..=4 {
        assert_eq!(
            send(&auth, &server).await.unwrap(),
            format!("Bearer token-{number}")
        );
        server.reject(&format!("token-{number}"));
        assert_eq!(
            answer(&auth, &server).await.unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-5");
    assert_eq!(source.creates(), 2, "the fourth had nobody to stand by");
}

/// H1: suspects are not given up for a create request that may fail: they are tried if it does.
#[tokio::test(start_paused = true)]
async fn h1_suspected_standby_tokens_are_kept_for_when_no_other_can_be_had() {
    for outage in [Answer::Fail("down"), Answer::Hang] {
        let source = Source::default().then(Answer::AsAsked).then(outage);
        let auth = AutoRefreshingToken::builder(source.clone())
            .standby(24)
            .build()
            .unwrap();
        let server = Server::default();
        send(&auth, &server).await.unwrap();
        for number in 1..=3 {
            server.reject(&format!("token-{number}"));
            assert_eq!(
                answer(&auth, &server).await.unwrap().status(),
                StatusCode::UNAUTHORIZED
            );
        }
        assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-4");
        assert_eq!(source.creates(), 2);
    }
}

/// H9: also while new ones are being created for another reason, suspects are not tried.
#[tokio::test(start_paused = true)]
async fn h9_suspects_wait_for_the_attempt_that_is_under_way() {
    let slow = Answer::After(seconds(5), Box::new(Answer::AsAsked));
    let source = Source::default().then(Answer::AsAsked).then(slow);
    let auth = AutoRefreshingToken::builder(source.clone())
        .standby(2)
        .build()
        .unwrap();
    let server = Server::default();
    for number in 1..=3 {
        server.reject(&format!("token-{number}"));
    }
    let first = answer(&auth, &server).await.unwrap();
    assert_eq!(first.status(), StatusCode::UNAUTHORIZED);
    let handle = auth.clone();
    let refresh = tokio::spawn(async move { handle.refresh().await });
    tokio::task::yield_now().await;
    assert!(auth.status().is_refreshing());
    let second = answer(&auth, &server).await.unwrap();
    assert_eq!(second.body(), "Bearer token-2");

    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-4");
    refresh.await.unwrap().unwrap();
    assert_eq!(source.creates(), 2);
}

/// H1: a suspect that somebody had to use at the end of a wait is there for all who wait.
#[tokio::test(start_paused = true)]
async fn h1_a_suspect_that_is_used_after_all_ends_every_wait() {
    let slow = Answer::After(seconds(20), Box::new(Answer::AsAsked));
    let source = Source::default().then(Answer::AsAsked).then(slow);
    let auth = AutoRefreshingToken::builder(source)
        .standby(2)
        .max_wait(seconds(2))
        .build()
        .unwrap();
    let server = Server::default();
    for number in 1..=2 {
        server.reject(&format!("token-{number}"));
        let answer = answer(&auth, &server).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    let began_at = tokio::time::Instant::now();
    let waiting: Vec<_> = [0, 1]
        .map(|begins_at| {
            let (auth, server) = (auth.clone(), server.clone());
            tokio::spawn(async move {
                tokio::time::sleep(seconds(begins_at)).await;
                send(&auth, &server).await.unwrap()
            })
        })
        .into();
    for waited in waiting {
        assert_eq!(waited.await.unwrap(), "Bearer token-3");
        assert_eq!(began_at.elapsed().as_secs(), 2);
    }
}

/// One token that is rejected again and again, because no other can be had, says nothing of those that come later.
#[tokio::test(start_paused = true)]
async fn r9_two_401s_for_one_token_are_no_sign_of_a_dead_batch() {
    let source = Source::default()
        .then(Answer::AsAsked)
        .then(Answer::Fail("down"));
    let auth = AutoRefreshingToken::builder(source.clone())
        .standby(0)
        .request_limit(10)
        .build()
        .unwrap();
    let status = watch::Sender::new(StatusCode::INTERNAL_SERVER_ERROR);
    let server = service_fn(|request: http::Request<()>| {
        let token = request.headers()[AUTHORIZATION]
            .to_str()
            .unwrap()
            .to_owned();
        let response = http::Response::builder()
            .status(*status.borrow())
            .body(token);
        async { Ok::<_, Infallible>(response.unwrap()) }
    });
    let mut client = auth.layer(server);
    let mut token = async || {
        let answer = client.ready().await.unwrap().call(request()).await.unwrap();
        tokio::task::yield_now().await;
        answer.into_body()
    };
    for _ in 0..6 {
        assert_eq!(token().await, "Bearer token-1");
    }
    auth.refresh().await.unwrap_err();
    status.send_replace(StatusCode::UNAUTHORIZED);
    assert_eq!(token().await, "Bearer token-1");
    assert_eq!(token().await, "Bearer token-1");
    advance(seconds(1)).await;
    status.send_replace(StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        token().await,
        "Bearer token-1",
        "one that notices the budget's end"
    );
    assert_eq!((auth.status().standby(), source.creates()), (1, 3));

    status.send_replace(StatusCode::UNAUTHORIZED);
    assert_eq!(token().await, "Bearer token-1");
    assert_eq!((auth.status().generation(), source.creates()), (2, 3));
    assert_eq!(token().await, "Bearer token-2");
}
