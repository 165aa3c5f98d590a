//! The two claims of a token that tell its life.

use std::time::{Duration, SystemTime};

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

/// `iat` and `exp` of a JWT (RFC 7519, section 4.1), unverified: a hint, and only ever used to shorten a life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct JwtClaims {
    pub(super) issued_at: Option<SystemTime>,
    pub(super) expires_at: Option<SystemTime>,
}

impl JwtClaims {
    /// A token is opaque: one that cannot be decoded has no claims, and that is no error.
    pub(super) fn of(token: &str) -> Self {
        let claims = payload(token).unwrap_or_default();
        Self {
            issued_at: time(&claims["iat"]),
            expires_at: time(&claims["exp"]),
        }
    }
}

/// N7: however many dots there are, the token is split into four parts at the most; its length was bounded before.
fn payload(token: &str) -> Option<Value> {
    let mut parts = token.splitn(4, '.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let payload = BASE64URL_NOPAD
        .decode(payload.trim_end_matches('=').as_bytes())
        .ok()?;
    serde_json::from_slice(&payload).ok()
}

/// Seconds since 1970. What would be after the year 5138 is milliseconds by mistake.
fn time(claim: &Value) -> Option<SystemTime> {
    const LATEST_SECOND: u64 = 100_000_000_000;
    let claim = claim.as_u64()?;
    SystemTime::UNIX_EPOCH.checked_add(if claim > LATEST_SECOND {
        Duration::from_millis(claim)
    } else {
        Duration::from_secs(claim)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(payload: &str) -> String {
        format!(
            "eyJhbGciOiJIUzI1NiJ9.{}.c2ln",
            BASE64URL_NOPAD.encode(payload.as_bytes())
        )
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn claims_are_integers_or_nothing() {
        for (payload, issued_at, expires_at) in [
            (
                r#"{"iat":1741604400,"exp":1741608000}"#,
                Some(1_741_604_400),
                Some(1_741_608_000),
            ),
            (r#"{"exp":1741608000000}"#, None, Some(1_741_608_000)),
            (r#"{"exp":18446744073709551616}"#, None, None),
            (r#"{"exp":-1,"iat":1.5}"#, None, None),
            (r#"{"exp":"1741608000","iat":null}"#, None, None),
            (r#"["exp"]"#, None, None),
            ("exp", None, None),
            ("", None, None),
        ] {
            let claims = JwtClaims {
                issued_at: issued_at.map(at),
                expires_at: expires_at.map(at),
            };
            assert_eq!(JwtClaims::of(&jwt(payload)), claims, "{payload}");
        }
        let padded = jwt(r#"{"exp":1}"#).replace(".c2ln", "=.c2ln");
        assert_eq!(JwtClaims::of(&padded).expires_at, Some(at(1)));
    }

    #[test]
    fn what_is_no_jwt_has_no_claims() {
        let dots = ".".repeat(8192);
        for token in [
            "",
            "opaque",
            "a.b",
            "a.b.c",
            "a.e30.c.d",
            "a.\u{e9}.c",
            &dots,
        ] {
            assert_eq!(JwtClaims::of(token), JwtClaims::default(), "{token}");
        }
    }
}
