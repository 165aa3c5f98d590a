//! A token for what is not an HTTP request.

use mobula_auth::{AutoRefreshingToken, RefreshPolicy};
use tokio::time::{Instant, sleep};

use super::script::{Answer, Server, Source, answer, seconds, send};

#[tokio::test(start_paused = true)]
async fn a_lease_is_one_request_of_the_current_token() {
    let source = Source::default();
    let auth = AutoRefreshingToken::builder(source)
        .request_limit(10)
        .build()
        .unwrap();
    let lease = auth.lease().await.unwrap();
    assert_eq!(lease.token().expose_secret(), "token-1");
    assert_eq!(lease.generation(), 1);
    assert_eq!(auth.status().requests_left(), Some(9));
}

#[tokio::test(start_paused = true)]
async fn a_lease_expires_when_its_token_is_replaced_or_rejected() {
    let (auth, server) = (
        AutoRefreshingToken::new(Source::default()),
        Server::default(),
    );
    let lease = auth.lease().await.unwrap();
    let mut expired = tokio_test::task::spawn(lease.expired());
    assert!(expired.poll().is_pending());
    auth.refresh().await.unwrap();
    assert!(expired.poll().is_ready());

    let lease = auth.lease().await.unwrap();
    server.reject("token-3");
    answer(&auth, &server).await.unwrap();
    lease.expired().await;
    assert_eq!(send(&auth, &server).await.unwrap(), "Bearer token-4");
}

/// Who waits for the end of a lease keeps the token fresh, with no request at all.
#[tokio::test(start_paused = true)]
async fn waiting_for_a_lease_refreshes_the_token_at_its_soft_point() {
    let source = Source::default();
    let auth = AutoRefreshingToken::builder(source.clone())
        .lifetime(seconds(600))
        .policy(RefreshPolicy::default().soft_point(0.5, 0.5).unwrap())
        .build()
        .unwrap();
    let start = Instant::now();
    let lease = auth.lease().await.unwrap();
    lease.expired().await;
    assert_eq!(start.elapsed().as_secs(), 300);
    assert_eq!(
        auth.lease().await.unwrap().token().expose_secret(),
        "token-3"
    );
    assert_eq!(source.creates(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lease_whose_token_cannot_be_replaced_expires_with_it() {
    let mut source = Source::default().then(Answer::AsAsked);
    for _ in 0..1_000 {
        source = source.then(Answer::Fail("down"));
    }
    let auth = AutoRefreshingToken::builder(source)
        .lifetime(seconds(60))
        .build()
        .unwrap();
    let start = Instant::now();
    let lease = auth.lease().await.unwrap();
    lease.expired().await;
    assert_eq!(start.elapsed().as_secs(), 57);
    assert!(lease.expires_in().is_zero());
    sleep(seconds(1)).await;
}
