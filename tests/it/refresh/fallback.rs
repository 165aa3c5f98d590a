//! R21: with the API key to fall back to, no request fails or waits for want of a token.

use mobula_auth::{ApiKey, AutoRefreshingToken, Event};
use tokio::time::Instant;

use super::script::{Answer, Server, Source, answer, ours, seconds, send};

fn auth_with(source: &Source) -> AutoRefreshingToken {
    AutoRefreshingToken::builder(source.clone())
        .fallback_to_api_key(ApiKey::new("the-key").unwrap())
        .lifetime(seconds(60))
        .jitter_seed(1)
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn r21_an_outage_of_the_source_costs_no_request() {
    let mut source = Source::default();
    for _ in 0..10 {
        source = source.then(Answer::Fail("down"));
    }
    let (auth, server) = (auth_with(&source), Server::default());
    let mut events = auth.subscribe();
    let start = Instant::now();
    let mut by_key = 0;
    while source.creates() < 10 {
        let sent_at = Instant::now();
        assert_eq!(send(&auth, &server).await.unwrap(), "the-key");
        assert_eq!(sent_at.elapsed(), seconds(0));
        by_key += 1;
        tokio::time::sleep(seconds(1)).await;
    }
    assert!(by_key > 10, "{by_key}");
    while send(&auth, &server).await.unwrap() == "the-key" {
        tokio::time::sleep(seconds(1)).await;
    }
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-1");
    assert!(start.elapsed() < seconds(300));

    let mut fallbacks = 0;
    while let Ok(Some(event)) = tokio::time::timeout(seconds(0), events.next()).await {
        fallbacks += usize::from(matches!(event, Event::FellBackToApiKey));
    }
    assert_eq!(fallbacks, 1, "told once for the whole spell");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_under_way_is_waited_for_all_the_same() {
    let source = Source::default().then(Answer::After(seconds(2), Box::new(Answer::AsAsked)));
    let (auth, server) = (auth_with(&source), Server::default());
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-1");
}

/// A 401 for the key says nothing about a token.
#[tokio::test(start_paused = true)]
async fn a_rejected_key_touches_no_token() {
    let source = Source::default().then(Answer::Fail("down"));
    let (auth, server) = (auth_with(&source), Server::default().rejecting_all());
    assert_eq!(
        answer(&auth, &server).await.unwrap().status(),
        http::StatusCode::UNAUTHORIZED
    );
    assert_eq!((source.creates(), auth.status().generation()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_fallback_too() {
    let (auth, server) = (auth_with(&Source::default()), Server::default());
    auth.shutdown().await;
    assert!(ours(&send(&auth, &server).await.unwrap_err()).is_shut_down());
    assert!(
        auth.lease().await.unwrap_err().is_shut_down(),
        "a lease is of a token, never of the key"
    );
}
