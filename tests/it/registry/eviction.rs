//! Tenants that have to make room, and those that come back.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::script::{Bank, answer, key, request, seconds, send};

/// Long enough for a task that is due to run, short enough for nothing else to be.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn the_least_recently_used_tenant_goes_and_is_shut_down() {
    let bank = Bank::default();
    let registry = bank.registry(2);
    for tenant in ["a", "b", "a", "c"] {
        send(&registry, tenant).await.unwrap();
    }
    settle().await;
    assert_eq!(bank.revoked(), ["of-b-1"]);
    assert_eq!((registry.len(), registry.capacity()), (2, 2));
    for tenant in ["a", "c"] {
        assert_eq!(
            send(&registry, tenant).await.unwrap(),
            format!("Bearer of-{tenant}-1"),
            "who stayed has what it had"
        );
    }
    assert_eq!(
        send(&registry, "b").await.unwrap(),
        "Bearer of-b-2",
        "who comes back gets new ones"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_ends_as_it_would_have() {
    let bank = Bank::default().with_latency(seconds(3));
    let registry = bank.registry(1);
    let under_way = tokio::spawn({
        let registry = registry.clone();
        async move { answer(&registry, request("a", 7)).await }
    });
    // Evicted while it waits for its token.
    sleep(seconds(1)).await;
    send(&registry, "b").await.unwrap();
    // Evicted while it waits for its answer, which comes 10 s after the start.
    sleep(Duration::from_millis(5_900)).await;
    assert!(!under_way.is_finished());
    assert_eq!(bank.revoked(), Vec::<String>::new());
    assert_eq!(under_way.await.unwrap().unwrap(), "Bearer of-a-1");
    sleep(seconds(1)).await;
    assert_eq!(bank.revoked(), ["of-a-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_end_keeps_tokens_for_half_a_minute() {
    let bank = Bank::default();
    let registry = bank.registry(1);
    let endless = tokio::spawn({
        let registry = registry.clone();
        async move { answer(&registry, request("a", 3_600)).await }
    });
    settle().await;
    send(&registry, "b").await.unwrap();
    let start = Instant::now();
    while bank.revoked().is_empty() {
        sleep(seconds(1)).await;
        assert!(start.elapsed() < seconds(60));
    }
    assert!((30..=31).contains(&start.elapsed().as_secs()));
    assert_eq!(bank.revoked(), ["of-a-1"]);
    endless.abort();
}

/// The source counts create requests, so it must be the same one (H3).
#[tokio::test(start_paused = true)]
async fn h3_a_tenant_that_comes_back_has_the_source_that_it_had() {
    let bank = Bank::default();
    let registry = bank.registry(1);
    for _ in 0..3 {
        for tenant in ["a", "b"] {
            send(&registry, tenant).await.unwrap();
            sleep(seconds(100)).await;
        }
    }
    assert_eq!(bank.creates(), ["a", "b", "a", "b", "a", "b"]);
    assert_eq!(bank.sources(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_stays_away_is_forgotten_without_anybody_s_doing() {
    let bank = Bank::default();
    let registry = bank.registry(1);
    for tenant in ["a", "b", "c"] {
        send(&registry, tenant).await.unwrap();
    }
    sleep(seconds(119)).await;
    assert_eq!(bank.sources_alive(), 3);
    sleep(seconds(2)).await;
    assert_eq!(bank.sources_alive(), 1, "and their keys are wiped");
    // And again, when the first task that forgets has ended.
    send(&registry, "d").await.unwrap();
    sleep(seconds(119)).await;
    assert_eq!(bank.sources_alive(), 2);
    sleep(seconds(2)).await;
    assert_eq!(bank.sources_alive(), 1);
}

/// R20: a million keys that nobody has heard of must not fill the memory.
#[tokio::test(start_paused = true)]
async fn r20_what_is_remembered_is_bounded() {
    let bank = Bank::default();
    let registry = bank.registry(4);
    for number in 0..5_000 {
        drop(registry.get(&key(&format!("key-{number}"))).unwrap());
    }
    settle().await;
    assert_eq!(bank.sources(), 5_000);
    assert_eq!(bank.sources_alive(), 4 + 1_024);
}
