//! R1, R2: however many callers, one create request.

use mobula_auth::AutoRefreshingToken;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::script::{Answer, Server, Source, ours, seconds, send};

async fn all_at_once(
    count: usize,
    auth: &AutoRefreshingToken,
    server: &Server,
) -> Vec<Result<String, String>> {
    let mut callers = JoinSet::new();
    for _ in 0..count {
        let (auth, server) = (auth.clone(), server.clone());
        callers.spawn(async move {
            send(&auth, &server)
                .await
                .map_err(|error| ours(&error).to_string())
        });
    }
    callers.join_all().await
}

#[tokio::test(start_paused = true)]
async fn r1_a_thousand_cold_callers_cause_one_create_request() {
    let source = Source::default().then(Answer::After(seconds(1), Box::new(Answer::AsAsked)));
    let (auth, server) = (AutoRefreshingToken::new(source.clone()), Server::default());
    let sent = all_at_once(1_000, &auth, &server).await;
    assert!(
        sent.iter()
            .all(|token| token.as_deref() == Ok("Bearer token-1"))
    );
    assert_eq!(source.creates(), 1);
    assert_eq!(auth.status().waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn r2_a_failure_is_shared_and_the_next_attempt_is_shared_too() {
    let source = Source::default()
        .then(Answer::Fail("down"))
        .then(Answer::Fail("still down"));
    let (auth, server) = (AutoRefreshingToken::new(source.clone()), Server::default());
    let sent = all_at_once(1_000, &auth, &server).await;
    assert!(
        sent.iter()
            .all(|token| token.as_deref() == Ok("Bearer token-1"))
    );
    assert_eq!(
        source.creates(),
        3,
        "two failures and the success, whatever the number of callers"
    );
}

/// R2, C10: however many wait, and however often it fails, there is one attempt a gate.
#[tokio::test(start_paused = true)]
async fn r2_waiters_of_a_failing_source_do_not_retry_one_after_another() {
    let mut source = Source::default();
    for _ in 0..200 {
        source = source.then(Answer::Fail("down"));
    }
    let auth = AutoRefreshingToken::builder(source.clone())
        .jitter_seed(1)
        .build()
        .unwrap();
    let sent = all_at_once(1_000, &auth, &Server::default()).await;
    assert!(sent.iter().all(Result::is_err));
    assert!((2..20).contains(&source.creates()), "{}", source.creates());
}

/// R5: nobody sleeps through the answer that they wait for.
#[tokio::test(start_paused = true)]
async fn r5_waiters_wake_as_soon_as_the_token_is_there() {
    let source = Source::default().then(Answer::After(seconds(1), Box::new(Answer::AsAsked)));
    let auth = AutoRefreshingToken::new(source);
    let start = Instant::now();
    let sent = all_at_once(1_000, &auth, &Server::default()).await;
    assert!(sent.iter().all(Result::is_ok));
    assert_eq!(start.elapsed().as_millis() / 10, 100);
}

#[tokio::test(start_paused = true)]
async fn h7_every_waiter_ends_by_its_deadline() {
    let source = Source::default().then(Answer::Hang).then(Answer::Hang);
    let auth = AutoRefreshingToken::builder(source.clone())
        .max_wait(seconds(7))
        .build()
        .unwrap();
    let start = Instant::now();
    let sent = all_at_once(1_000, &auth, &Server::default()).await;
    assert_eq!(start.elapsed().as_millis() / 10, 700);
    assert!(sent.iter().all(|result| {
        result
            .as_ref()
            .is_err_and(|error| error.contains("no token came within 7s"))
    }));
    assert_eq!(source.creates(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_waiters_is_bounded() {
    let source = Source::default().then(Answer::After(seconds(1), Box::new(Answer::AsAsked)));
    let auth = AutoRefreshingToken::builder(source.clone())
        .max_waiting(10)
        .build()
        .unwrap();
    let sent = all_at_once(25, &auth, &Server::default()).await;
    assert_eq!(sent.iter().filter(|result| result.is_ok()).count(), 10);
    let refused = sent.iter().filter_map(|result| result.as_ref().err());
    assert!(
        refused
            .clone()
            .all(|error| error.contains("10 requests wait for a token already")),
        "{refused:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn clones_and_their_services_share_one_token() {
    let source = Source::default();
    let (auth, server) = (AutoRefreshingToken::new(source.clone()), Server::default());
    for clone in [auth.clone(), auth.clone(), auth] {
        assert_eq!(send(&clone, &server).await.unwrap(), "Bearer token-1");
    }
    assert_eq!(source.creates(), 1);
}

#[tokio::test(start_paused = true)]
async fn refresh_joins_the_attempt_that_is_under_way() {
    let source = Source::default().then(Answer::After(seconds(1), Box::new(Answer::AsAsked)));
    let (auth, server) = (AutoRefreshingToken::new(source.clone()), Server::default());
    let (first, second, sent) = tokio::join!(auth.refresh(), auth.refresh(), send(&auth, &server));
    first.unwrap();
    second.unwrap();
    assert_eq!(sent.unwrap(), "Bearer token-1");
    assert_eq!(source.creates(), 1);

    auth.refresh().await.unwrap();
    assert_eq!(
        (source.creates(), auth.status().generation()),
        (2, 2),
        "a fresh token is replaced on demand"
    );
}
