//! N5, R10: whatever `Retry-After` says, the wait is between 1 second and 10 minutes, the right one, and kept.
//!
//! The first line of an input is the value of `Retry-After`, the second that of `Date`, if there is one.

use std::sync::Arc;
use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use mobula_auth::CreateTokens;

use super::calendar;
use super::runtime::block_on;
use super::scripted::{Script, call};

const LONGEST: u64 = 600;

/// What a server asks for.
enum Asked {
    Nothing,
    Seconds(u64),
    /// A date, to be counted from our own clock.
    Something,
}

/// Takes the two values.
pub fn check(input: &[u8]) {
    let mut lines = input.splitn(2, |&byte| byte == b'\n');
    let mut headers = HeaderMap::new();
    for name in [RETRY_AFTER, DATE] {
        let value = lines.next().map(HeaderValue::from_bytes);
        headers.extend(value.and_then(Result::ok).map(|value| (name, value)));
    }
    let asked = asked(&headers);
    for status in [503, 500, 429, 302] {
        let script = Script::of(status, headers.clone(), String::new());
        let told = block_on(call(&script, async |client| client.list().await)).0;
        compare(told.expect_err("a refusal").retry_after(), &asked);
    }
    for status in [400, 401, 403, 404] {
        let script = Script::of(status, headers.clone(), String::new());
        let told = block_on(call(&script, async |client| client.list().await)).0;
        assert_eq!(
            told.expect_err("a refusal").retry_after(),
            None,
            "waiting will not help"
        );
    }
    keeps(&Script::of(429, headers, String::new()), &asked);
}

/// By RFC 9110, section 10.2.3, and the bounds.
fn asked(headers: &HeaderMap) -> Asked {
    let text = |name| -> Option<&str> {
        let value: &HeaderValue = headers.get(name)?;
        Some(
            std::str::from_utf8(value.as_bytes())
                .ok()?
                .trim_matches([' ', '\t']),
        )
    };
    let Some(value) = text(RETRY_AFTER) else {
        return Asked::Nothing;
    };
    if !value.is_empty() && value.chars().all(|char| char.is_ascii_digit()) {
        let digits = value.trim_start_matches('0');
        // Four digits are more than the bound, however many there are.
        let seconds = if digits.len() > 3 {
            LONGEST
        } else {
            digits.parse().unwrap_or(0)
        };
        return Asked::Seconds(seconds.clamp(1, LONGEST));
    }
    match (calendar::parse(value), text(DATE).and_then(calendar::parse)) {
        (None, _) => Asked::Nothing,
        (Some(until), Some(now)) => Asked::Seconds(until.saturating_sub(now).clamp(1, LONGEST)),
        (Some(_), None) => Asked::Something,
    }
}

fn compare(told: Option<Duration>, asked: &Asked) {
    match (told, asked) {
        (None, Asked::Nothing) => {}
        (Some(told), Asked::Seconds(seconds)) => assert_eq!(told, Duration::from_secs(*seconds)),
        (Some(told), Asked::Something) => {
            assert!((1..=LONGEST).contains(&told.as_secs()), "{told:?}");
        }
        (told, _) => panic!("the wait is {told:?}"),
    }
}

/// No create request leaves before its time, and one may leave then.
fn keeps(script: &Arc<Script>, asked: &Asked) {
    let create = CreateTokens::default();
    block_on(async {
        let (outcome, client) = call(script, async |client| client.create(create).await).await;
        let told = outcome.expect_err("a refusal").retry_after();
        compare(told, asked);
        assert_eq!(client.next_create_in(), told);
        let Some(wait) = told else {
            return;
        };
        tokio::time::advance(wait.saturating_sub(Duration::from_millis(1))).await;
        let early = client.create(create).await.expect_err("too early");
        assert!(
            early.is_rate_limited() && early.status().is_none(),
            "nothing was sent"
        );
        assert_eq!(early.retry_after(), Some(Duration::from_millis(1)));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(client.next_create_in(), None);
    });
}
