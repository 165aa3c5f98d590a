//! Whose token a request carries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Request;
use mobula_auth::{ApiKey, AutoRefreshingToken, Error, TokenRegistry};

use super::script::{Bank, answer, key, ours, request, send};

#[tokio::test(start_paused = true)]
async fn l8_each_tenant_has_tokens_of_its_own() {
    let bank = Bank::default();
    let registry = bank.registry(8);
    // As alike as keys can be: one begins with another, one differs in its last byte, one in its case.
    let tenants = [
        "fa15e000-key",
        "fa15e000-key2",
        "fa15e000-kez",
        "FA15E000-KEY",
    ];
    for _ in 0..3 {
        for tenant in tenants {
            let seen = send(&registry, tenant).await.unwrap();
            assert_eq!(seen, format!("Bearer of-{tenant}-1"));
        }
    }
    assert_eq!(bank.creates(), tenants);
    assert_eq!((registry.len(), registry.is_empty()), (4, false));
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_key_is_not_sent() {
    let registry = Bank::default().registry(8);
    send(&registry, "a").await.unwrap();
    for uri in ["https://api.mobula.io/", "https://elsewhere.example/"] {
        let error = answer(&registry, Request::get(uri).body(0).unwrap())
            .await
            .unwrap_err();
        assert!(ours(&error).is_missing_key());
        assert!(error.to_string().contains("ApiKey"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_key_goes_no_further_and_no_token_goes_elsewhere() {
    let bank = Bank::default();
    let registry = bank.registry(8);
    let mut elsewhere = request("a", 0);
    *elsewhere.uri_mut() = "https://elsewhere.example/".parse().unwrap();
    assert_eq!(answer(&registry, elsewhere).await.unwrap(), "");
    assert_eq!(bank.creates().len(), 0);
    assert_eq!(send(&registry, "a").await.unwrap(), "Bearer of-a-1");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_made_fails_that_request_and_is_asked_for_again() {
    let (broken, asked) = (
        Arc::new(AtomicBool::new(true)),
        Arc::new(AtomicUsize::new(0)),
    );
    let registry = TokenRegistry::new({
        let (broken, asked, bank) = (Arc::clone(&broken), Arc::clone(&asked), Bank::default());
        move |key: ApiKey| {
            asked.fetch_add(1, Ordering::Relaxed);
            if broken.load(Ordering::Relaxed) {
                // As a key that is no key would be refused.
                return Err(ApiKey::new("two words").unwrap_err());
            }
            AutoRefreshingToken::builder(bank.source(&key)).build()
        }
    });
    let error = send(&registry, "a").await.unwrap_err();
    assert!(ours(&error).is_invalid_credential());
    let error: Error = registry.get(&key("a")).unwrap_err();
    assert!(error.is_invalid_credential());
    assert_eq!((registry.len(), asked.load(Ordering::Relaxed)), (0, 2));

    broken.store(false, Ordering::Relaxed);
    assert_eq!(send(&registry, "a").await.unwrap(), "Bearer of-a-1");
    assert_eq!((registry.len(), asked.load(Ordering::Relaxed)), (1, 3));
}

#[test]
fn a_registry_needs_no_runtime_to_be_made_and_asked() {
    let bank = Bank::default();
    let registry = bank.registry(0);
    assert_eq!(registry.capacity(), 1, "at least one");
    for tenant in ["a", "b", "a"] {
        drop(registry.get(&key(tenant)).unwrap());
    }
    assert_eq!((registry.len(), bank.sources()), (1, 2));
    let shown = format!("{registry:?}");
    assert_eq!(shown, "TokenRegistry { len: 1, capacity: 1, .. }");
}
