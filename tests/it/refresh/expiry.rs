//! The time axis: fresh, aging, stale.

use mobula_auth::{AutoRefreshingToken, RefreshPolicy};
use tokio::time::{Instant, advance};

use super::script::{Answer, Server, Source, seconds, send};

/// Tokens of 100 s whose soft point is at exactly 50 s.
fn auth_with(source: &Source) -> AutoRefreshingToken {
    AutoRefreshingToken::builder(source.clone())
        .lifetime(seconds(100))
        .policy(RefreshPolicy::default().soft_point(0.5, 0.5).unwrap())
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_request_that_finds_an_aging_token_starts_a_refresh_and_does_not_wait_for_it() {
    let source = Source::default()
        .then(Answer::AsAsked)
        .then(Answer::After(seconds(20), Box::new(Answer::AsAsked)));
    let (auth, server) = (auth_with(&source), Server::default());
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-1");

    advance(seconds(49)).await;
    send(&auth, &server).await.unwrap();
    assert_eq!(source.creates(), 1, "fresh until the soft point");

    advance(seconds(1)).await;
    let start = Instant::now();
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-1");
    assert_eq!(start.elapsed(), seconds(0));
    tokio::task::yield_now().await;
    assert_eq!((source.creates(), auth.status().is_refreshing()), (2, true));
    for _ in 0..100 {
        assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-1");
    }
    assert_eq!(
        source.creates(),
        2,
        "one attempt, however many requests notice"
    );

    tokio::time::sleep(seconds(21)).await;
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-3");
}

/// C1 to C3 of any cache: an idle client's token is gone, and the next request just waits for another.
#[tokio::test(start_paused = true)]
async fn after_an_idle_spell_the_request_waits_for_a_new_token() {
    let source = Source::default();
    let (auth, server) = (auth_with(&source), Server::default());
    send(&auth, &server).await.unwrap();
    advance(seconds(10_000)).await;
    assert_eq!(source.creates(), 1, "an idle client asks for nothing");
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-3");
    assert_eq!(source.creates(), 2);
}

/// T3: 3 s before its end, a token is not sent any more.
#[tokio::test(start_paused = true)]
async fn t3_a_token_is_not_sent_in_its_last_moments() {
    let source = Source::default();
    let (auth, server) = (auth_with(&source), Server::default());
    send(&auth, &server).await.unwrap();
    advance(seconds(97)).await;
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-3");
}

/// T2, C14: the life of a token is counted from before it was asked for.
#[tokio::test(start_paused = true)]
async fn t2_a_slow_answer_does_not_lengthen_a_life() {
    let source = Source::default().then(Answer::After(seconds(9), Box::new(Answer::AsAsked)));
    let (auth, server) = (auth_with(&source), Server::default());
    send(&auth, &server).await.unwrap();
    let expires_in = auth.status().expires_in().unwrap();
    assert_eq!(
        expires_in.as_millis().div_ceil(1_000),
        88,
        "100 s of life, 3 s margin, 9 s gone"
    );
}

/// N4, N6: the source's own word on a lifetime counts if it is shorter than what was asked for.
#[tokio::test(start_paused = true)]
async fn n4_a_source_may_shorten_a_life_and_not_lengthen_it() {
    let source = Source::default()
        .then(Answer::Tokens(vec![("short", seconds(60))]))
        .then(Answer::Tokens(vec![("long", seconds(100_000))]));
    let (auth, server) = (auth_with(&source), Server::default());
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer short");
    assert_eq!(
        auth.status()
            .expires_in()
            .unwrap()
            .as_millis()
            .div_ceil(1_000),
        57
    );
    auth.refresh().await.unwrap();
    assert_eq!(
        auth.status()
            .expires_in()
            .unwrap()
            .as_millis()
            .div_ceil(1_000),
        97
    );
}

/// R12: the soft point is drawn anew for each rotation.
#[tokio::test(start_paused = true)]
async fn r12_handles_that_start_together_refresh_apart() {
    let mut soft_points = Vec::new();
    for seed in 0..20 {
        let source = Source::default();
        let auth = AutoRefreshingToken::builder(source.clone())
            .lifetime(seconds(1_000))
            .jitter_seed(seed)
            .build()
            .unwrap();
        let server = Server::default();
        let start = Instant::now();
        while source.creates() < 2 {
            send(&auth, &server).await.unwrap();
            tokio::time::sleep(seconds(1)).await;
        }
        soft_points.push(start.elapsed().as_secs());
    }
    assert!(
        soft_points.iter().all(|at| (500..=752).contains(at)),
        "{soft_points:?}"
    );
    soft_points.sort_unstable();
    soft_points.dedup();
    assert!(soft_points.len() > 10, "{soft_points:?}");
}
