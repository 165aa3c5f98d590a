//! N1: an API key is what the grammar says, and leaves as it came.

use http::{HeaderMap, Uri};
use mobula_auth::{ApiKey, ApiKeyAuth, KeyHeader};

use super::wire_view::headers_sent;

const MAX_LEN: usize = 4096;

/// Takes a key.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    check_text(text);
    if text.is_ascii() && !text.is_empty() {
        for len in [MAX_LEN, MAX_LEN + 1] {
            let long: String = text.chars().cycle().take(len).collect();
            check_text(&long);
        }
    }
}

fn check_text(text: &str) {
    let says = match ApiKey::new(text) {
        Ok(key) => {
            leaves_as_it_came(&key, text);
            assert_eq!(format!("{key:?}"), "ApiKey([redacted])");
            ""
        }
        Err(error) => {
            assert!(error.is_invalid_credential() && error.retry_after().is_none());
            &error.to_string()
        }
    };
    let expected = if is_jwt(text.trim()) {
        "this is a short-lived token"
    } else if text.is_empty() {
        "the API key is empty"
    } else if text.len() > MAX_LEN {
        "the API key is longer than 4096 bytes"
    } else if !text.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
        "the API key holds a space"
    } else {
        assert_eq!(says, "");
        ""
    };
    assert!(says.starts_with(expected), "{says}");
    let trimmed = ApiKey::trimmed(text).map(|key| key.expose_secret().to_owned());
    let by_hand = ApiKey::new(text.trim()).map(|key| key.expose_secret().to_owned());
    assert_eq!(trimmed.ok(), by_hand.ok());
}

fn leaves_as_it_came(key: &ApiKey, text: &str) {
    assert_eq!(key.expose_secret(), text);
    for (form, name, expected) in [
        (KeyHeader::Authorization, "authorization", text.to_owned()),
        (
            KeyHeader::AuthorizationBearer,
            "authorization",
            format!("Bearer {text}"),
        ),
        (KeyHeader::XApiKey, "x-api-key", text.to_owned()),
    ] {
        let layer = ApiKeyAuth::new(key.clone()).header(form);
        let mobula = Uri::from_static("https://api.mobula.io/api/1/all");
        let headers = headers_sent(&layer, mobula, HeaderMap::new());
        assert_eq!(headers.len(), 1, "exactly one credential");
        assert_eq!(headers[name], expected);
        assert!(headers[name].is_sensitive());
    }
}

/// Three parts in base64url, padded or not, of which the first begins like a JSON object.
fn is_jwt(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let of_base64url = |part: &&str| {
        part.chars()
            .all(|char| matches!(char, 'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '_' | '='))
    };
    parts.len() == 3
        && text.starts_with("ey")
        && parts
            .iter()
            .all(|part| !part.is_empty() && of_base64url(part))
}
