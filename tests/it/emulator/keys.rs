//! API keys: their shape, their plans, and their end.

use mobula_auth::emulator::{Emulator, Plan};
use serde_json::json;

use super::client::{
    ONE, create, create_request, get_data, inspect, list, mint_default, minted, revoke, send,
    use_token,
};

fn is_uuid_v4(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            14 => byte == b'4',
            19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
            _ => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
        })
}

#[tokio::test(start_paused = true)]
async fn keys_look_like_dashboard_keys_and_are_marked() {
    let emulator = Emulator::new();
    let mut keys: Vec<_> = (0..50)
        .map(|_| emulator.add_api_key(Plan::Growth))
        .collect();
    keys.push(emulator.api_key());
    keys.push(Emulator::default().api_key());
    for key in &keys {
        assert!(is_uuid_v4(key) && key.starts_with("fa15e000-"));
    }
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 52);
    let token = mint_default(&emulator).await;
    assert!(is_uuid_v4(&token.id));
}

#[tokio::test(start_paused = true)]
async fn clones_are_one_service() {
    let emulator = Emulator::new();
    let token = mint_default(&emulator.clone()).await;
    assert_eq!(emulator.api_key(), emulator.clone().api_key());
    assert_eq!(use_token(&emulator, &token.token).await.status, 200);
    assert_eq!(emulator.clone().counts().data.ok, 1);
}

#[tokio::test(start_paused = true)]
async fn services_do_not_know_each_other() {
    let (one, other) = (Emulator::new(), Emulator::new());
    let token = mint_default(&one).await;
    assert_eq!(
        get_data(&other, "authorization", &one.api_key())
            .await
            .status,
        401
    );
    assert_eq!(use_token(&other, &token.token).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_key_dies_with_its_tokens() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    let other = emulator.add_api_key(Plan::Startup);
    let doomed = mint_default(&emulator).await;
    let spared = minted(&send(&emulator, create_request(&other, ONE)).await).remove(0);

    assert!(emulator.delete_api_key(&key));
    assert!(!emulator.delete_api_key(&key));
    assert_eq!(use_token(&emulator, &doomed.token).await.status, 401);
    assert_eq!(get_data(&emulator, "authorization", &key).await.status, 401);
    assert_eq!(create(&emulator, &json!({ "count": 1 })).await.status, 401);
    assert_eq!(list(&emulator, &key).await.status, 401);
    let revoked: Vec<_> = emulator
        .tokens()
        .iter()
        .map(|token| token.revoked)
        .collect();
    assert_eq!(revoked, [true, false]);

    assert_eq!(use_token(&emulator, &spared.token).await.status, 200);
    assert_eq!(get_data(&emulator, "x-api-key", &other).await.status, 200);
    assert_eq!(emulator.api_key(), key);
}

#[tokio::test(start_paused = true)]
async fn a_plan_can_change_any_time() {
    let emulator = Emulator::new();
    let key = emulator.api_key();
    let token = mint_default(&emulator).await;
    assert!(emulator.set_plan(&key, Plan::Free));
    assert_eq!(create(&emulator, &json!({ "count": 1 })).await.status, 403);
    assert_eq!(list(&emulator, &key).await.status, 403);
    assert_eq!(inspect(&emulator, &key, &token.token).await.status, 403);
    assert_eq!(revoke(&emulator, &key, &token.id).await.status, 403);
    assert_eq!(get_data(&emulator, "authorization", &key).await.status, 200);
    assert_eq!(use_token(&emulator, &token.token).await.status, 200);
    assert!(emulator.set_plan(&key, Plan::Enterprise));
    assert_eq!(create(&emulator, &json!({ "count": 1 })).await.status, 200);
    assert!(!emulator.set_plan("unknown", Plan::Free));
}

#[tokio::test(start_paused = true)]
async fn the_host_can_revoke() {
    let emulator = Emulator::new();
    let tokens = minted(&create(&emulator, &json!({ "count": 3 })).await);
    assert!(emulator.revoke_token(&tokens[1].id));
    assert!(!emulator.revoke_token("unknown"));
    for (token, status) in tokens.iter().zip([200, 401, 200]) {
        assert_eq!(use_token(&emulator, &token.token).await.status, status);
    }
    emulator.revoke_all_tokens();
    for token in &tokens {
        let refused = use_token(&emulator, &token.token).await;
        assert_eq!(
            (refused.status, refused.message().contains("revoked")),
            (401, true)
        );
    }
    assert_eq!(emulator.violations(), []);
    let token = mint_default(&emulator).await;
    assert_eq!(use_token(&emulator, &token.token).await.status, 200);
}
