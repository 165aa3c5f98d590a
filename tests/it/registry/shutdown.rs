//! Tenants that leave, and the end of all.

use tokio::time::{Instant, sleep};

use super::script::{Bank, answer, key, ours, request, seconds, send};

#[tokio::test(start_paused = true)]
async fn a_tenant_that_left_is_shut_down_at_once() {
    let bank = Bank::default();
    let registry = bank.registry(8);
    send(&registry, "a").await.unwrap();
    send(&registry, "b").await.unwrap();
    let report = registry.remove(&key("a")).await.unwrap();
    assert_eq!((report.revoked, report.left), (1, 0));
    assert_eq!(bank.revoked(), ["of-a-1"]);
    assert_eq!(registry.len(), 1);
    assert!(registry.remove(&key("a")).await.is_none());
    assert!(registry.remove(&key("never-seen")).await.is_none());

    assert_eq!(send(&registry, "b").await.unwrap(), "Bearer of-b-1");
    assert_eq!(send(&registry, "a").await.unwrap(), "Bearer of-a-2");
    assert_eq!(bank.sources(), 2, "H3: its create requests count on");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_tenant_that_is_removed_is_told() {
    let bank = Bank::default().with_latency(seconds(3));
    let registry = bank.registry(8);
    let waiting = tokio::spawn({
        let registry = registry.clone();
        async move { send(&registry, "a").await }
    });
    sleep(seconds(1)).await;
    let report = registry.remove(&key("a")).await.unwrap();
    assert!(ours(&waiting.await.unwrap().unwrap_err()).is_shut_down());
    assert_eq!((report.revoked, report.left), (1, 0));
    assert_eq!(bank.revoked(), ["of-a-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_is_everybody_s_and_the_end() {
    let bank = Bank::default();
    let registry = bank.registry(3);
    for tenant in ["a", "b", "c"] {
        send(&registry, tenant).await.unwrap();
    }
    let auth = registry.get(&key("a")).unwrap();
    let report = registry.shutdown().await;
    assert_eq!((report.revoked, report.left), (3, 0));
    assert_eq!(bank.revoked(), ["of-a-1", "of-b-1", "of-c-1"]);
    assert_eq!(registry.len(), 0);

    assert!(ours(&send(&registry, "a").await.unwrap_err()).is_shut_down());
    assert!(ours(&send(&registry, "new").await.unwrap_err()).is_shut_down());
    assert!(registry.get(&key("a")).unwrap_err().is_shut_down());
    assert!(auth.lease().await.unwrap_err().is_shut_down());
    let again = registry.shutdown().await;
    assert_eq!((again.revoked, again.left), (0, 0), "idempotent");
    assert_eq!(bank.creates().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_includes_who_was_evicted_and_waits_for_no_request() {
    let bank = Bank::default();
    let registry = bank.registry(1);
    let under_way = tokio::spawn({
        let registry = registry.clone();
        async move { answer(&registry, request("a", 3_600)).await }
    });
    sleep(seconds(1)).await;
    send(&registry, "b").await.unwrap();
    sleep(seconds(1)).await;
    let start = Instant::now();
    let report = registry.shutdown().await;
    assert_eq!((report.revoked, report.left), (2, 0));
    assert_eq!(bank.revoked(), ["of-a-1", "of-b-1"]);
    assert!(start.elapsed() < seconds(1));
    under_way.abort();
}

#[tokio::test(start_paused = true)]
async fn evictions_of_the_past_are_in_no_report() {
    let registry = Bank::default().registry(1);
    send(&registry, "a").await.unwrap();
    send(&registry, "b").await.unwrap();
    sleep(seconds(5)).await;
    let report = registry.shutdown().await;
    assert_eq!((report.revoked, report.left), (1, 0));
}

/// All at once: a thousand tenants whose source hangs take as long as one.
#[tokio::test(start_paused = true)]
async fn h7_a_shutdown_ends_within_its_bound() {
    let bank = Bank::default().with_latency(seconds(3_600));
    let registry = bank.registry(1_000);
    let waiting: Vec<_> = (0..1_000)
        .map(|number| {
            let registry = registry.clone();
            tokio::spawn(async move { send(&registry, &format!("key-{number}")).await })
        })
        .collect();
    sleep(seconds(1)).await;
    let start = Instant::now();
    let report = registry.shutdown().await;
    assert_eq!(start.elapsed().as_secs(), 10);
    assert_eq!(
        (report.revoked, report.left),
        (0, 1_000),
        "what may have been created is owned up to"
    );
    for waiting in waiting {
        assert!(ours(&waiting.await.unwrap().unwrap_err()).is_shut_down());
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_and_a_removal_go_on_when_their_callers_do_not() {
    let bank = Bank::default();
    let registry = bank.registry(8);
    for tenant in ["a", "b", "c"] {
        send(&registry, tenant).await.unwrap();
    }
    let tenant = key("a");
    let mut abandoned = tokio_test::task::spawn(registry.remove(&tenant));
    assert!(abandoned.poll().is_pending());
    drop(abandoned);
    sleep(seconds(1)).await;
    assert_eq!(bank.revoked(), ["of-a-1"]);
    let mut abandoned = tokio_test::task::spawn(registry.shutdown());
    assert!(abandoned.poll().is_pending());
    drop(abandoned);
    sleep(seconds(1)).await;
    assert_eq!(bank.revoked(), ["of-a-1", "of-b-1", "of-c-1"]);
}

/// As a handle that is dropped does: nothing is spawned for it, and the tokens expire.
#[tokio::test(start_paused = true)]
async fn a_registry_that_is_dropped_lets_the_evicted_leave() {
    let bank = Bank::default();
    let registry = bank.registry(1);
    let lease = registry.get(&key("a")).unwrap().lease().await.unwrap();
    send(&registry, "b").await.unwrap();
    drop(registry);
    sleep(seconds(31)).await;
    assert_eq!(bank.revoked(), ["of-a-1"]);
    assert_eq!(bank.sources_alive(), 1, "the lease's");
    drop(lease);
    assert_eq!(bank.sources_alive(), 0, "no task holds on to the registry");
}
