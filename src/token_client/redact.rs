//! Foreign text made fit for an error message.

use std::error::Error as StdError;
use std::iter;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use zeroize::Zeroizing;

/// The most that is kept of a server's words (V11).
const MAX_LEN: usize = 256;
/// So much of a secret's start is as telling as all of it.
const TELLING: usize = 8;
/// As long as a token may be.
const MAX_JWT_LEN: usize = 8_192;
const REDACTED: &str = "[redacted]";

/// The secrets that a text may echo.
pub(crate) struct Redactor {
    needles: Vec<Zeroizing<String>>,
}

impl Redactor {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let needles = secrets
            .into_iter()
            .flat_map(|secret| {
                [
                    secret.to_owned(),
                    BASE64_NOPAD.encode(secret.as_bytes()),
                    BASE64URL_NOPAD.encode(secret.as_bytes()),
                ]
            })
            .map(Zeroizing::new)
            .collect();
        Self { needles }
    }

    /// The text without the secrets, plain, percent-encoded, JSON-escaped or in base64; without control characters and
    /// whatever else does not print; at most 256 bytes.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut clean = String::new();
        let mut rest = text.trim();
        while let Some(next) = rest.chars().next() {
            let (piece, len) = match self.secret_at_start(rest) {
                Some(len) => (REDACTED.into(), len),
                None => (printable(next), next.len_utf8()),
            };
            if clean.len() + piece.len() > MAX_LEN {
                break;
            }
            clean.push_str(&piece);
            rest = &rest[len..];
        }
        clean
    }

    /// An error and its causes in one line. V3: URLs in it are left out, they may hold anything.
    pub(crate) fn clean_error(&self, error: &(dyn StdError + 'static)) -> String {
        let mut line = String::new();
        let causes = iter::successors(Some(error), |&error| error.source());
        for error in causes.take(8) {
            let message = error.to_string();
            if line.contains(&message) {
                continue;
            }
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&message);
        }
        let words: Vec<_> = line
            .split_whitespace()
            .map(|word| if word.contains("://") { "[url]" } else { word })
            .collect();
        self.clean(&words.join(" "))
    }

    fn secret_at_start(&self, text: &str) -> Option<usize> {
        let lens = self
            .needles
            .iter()
            .filter_map(|needle| spelled(text.as_bytes(), needle.as_bytes()));
        lens.chain(jwt_at_start(text)).max()
    }
}

/// How long the JWT is that a text starts with (RFC 7519, section 3): a server may echo a token that we do not know.
fn jwt_at_start(text: &str) -> Option<usize> {
    if !text.starts_with("ey") {
        return None;
    }
    let of_a_jwt = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let bytes = text.bytes().take(MAX_JWT_LEN);
    let len = bytes.take_while(of_a_jwt).count();
    (text[..len].split('.').count() >= 3).then_some(len)
}

/// How long the spelling of a secret is that a text starts with. All of it is ASCII.
fn spelled(text: &[u8], secret: &[u8]) -> Option<usize> {
    let start = text.get(..secret.len()).unwrap_or_default();
    if !secret.is_empty() && start.eq_ignore_ascii_case(secret) {
        return Some(secret.len());
    }
    let (mut len, mut matched) = (0, 0);
    for &byte in secret {
        let Some(step) = spelled_byte(&text[len..], byte) else {
            break;
        };
        len += step;
        matched += 1;
    }
    (matched >= TELLING.min(secret.len()) && matched > 0).then_some(len)
}

/// In either case: a key that is a UUID may be good in both.
fn spelled_byte(text: &[u8], byte: u8) -> Option<usize> {
    let is_it = |other: u8| other.eq_ignore_ascii_case(&byte);
    match *text {
        [b'%', high, low, ..] if hex(high, low).is_some_and(is_it) => Some(3),
        [b'\\', b'u', b'0', b'0', high, low, ..] if hex(high, low).is_some_and(is_it) => Some(6),
        [b'\\', escaped, ..] if is_it(escaped) => Some(2),
        [plain, ..] if is_it(plain) => Some(1),
        _ => None,
    }
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// `escape_debug` knows all that does not print, bidirectional controls too; quotes are harmless here.
fn printable(char: char) -> String {
    match char {
        '"' | '\'' => char.into(),
        _ => char.escape_debug().collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "k3y-%41\\\"/with+odd=chars";

    fn clean(text: &str) -> String {
        Redactor::new([KEY]).clean(text)
    }

    #[test]
    fn a_secret_is_found_however_it_is_spelled() {
        let all_encoded: Vec<_> = KEY.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let all_escaped: Vec<_> = KEY.bytes().map(|byte| format!("\\u{byte:04X}")).collect();
        for spelling in [
            KEY.to_owned(),
            KEY.to_uppercase(),
            utf8_percent_encode(KEY, NON_ALPHANUMERIC).to_string(),
            all_encoded.concat(),
            all_escaped.concat(),
            serde_json::to_string(KEY)
                .unwrap()
                .trim_matches('"')
                .to_owned(),
            KEY.replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('/', "\\/"),
            BASE64_NOPAD.encode(KEY.as_bytes()),
            BASE64URL_NOPAD.encode(KEY.as_bytes()),
        ] {
            let text = format!("key {spelling}! and {spelling}");
            assert_eq!(clean(&text), "key [redacted]! and [redacted]", "{spelling}");
        }
    }

    #[test]
    fn a_cut_off_secret_is_one_too() {
        assert_eq!(clean(&format!("key {}...", &KEY[..8])), "key [redacted]...");
        assert_eq!(
            clean(&format!("key {}...", &KEY[..6])),
            format!("key {}...", &KEY[..6])
        );
        assert_eq!(
            Redactor::new(["key"]).clean("a ke and a key"),
            "a ke and a [redacted]"
        );
        assert_eq!(Redactor::new([""]).clean("all of it"), "all of it");
    }

    #[test]
    fn a_jwt_that_nobody_told_us_of_is_a_secret() {
        assert_eq!(
            clean("(eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln-_) expired"),
            "([redacted]) expired"
        );
        assert_eq!(clean("they say eye.to.eye"), "they say [redacted]");
        assert_eq!(clean("eyes only. ey.e"), "eyes only. ey.e");
    }

    #[test]
    fn what_does_not_print_is_spelled_out() {
        for (text, expected) in [
            ("  plain\n", "plain"),
            ("it's \"quoted\"", "it's \"quoted\""),
            ("\u{1b}[31mred", r"\u{1b}[31mred"),
            ("a\r\nb\tc\0", r"a\r\nb\tc\0"),
            (
                "a\u{202e}b\u{2066}c\u{200f}d\u{61c}",
                r"a\u{202e}b\u{2066}c\u{200f}d\u{61c}",
            ),
            (
                "\u{9b}m \u{7f} \u{feff}a\u{2028}\u{200b}b",
                r"\u{9b}m \u{7f} \u{feff}a\u{2028}\u{200b}b",
            ),
            ("\u{e0041}\u{ad}", r"\u{e0041}\u{ad}"),
            ("jeton expiré 期限", "jeton expiré 期限"),
        ] {
            assert_eq!(clean(text), expected);
        }
    }

    #[test]
    fn the_cut_is_at_a_character() {
        assert_eq!(clean(&"x".repeat(1_000)), "x".repeat(256));
        assert_eq!(clean(&"期".repeat(1_000)), "期".repeat(85));
        let at_the_edge = format!("{}{KEY}", "x".repeat(250));
        assert_eq!(clean(&at_the_edge), "x".repeat(250));
    }

    #[test]
    fn an_error_is_one_line_without_urls() {
        #[derive(Debug)]
        struct Link(&'static str, Option<Box<Self>>);
        impl fmt::Display for Link {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }
        impl StdError for Link {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                self.1.as_deref().map(|source| source as _)
            }
        }
        let cause = Link("refused\n(os error 111)", None);
        let error = Link(
            "sending to (https://a/b?token=c) failed",
            Some(Box::new(Link("failed", Some(Box::new(cause))))),
        );
        let line = Redactor::new([KEY]).clean_error(&error);
        assert_eq!(line, "sending to [url] failed: refused (os error 111)");
    }

    proptest! {
        #[test]
        fn whatever_comes_in_what_comes_out_is_short_and_printable(text in any::<String>(), at in any::<prop::sample::Index>()) {
            let mut text = text;
            let at = at.index(text.len() + 1);
            let at = (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap();
            text.insert_str(at, KEY);
            let clean = clean(&text);
            prop_assert!(clean.len() <= MAX_LEN);
            prop_assert!(!clean.contains(char::is_control) && !clean.contains(KEY));
        }
    }
}
