//! What the caller reads: JSON, and headers that keep it from everybody else.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, REFERRER_POLICY, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use zeroize::Zeroizing;

use super::refusal::Refusal;
use super::revocation::RevokeReport;
use crate::api_token::ApiToken;

pub(super) type Answer = Response<Full<Bytes>>;

/// U2, U8: on every answer, whatever its status. Nobody stores it, guesses its type, or tells where the page came from; and
/// who stores it all the same does not give it to another origin.
const SAFE: [(HeaderName, &str); 6] = [
    (CACHE_CONTROL, "no-store"),
    (PRAGMA, "no-cache"),
    (VARY, "Origin"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CONTENT_TYPE, "application/json"),
];

/// The longest wait that is told; who asks again by then is told anew.
pub(super) const LONGEST_RETRY: Duration = Duration::from_secs(600);

/// What is told of a token, besides the token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) expires_at: SystemTime,
    pub(super) expires_in: Duration,
    pub(super) request_limit: u64,
}

/// 200, with the token: in a buffer that is wiped once it is sent.
pub(super) fn issued(token: &ApiToken, facts: Facts) -> Answer {
    let Facts {
        expires_at,
        expires_in,
        request_limit,
    } = facts;
    let expires_at = jiff::Timestamp::try_from(expires_at)
        .ok()
        .map(|time| format!("{time:.3}"));
    let expires_in = u64::try_from(expires_in.as_millis()).unwrap_or(u64::MAX);
    let others = json!({
        "id": token.id(),
        "expiresAt": expires_at,
        "expiresIn": expires_in,
        "requestLimit": request_limit,
    })
    .to_string();
    let secret = token.expose_secret();
    // Twice the secret: JSON escapes a quote and a backslash, and a buffer that grew would leave a copy behind.
    let mut body = Zeroizing::new(Vec::with_capacity(2 * secret.len() + others.len() + 16));
    body.extend_from_slice(b"{\"token\":");
    serde_json::to_writer(&mut *body, secret).expect("text can be written to memory");
    body.push(b',');
    body.extend_from_slice(&others.as_bytes()[1..]);
    answer(StatusCode::OK, Bytes::from_owner(body))
}

/// 200 once everything is revoked; 502 if something was left, which may be asked for again.
pub(super) fn revoked(report: RevokeReport) -> Answer {
    let status = if report.left == 0 {
        StatusCode::OK
    } else {
        StatusCode::BAD_GATEWAY
    };
    let body = json!({ "revoked": report.revoked, "left": report.left });
    answer(status, body.to_string().into())
}

pub(super) fn refused(refusal: &Refusal) -> Answer {
    let retry_after = refusal.retry_after.map(whole_seconds);
    let mut body = json!({ "error": refusal.code, "message": refusal.message });
    if let Some(seconds) = retry_after {
        body["retryAfter"] = seconds.into();
    }
    let mut answer = answer(refusal.status, body.to_string().into());
    let headers = answer.headers_mut();
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if let Some(challenge) = &refusal.challenge {
        headers.insert(WWW_AUTHENTICATE, challenge.clone());
    }
    if refusal.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST, DELETE"));
    }
    answer
}

fn answer(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    for (name, value) in SAFE {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Rounded up, so that nobody comes too early.
fn whole_seconds(wait: Duration) -> u64 {
    let wait = wait.min(LONGEST_RETRY);
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::*;

    async fn read(answer: Answer) -> Value {
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn a_token_is_json_whatever_is_in_it() {
        let token = ApiToken::new(r#"a"\b"#).unwrap().with_id("id \"7\"");
        let answer = issued(
            &token,
            Facts {
                expires_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_741_608_000_007),
                expires_in: Duration::from_micros(290_000_999),
                request_limit: 1_000,
            },
        );
        let expected = json!({
            "token": r#"a"\b"#,
            "id": "id \"7\"",
            "expiresAt": "2025-03-10T12:00:00.007Z",
            "expiresIn": 290_000,
            "requestLimit": 1_000,
        });
        assert_eq!(read(answer).await, expected);
    }

    #[tokio::test]
    async fn a_wait_is_told_in_whole_seconds_that_are_long_enough() {
        for (wait, told) in [
            (0, 1),
            (1, 1),
            (1_000, 1),
            (1_001, 2),
            (59_001, 60),
            (1_000_000, 600),
        ] {
            let refusal = Refusal::unavailable(Duration::from_millis(wait));
            let answer = refused(&refusal);
            assert_eq!(answer.headers()[RETRY_AFTER], told.to_string());
            assert_eq!(read(answer).await["retryAfter"], told);
        }
        let without = refused(&Refusal::forbidden());
        assert!(!without.headers().contains_key(RETRY_AFTER));
    }
}
