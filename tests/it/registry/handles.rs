//! What `get` gives out, and what becomes of it.

use mobula_auth::TokenRegistry;
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

use super::script::{Bank, key, request, seconds, send, server};

#[tokio::test(start_paused = true)]
async fn a_handle_and_the_layer_share_the_tenant_s_tokens() {
    let bank = Bank::default();
    let registry = bank.registry(8);
    let auth = registry.get(&key("a")).unwrap();
    assert_eq!(
        auth.lease().await.unwrap().token().expose_secret(),
        "of-a-1"
    );
    assert_eq!(send(&registry, "a").await.unwrap(), "Bearer of-a-1");
    let client = registry.get(&key("a")).unwrap().layer(service_fn(server));
    let response = client.oneshot(request("a", 0)).await.unwrap();
    assert!(response.body().starts_with("Bearer of-a-1"));
    assert_eq!(bank.creates(), ["a"]);
}

async fn evict_a(registry: &TokenRegistry) {
    send(registry, "b").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_and_a_handle_that_are_kept_end_half_a_minute_after_the_eviction() {
    let bank = Bank::default();
    let registry = bank.registry(1);
    let auth = registry.get(&key("a")).unwrap();
    let lease = auth.lease().await.unwrap();
    evict_a(&registry).await;
    let start = Instant::now();
    lease.expired().await;
    assert_eq!(start.elapsed().as_secs(), 30);
    sleep(seconds(1)).await;
    assert_eq!(bank.revoked(), ["of-a-1"]);
    assert!(auth.lease().await.unwrap_err().is_shut_down());

    let again = registry.get(&key("a")).unwrap();
    let lease = again.lease().await.unwrap();
    assert_eq!(lease.token().expose_secret(), "of-a-2");
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_was_let_go_keeps_nothing() {
    let bank = Bank::default();
    let registry = bank.registry(1);
    let auth = registry.get(&key("a")).unwrap();
    let lease = auth.lease().await.unwrap();
    evict_a(&registry).await;
    sleep(seconds(5)).await;
    assert_eq!(bank.revoked(), Vec::<String>::new());
    drop((auth, lease));
    sleep(seconds(1)).await;
    assert_eq!(bank.revoked(), ["of-a-1"]);
}
