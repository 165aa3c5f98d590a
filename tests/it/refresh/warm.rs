//! Keeping the token of an idle client fresh.

use mobula_auth::{AutoRefreshingToken, RefreshPolicy};
use tokio::time::{Instant, sleep};

use super::script::{Answer, Server, Source, seconds, send};

fn auth_with(source: &Source) -> AutoRefreshingToken {
    AutoRefreshingToken::builder(source.clone())
        .lifetime(seconds(600))
        .policy(RefreshPolicy::default().soft_point(0.5, 0.5).unwrap())
        .jitter_seed(1)
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_that_is_kept_warm_never_waits() {
    let source = Source::default();
    let (auth, server) = (auth_with(&source), Server::default());
    let _warm = auth.keep_warm();
    for _ in 0..24 {
        sleep(seconds(3_600)).await;
        let start = Instant::now();
        send(&auth, &server).await.unwrap();
        assert_eq!(start.elapsed(), seconds(0));
    }
    let creates = source.creates();
    assert!(
        (280..=290).contains(&creates),
        "one every 300 s for a day: {creates}"
    );
}

#[tokio::test(start_paused = true)]
async fn it_outlasts_an_outage_without_a_storm() {
    let mut source = Source::default().then(Answer::AsAsked);
    for _ in 0..20 {
        source = source.then(Answer::Fail("down"));
    }
    let (auth, server) = (auth_with(&source), Server::default());
    let _warm = auth.keep_warm();
    sleep(seconds(3_600)).await;
    assert!(auth.status().last_error().is_none());
    assert!(source.creates() < 45, "{}", source.creates());
    send(&auth, &server).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_its_guard_with_the_handle_and_with_a_shutdown() {
    let alive = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = alive();
    let auth = auth_with(&Source::default());
    let warm = auth.keep_warm();
    sleep(seconds(1)).await;
    drop(warm);
    sleep(seconds(1)).await;
    assert_eq!(alive(), before, "its guard");

    let warm = auth.keep_warm();
    sleep(seconds(1)).await;
    drop(auth);
    sleep(seconds(40)).await;
    assert_eq!(alive(), before, "the handle");
    drop(warm);

    let auth = auth_with(&Source::default());
    let _warm = auth.keep_warm();
    sleep(seconds(1)).await;
    auth.shutdown().await;
    sleep(seconds(40)).await;
    assert_eq!(alive(), before, "a shutdown");
}
