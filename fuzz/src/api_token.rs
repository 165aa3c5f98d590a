//! N1: an API token is what the grammar says, and leaves as it came.

use http::{HeaderMap, Uri};
use mobula_auth::{ApiToken, BearerAuth};

use super::wire_view::headers_sent;

const MAX_LEN: usize = 8192;

/// Takes a token.
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
    let is_visible = text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    match ApiToken::new(text) {
        Ok(token) => {
            assert!((1..=MAX_LEN).contains(&text.len()) && is_visible);
            leaves_as_it_came(&token, text);
        }
        Err(error) => {
            assert!(error.is_invalid_credential() && error.retry_after().is_none());
            let expected = if text.is_empty() {
                "the API token is empty"
            } else if text.len() > MAX_LEN {
                "the API token is longer than 8192 bytes"
            } else if is_visible {
                panic!("a good token is refused: {error}");
            } else if text.starts_with("Bearer ") {
                "the API token starts with `Bearer `"
            } else {
                "the API token holds a space"
            };
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }
    let trimmed = ApiToken::trimmed(text).map(|token| token.expose_secret().to_owned());
    let by_hand = ApiToken::new(text.trim()).map(|token| token.expose_secret().to_owned());
    assert_eq!(trimmed.ok(), by_hand.ok());
}

fn leaves_as_it_came(token: &ApiToken, text: &str) {
    assert_eq!(token.expose_secret(), text);
    let debug = format!("{token:?}");
    assert!(
        debug.starts_with("ApiToken { secret: [redacted], id: None,"),
        "{debug}"
    );
    let layer = BearerAuth::new(token.clone());
    let mobula = Uri::from_static("https://api.mobula.io/api/1/all");
    let headers = headers_sent(&layer, mobula, HeaderMap::new());
    assert_eq!(headers.len(), 1, "exactly one credential");
    assert_eq!(headers["authorization"], format!("Bearer {text}"));
    assert!(headers["authorization"].is_sensitive());
}
