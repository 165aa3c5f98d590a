//! R3, R12, R17, N6: nothing is lost when a refresh fails.

use mobula_auth::{AutoRefreshingToken, RefreshPolicy};
use tokio::time::{Instant, advance, sleep};

use super::script::{Answer, Server, Source, ours, seconds, send};

fn auth_with(source: &Source) -> AutoRefreshingToken {
    AutoRefreshingToken::builder(source.clone())
        .lifetime(seconds(100))
        .jitter_seed(1)
        .policy(RefreshPolicy::default().soft_point(0.5, 0.5).unwrap())
        .build()
        .unwrap()
}

/// R3: while the token is good, no request fails or waits because of an error.
#[tokio::test(start_paused = true)]
async fn r3_a_failed_refresh_costs_a_good_token_nothing() {
    let mut source = Source::default().then(Answer::AsAsked);
    for _ in 0..1_000 {
        source = source.then(Answer::Fail("down"));
    }
    let (auth, server) = (auth_with(&source), Server::default());
    send(&auth, &server).await.unwrap();
    let start = Instant::now();
    while start.elapsed() < seconds(97) {
        let sent_at = Instant::now();
        assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-1");
        assert_eq!(sent_at.elapsed(), seconds(0));
        advance(seconds(1)).await;
    }
    assert!(
        (5..30).contains(&source.creates()),
        "backed off: {}",
        source.creates()
    );
    assert_eq!(
        auth.status().last_error().unwrap().to_string(),
        "the token source failed"
    );
}

/// When the token is stale and the source is still down, the error says why and until when.
#[tokio::test(start_paused = true)]
async fn an_outage_without_a_token_fails_within_the_bound_and_says_why() {
    let mut source = Source::default();
    for _ in 0..100 {
        source = source.then(Answer::Fail("down"));
    }
    let (auth, server) = (auth_with(&source), Server::default());
    let start = Instant::now();
    let error = send(&auth, &server).await.unwrap_err();
    assert!(start.elapsed() <= seconds(10), "{:?}", start.elapsed());
    let error = ours(&error);
    assert!(
        error.is_transient() && error.retry_after().is_some(),
        "{error:?}"
    );
    let said = error.to_string();
    assert!(
        said.starts_with("no usable token, the next attempt is in "),
        "{said}"
    );
    assert!(said.ends_with(" s: the token source failed"), "{said}");
    let cause = std::error::Error::source(error).unwrap();
    assert_eq!(cause.to_string(), "down");
}

/// H9: soon after the last fault, a fresh token serves.
#[tokio::test(start_paused = true)]
async fn h9_an_outage_that_ends_is_over_within_a_minute() {
    let mut source = Source::default();
    for _ in 0..12 {
        source = source.then(Answer::Fail("down"));
    }
    let (auth, server) = (auth_with(&source), Server::default());
    while source.creates() < 12 {
        assert!(send(&auth, &server).await.is_err() || source.creates() > 12);
        sleep(seconds(1)).await;
    }
    let mended_at = Instant::now();
    while send(&auth, &server).await.is_err() {
        sleep(seconds(1)).await;
    }
    assert!(
        mended_at.elapsed() <= seconds(60),
        "{:?}",
        mended_at.elapsed()
    );
}

/// R17: a panic of the source is an error like any other.
#[tokio::test(start_paused = true)]
async fn r17_a_source_that_panics_is_asked_again() {
    let source = Source::default().then(Answer::Panic);
    let (auth, server) = (auth_with(&source), Server::default());
    let error = auth.refresh().await.unwrap_err();
    assert_eq!(error.to_string(), "the token source panicked");
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-1");
}

/// N3: a source that hangs is given up after 30 s, and asked again.
#[tokio::test(start_paused = true)]
async fn n3_a_source_that_hangs_is_given_up() {
    let source = Source::default().then(Answer::Hang);
    let (auth, server) = (auth_with(&source), Server::default());
    let start = Instant::now();
    let error = auth.refresh().await.unwrap_err();
    assert_eq!(start.elapsed().as_millis() / 10, 3_000);
    assert!(error.to_string().contains("30 seconds"), "{error}");
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-1");
}

/// N6, C9: an empty answer, a dead token, the same token again: failures, and what we have stays.
#[tokio::test(start_paused = true)]
async fn n6_an_answer_without_a_new_usable_token_replaces_nothing() {
    let source = Source::default()
        .then(Answer::Tokens(vec![("first", seconds(100))]))
        .then(Answer::Tokens(vec![]))
        .then(Answer::Tokens(vec![("dead", seconds(0))]))
        .then(Answer::Tokens(vec![
            ("first", seconds(100)),
            ("first", seconds(100)),
        ]));
    let (auth, server) = (auth_with(&source), Server::default());
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer first");
    for _ in 0..3 {
        let error = auth.refresh().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the token source gave no new token that can still be used"
        );
        assert_eq!(send(&auth, &server).await.unwrap(), "Bearer first");
        advance(auth.status().next_attempt_in().unwrap()).await;
    }
    assert_eq!((source.creates(), auth.status().generation()), (4, 1));
    assert_eq!(source.revoked(), Vec::<String>::new());
}

/// C9: a source whose tokens are near their end on arrival is not asked without a pause.
#[tokio::test(start_paused = true)]
async fn c9_tokens_near_their_end_are_used_and_asked_for_ever_more_rarely() {
    let mut source = Source::default();
    for number in 0..1_000 {
        let name: &'static str = format!("near-its-end-{number}").leak();
        let nearly_over = Answer::Tokens(vec![(name, seconds(8))]);
        source = source.then(Answer::After(seconds(5), Box::new(nearly_over)));
    }
    let (auth, server) = (auth_with(&source), Server::default());
    let start = Instant::now();
    while start.elapsed() < seconds(300) {
        let _ = send(&auth, &server).await;
        sleep(seconds(1)).await;
    }
    assert!(source.creates() < 40, "{}", source.creates());
}

/// R18: a replaced token is revoked after the grace, and not before.
#[tokio::test(start_paused = true)]
async fn r18_replaced_tokens_are_revoked_after_the_grace() {
    let source = Source::default();
    let (auth, server) = (auth_with(&source), Server::default());
    send(&auth, &server).await.unwrap();
    auth.refresh().await.unwrap();
    sleep(seconds(29)).await;
    assert!(source.revoked().is_empty());
    sleep(seconds(2)).await;
    assert_eq!(source.revoked(), ["token-1", "token-2"]);
}
