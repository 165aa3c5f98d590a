//! Many requests of one new tenant at once, on threads of their own.

use std::sync::{Arc, Barrier};

use mobula_auth::emulator::{Emulator, Plan};
use mobula_auth::{ApiKey, AutoRefreshingToken, TokenClient, TokenRegistry};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r1_two_threads_with_one_new_tenant_share_one_handle_and_one_create_request() {
    const THREADS: usize = 4;
    for _ in 0..100 {
        let emulator = Emulator::new();
        let registry = TokenRegistry::new({
            let emulator = emulator.clone();
            move |key| AutoRefreshingToken::builder(TokenClient::new(emulator.clone(), key)).build()
        });
        let keys = [emulator.api_key(), emulator.add_api_key(Plan::Growth)];
        let keys = keys.map(|key| ApiKey::new(key).unwrap());
        let start = Arc::new(Barrier::new(THREADS));
        let mut threads = JoinSet::new();
        for number in 0..THREADS {
            let (registry, key, start) = (
                registry.clone(),
                keys[number % 2].clone(),
                Arc::clone(&start),
            );
            threads.spawn(async move {
                tokio::task::block_in_place(|| start.wait());
                let lease = registry.get(&key).unwrap().lease().await.unwrap();
                (number % 2, lease.token().expose_secret().to_owned())
            });
        }
        let mut seen: [Vec<String>; 2] = Default::default();
        while let Some(ended) = threads.join_next().await {
            let (tenant, token) = ended.unwrap();
            seen[tenant].push(token);
        }
        for tokens in &seen {
            assert!(tokens.iter().all(|token| *token == tokens[0]));
        }
        assert_ne!(seen[0][0], seen[1][0]);
        assert_eq!(emulator.counts().create.received, 2, "one a tenant");
        assert_eq!(registry.len(), 2);
    }
}
