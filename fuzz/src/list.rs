//! N6, V8: whatever answers a list request.

use std::sync::Arc;

use serde_json::Value;

use super::canary::KEY;
use super::runtime::block_on;
use super::scripted::{Script, call};
use super::{error_rules, infos};

/// Takes an answer.
pub fn check(input: &[u8]) {
    let script = Arc::new(Script::parse(input));
    let (outcome, client) = block_on(call(&script, async |client| client.list().await));
    match outcome {
        Ok(infos) => {
            infos::check(&infos, &script);
            let holds_something = |value: Value| value.to_string().contains("\"id\"");
            assert!(
                infos.is_empty() || serde_json::from_slice(&script.body).is_ok_and(holds_something)
            );
        }
        Err(error) => error_rules::check(&error, &[KEY]),
    }
    assert_eq!(client.creates_left(), 4, "nothing was created");
}
