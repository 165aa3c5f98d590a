//! Many callers at once, on several threads.

use std::collections::BTreeMap;

use mobula_auth::emulator::Emulator;
use serde_json::json;
use tokio::task::JoinSet;

use super::client::{ONE, create_request, mint, send, use_token};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_limit_is_spent_exactly_once() {
    let emulator = Emulator::new();
    let token = mint(&emulator, &json!({ "requestLimit": "1000" }))
        .await
        .token;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (emulator, token) = (emulator.clone(), token.clone());
        tasks.spawn(async move {
            let mut statuses = BTreeMap::<u16, u32>::new();
            for _ in 0..250 {
                *statuses
                    .entry(use_token(&emulator, &token).await.status)
                    .or_default() += 1;
            }
            statuses
        });
    }
    let mut statuses = BTreeMap::<u16, u32>::new();
    for (status, count) in tasks.join_all().await.into_iter().flatten() {
        *statuses.entry(status).or_default() += count;
    }
    assert_eq!(statuses, BTreeMap::from([(200, 1_000), (429, 1_000)]));
    assert_eq!(
        (
            emulator.tokens()[0].remaining,
            emulator.tokens()[0].requests
        ),
        (0, 2_000)
    );
    assert_eq!(
        (emulator.counts().data.ok, emulator.counts().data.denied),
        (1_000, 1_000)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_creation_limit_holds_against_a_rush() {
    let emulator = Emulator::new();
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let (emulator, request) = (emulator.clone(), create_request(&emulator.api_key(), ONE));
        tasks.spawn(async move { send(&emulator, request).await.status });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses[..5], [200; 5]);
    assert_eq!(statuses[5..], [429; 95]);
    assert_eq!(emulator.tokens().len(), 5);
}
