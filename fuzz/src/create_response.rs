//! N4, N6: whatever answers a create request, what comes of it are usable tokens or an error.
//!
//! Words of the first line: `lifetime=MILLISECONDS`, `count=N` and `limit=N` are what is asked for.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mobula_auth::{ApiToken, CreateTokens, Error};

use super::canary::KEY;
use super::error_rules;
use super::runtime::block_on;
use super::scripted::{Script, call};

/// Takes an answer.
pub fn check(input: &[u8]) {
    let script = Arc::new(Script::parse(input));
    let asked = asked(&script).unwrap_or_else(|error| {
        assert!(error.is_invalid_configuration());
        CreateTokens::default()
    });
    block_on(async {
        let (outcome, client) = call(&script, async |client| client.create(asked).await).await;
        let pause = match outcome {
            Ok(tokens) => {
                check_tokens(&tokens, asked, &script);
                None
            }
            Err(error) => {
                error_rules::check(&error, &[KEY]);
                error.retry_after().filter(|_| error.is_rate_limited())
            }
        };
        // R10: it counts, whatever came of it, and what the server asked for is kept.
        assert_eq!(client.next_create_in(), pause);
        assert_eq!(client.creates_left(), if pause.is_some() { 0 } else { 3 });
    });
}

fn asked(script: &Script) -> Result<CreateTokens, Error> {
    let lifetime = script.number("lifetime").unwrap_or(3_600_000);
    let count = script.number("count").unwrap_or(1);
    CreateTokens::default()
        .lifetime(Duration::from_millis(lifetime))?
        .count(u32::try_from(count).unwrap_or(u32::MAX))?
        .request_limit(script.number("limit").unwrap_or(5_000))
}

fn check_tokens(tokens: &[ApiToken], asked: CreateTokens, script: &Script) {
    assert!(script.status.is_success() && script.may_be_json() && script.is_whole());
    assert!((1..=asked.get_count() as usize).contains(&tokens.len()));
    let texts = script.texts();
    let mut seen = HashSet::new();
    for token in tokens {
        let secret = token.expose_secret();
        assert!(seen.insert(secret), "a token counts twice");
        assert!((1..=8_192).contains(&secret.len()));
        assert!(secret.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
        assert!(
            texts.iter().any(|text| text == secret),
            "the answer names no such token"
        );
        let lifetime = token.lifetime().expect("it is always known for how long");
        let shortest = Duration::from_secs(1);
        assert!(
            (shortest..=asked.get_lifetime()).contains(&lifetime),
            "{lifetime:?}"
        );
        assert!(token.request_limit().is_some_and(|limit| limit > 0));
        // An id is shown, and a short text may show anywhere.
        if secret.len() >= 24 && !token.id().is_some_and(|id| id.contains(secret)) {
            assert!(!format!("{token:?}").contains(secret));
        }
    }
}
