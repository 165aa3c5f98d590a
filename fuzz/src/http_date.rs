//! N8: a date of HTTP is what RFC 9110 says, to the second, in both fields that have one.

use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use mobula_auth::CreateTokens;

use super::calendar;
use super::runtime::block_on;
use super::scripted::{Script, call};

/// Takes what may be a date.
pub fn check(input: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(input) else {
        return;
    };
    let text = String::from_utf8_lossy(input);
    let second = calendar::parse(text.trim_matches([' ', '\t']));
    as_retry_after(&value, second);
    as_date(&value, second);
}

/// 20 seconds after the server's own clock; what is no date asks for nothing, except where it is a number.
fn as_retry_after(value: &HeaderValue, second: Option<u64>) {
    const WAIT: u64 = 20;
    let sent_at = second.unwrap_or(WAIT).saturating_sub(WAIT);
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, value.clone());
    headers.insert(DATE, header(&calendar::imf_fixdate(sent_at)));
    let script = Script::of(503, headers, String::new());
    let (outcome, _) = block_on(call(&script, async |client| client.list().await));
    let told = outcome.expect_err("a refusal").retry_after();
    let is_number = value.as_bytes().trim_ascii().iter().all(u8::is_ascii_digit);
    match second {
        Some(second) => {
            let wait = Duration::from_secs((second - sent_at).max(1));
            assert_eq!(told, Some(wait), "{value:?}");
        }
        None if is_number => {}
        None => assert_eq!(told, None, "{value:?} is no date"),
    }
}

/// By the server's clock the token lives for half of the time that was asked for; what is no date leaves our clock alone.
fn as_date(value: &HeaderValue, second: Option<u64>) {
    const LIFE: u64 = 1_800;
    const FAR_OFF: u64 = 4_102_444_800;
    let expiry = second.map_or(FAR_OFF, |second| second + LIFE);
    // Where the date library of the crate ends: a last day that is cut short by the widest time zone.
    if expiry > calendar::LATEST - 2 * 86_400 {
        return;
    }
    let mut headers = HeaderMap::new();
    headers.insert(DATE, value.clone());
    let expiry = calendar::iso_8601(expiry);
    let body = format!(r#"[{{"token":"opaque","expiresTimeString":"{expiry}"}}]"#);
    let script = Script::of(200, headers, body);
    let create = CreateTokens::default();
    let (outcome, _) = block_on(call(&script, async |client| client.create(create).await));
    let lifetime = outcome.expect("a usable token")[0].lifetime();
    let expected = match second {
        Some(_) => Duration::from_secs(LIFE),
        None => create.get_lifetime(),
    };
    assert_eq!(lifetime, Some(expected), "{value:?}");
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("a date is ASCII")
}
