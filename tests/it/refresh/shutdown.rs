//! The end: no further tokens, and those that are live revoked.

use mobula_auth::AutoRefreshingToken;
use tokio::time::{Instant, sleep};

use super::script::{Answer, Server, Source, ours, seconds, send};

#[tokio::test(start_paused = true)]
async fn shutdown_revokes_what_is_live_and_ends_the_service() {
    let source = Source::default();
    let auth = AutoRefreshingToken::builder(source.clone())
        .standby(2)
        .build()
        .unwrap();
    let server = Server::default();
    send(&auth, &server).await.unwrap();
    let report = auth.shutdown().await;
    assert_eq!((report.revoked, report.left), (3, 0));
    assert_eq!(source.revoked(), ["token-1", "token-2", "token-3"]);

    let error = send(&auth, &server).await.unwrap_err();
    assert!(ours(&error).is_shut_down());
    assert!(auth.lease().await.unwrap_err().is_shut_down());
    assert!(auth.refresh().await.unwrap_err().is_shut_down());
    assert_eq!(server.seen().len(), 1, "nothing is sent after a shutdown");

    let again = auth.shutdown().await;
    assert_eq!((again.revoked, again.left), (0, 0), "idempotent");
    assert_eq!(source.creates(), 1);
}

#[tokio::test(start_paused = true)]
async fn shutdown_before_the_first_request_has_nothing_to_do() {
    let source = Source::default();
    let auth = AutoRefreshingToken::new(source.clone());
    let report = auth.shutdown().await;
    assert_eq!((report.revoked, report.left, source.creates()), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_the_attempt_under_way_and_revokes_what_it_brings() {
    let source = Source::default().then(Answer::After(seconds(3), Box::new(Answer::AsAsked)));
    let (auth, server) = (AutoRefreshingToken::new(source.clone()), Server::default());
    let waiting = tokio::spawn({
        let (auth, server) = (auth.clone(), server.clone());
        async move { send(&auth, &server).await }
    });
    sleep(seconds(1)).await;
    let start = Instant::now();
    let report = auth.shutdown().await;
    assert_eq!(start.elapsed().as_millis() / 10, 200);
    assert_eq!((report.revoked, report.left), (2, 0));
    assert_eq!(source.revoked(), ["token-1", "token-2"]);
    assert!(
        ours(&waiting.await.unwrap().unwrap_err()).is_shut_down(),
        "waiters are told at once"
    );
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_within_its_bound_even_if_the_source_hangs() {
    let source = Source::default().then(Answer::Hang);
    let auth = AutoRefreshingToken::builder(source.clone())
        .shutdown_within(seconds(4))
        .build()
        .unwrap();
    let waiting = tokio::spawn({
        let auth = auth.clone();
        async move { send(&auth, &Server::default()).await }
    });
    sleep(seconds(1)).await;
    let start = Instant::now();
    let report = auth.shutdown().await;
    assert_eq!(start.elapsed().as_millis() / 10, 400);
    assert_eq!(
        (report.revoked, report.left),
        (0, 2),
        "what may have been created is owned up to"
    );
    waiting.await.unwrap().unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_goes_on_when_its_caller_does_not() {
    let source = Source::default();
    let (auth, server) = (AutoRefreshingToken::new(source.clone()), Server::default());
    send(&auth, &server).await.unwrap();
    let mut abandoned = tokio_test::task::spawn(auth.shutdown());
    assert!(abandoned.poll().is_pending());
    drop(abandoned);
    sleep(seconds(1)).await;
    assert_eq!(source.revoked(), ["token-1", "token-2"]);
}
