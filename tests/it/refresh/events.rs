//! What happens to the tokens is told as it happens.

use mobula_auth::{AutoRefreshingToken, Event, Events};

use tokio::time::sleep;

use super::script::{Answer, Server, Source, answer, seconds, send};

async fn next(events: &mut Events) -> String {
    format!("{:?}", events.next().await.expect("the handle lives"))
}

#[tokio::test(start_paused = true)]
async fn a_life_is_told_from_the_first_token_to_the_shutdown() {
    let source = Source::default().then(Answer::Fail("down"));
    let (auth, server) = (AutoRefreshingToken::new(source), Server::default());
    let mut events = auth.subscribe();
    send(&auth, &server).await.unwrap();
    assert_eq!(next(&mut events).await, "RefreshStarted");
    let failed = next(&mut events).await;
    assert!(
        failed.starts_with("RefreshFailed") && failed.contains("down"),
        "{failed}"
    );
    assert_eq!(next(&mut events).await, "RefreshStarted");
    let refreshed = next(&mut events).await;
    assert!(
        refreshed.starts_with("Refreshed { generation: 1,") && refreshed.ends_with("standby: 1 }"),
        "{refreshed}"
    );

    server.reject("token-1");
    answer(&auth, &server).await.unwrap();
    assert_eq!(next(&mut events).await, "Rejected { generation: 1 }");
    assert_eq!(
        next(&mut events).await,
        "StandbyPromoted { generation: 2, standby: 0 }"
    );
    assert_eq!(next(&mut events).await, "Revoked { error: None }");

    auth.shutdown().await;
    assert_eq!(next(&mut events).await, "ShutDown { revoked: 1, left: 0 }");
    drop(auth);
    assert!(events.next().await.is_none(), "no handle, no events");
}

/// A listener may ask for the status as soon as it hears something: nothing is told while the lock is held.
#[tokio::test(start_paused = true)]
async fn a_slow_listener_misses_the_oldest_events_and_holds_nobody_up() {
    let (auth, server) = (
        AutoRefreshingToken::new(Source::default()),
        Server::default(),
    );
    let mut events = auth.subscribe();
    send(&auth, &server).await.unwrap();
    for _ in 0..1_000 {
        auth.refresh().await.unwrap();
        sleep(seconds(1)).await;
    }
    sleep(seconds(60)).await;
    let mut told = 0;
    while tokio::time::timeout(seconds(0), events.next())
        .await
        .is_ok_and(|event| event.is_some())
    {
        told += 1;
    }
    assert_eq!(told, 256);
    assert_eq!(auth.status().generation(), 1_001);
}

#[tokio::test(start_paused = true)]
async fn events_are_told_to_each_who_subscribed() {
    let auth = AutoRefreshingToken::new(Source::default());
    let mut listeners = [auth.subscribe(), auth.subscribe()];
    auth.refresh().await.unwrap();
    for events in &mut listeners {
        assert!(matches!(events.next().await, Some(Event::RefreshStarted)));
    }
}
