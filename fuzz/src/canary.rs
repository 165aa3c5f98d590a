//! The secrets of a call, and the search for them in what is told about it.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use mobula_auth::{ApiKey, ApiToken};

pub(crate) const KEY: &str = "k3y-Zq7+/x%41=canary-9f8e7d6c5b4a";
pub(crate) const TOKEN: &str = "c4m3l.Zq8+/y%42=canary.5a6b7c8d9e0f";

/// As much of a secret's start as must not be told (the crate takes 8 characters for telling).
const TELLING: usize = 8;

pub(crate) fn key() -> ApiKey {
    ApiKey::new(KEY).expect("visible ASCII")
}

pub(crate) fn token() -> ApiToken {
    ApiToken::new(TOKEN).expect("visible ASCII")
}

/// Panics if the text shows one of the secrets, or anything that is shaped like a JWT.
pub(crate) fn assert_absent(secrets: &[&str], text: &str) {
    let read = unescaped(text).to_ascii_lowercase();
    for secret in secrets {
        for form in [
            (*secret).to_owned(),
            BASE64_NOPAD.encode(secret.as_bytes()),
            BASE64URL_NOPAD.encode(secret.as_bytes()),
        ] {
            let start = form[..TELLING].to_ascii_lowercase();
            assert!(!read.contains(&start), "{start} shows in {text}");
        }
    }
    for (at, _) in text.match_indices("ey") {
        let len = text[at..]
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
            .count();
        let parts = text[at..at + len].split('.').count();
        assert!(parts < 3, "a JWT shows in {text}");
    }
}

/// The text with `%41`, `\u0041` and `\"` read as a URL or a JSON text would be.
fn unescaped(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let hex = |digits: &str| u8::from_str_radix(digits, 16).ok().map(char::from);
        let (char, len) = if let Some(char) =
            rest.strip_prefix('%').and_then(|rest| hex(rest.get(..2)?))
        {
            (char, 3)
        } else if let Some(char) = rest
            .strip_prefix("\\u00")
            .and_then(|rest| hex(rest.get(..2)?))
        {
            (char, 6)
        } else if let Some(char) = rest.strip_prefix('\\').and_then(|rest| rest.chars().next()) {
            // An escaped control character is none of the secret's, however it is written.
            let is_control = matches!(char, '0' | 'n' | 'r' | 't' | 'u');
            (if is_control { '\n' } else { char }, 1 + char.len_utf8())
        } else {
            (next, next.len_utf8())
        };
        read.push(char);
        rest = &rest[len..];
    }
    read
}
