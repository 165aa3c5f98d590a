//! Secrets to look for, in the forms that they could be seen in.

use aho_corasick::AhoCorasick;
use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

/// What must not be seen, in the forms that it could be seen in.
pub(crate) struct Canaries {
    forms: Vec<(&'static str, String)>,
    /// Finds any of them in one pass: there is much to search.
    all: AhoCorasick,
}

impl Canaries {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let forms: Vec<_> = secrets.into_iter().flat_map(forms_of).collect();
        let all = AhoCorasick::new(forms.iter().map(|(_, text)| text)).unwrap();
        Self { forms, all }
    }

    pub(crate) fn assert_absent(&self, place: &str, text: &str) {
        if let Some(found) = self.found_in(text) {
            panic!("{place} shows a secret, {found}");
        }
    }

    /// What of a secret is in a text: its form, and the line.
    pub(crate) fn found_in(&self, text: &str) -> Option<String> {
        let found = self.all.find(text)?;
        let (form, secret) = &self.forms[found.pattern().as_usize()];
        let line = text[..found.start()].rfind('\n').map_or(0, |end| end + 1);
        let line = text[line..].lines().next().unwrap_or_default();
        Some(format!("{form}: {secret} in {line}"))
    }
}

/// A secret in each form, with its name.
pub(crate) fn forms_of(secret: &str) -> [(&'static str, String); FORMS] {
    let bytes = secret.as_bytes();
    let middle = secret.len() / 2 - 6..secret.len() / 2 + 6;
    let each = |form: fn(u8) -> String| bytes.iter().copied().map(form).collect::<String>();
    [
        ("plain", secret.to_owned()),
        ("its first 12 characters", secret[..12].to_owned()),
        ("12 characters of it", secret[middle].to_owned()),
        (
            "its last 12 characters",
            secret[secret.len() - 12..].to_owned(),
        ),
        ("reversed", secret.chars().rev().collect()),
        ("upper case", secret.to_ascii_uppercase()),
        ("base64", BASE64_NOPAD.encode(bytes)),
        ("base64url", BASE64URL_NOPAD.encode(bytes)),
        ("base64 from its second byte on", within_base64(bytes, 1)),
        ("base64 from its third byte on", within_base64(bytes, 2)),
        ("base32", BASE32_NOPAD.encode(bytes)),
        ("hex", HEXLOWER.encode(bytes)),
        ("upper-case hex", HEXUPPER.encode(bytes)),
        ("percent-encoded", each(|byte| format!("%{byte:02X}"))),
        ("escaped as in JSON", each(|byte| format!("\\u{byte:04x}"))),
        (
            "a list of its bytes",
            format!("{bytes:?}").trim_matches(['[', ']']).to_owned(),
        ),
    ]
}

pub(crate) const FORMS: usize = 16;

/// What base64 of a longer text shows of it, where it does not begin with a group of three bytes.
fn within_base64(bytes: &[u8], skipped: usize) -> String {
    let whole_groups = (bytes.len() - skipped) / 3 * 3;
    BASE64_NOPAD.encode(&bytes[skipped..skipped + whole_groups])
}

/// Whatever the form, it is found: by this the tests that find nothing are to be trusted.
#[test]
fn each_form_is_found_within_a_text() {
    let secret = "0af5c1d2-3b4e-4f60-8a7b-9c8d7e6f5a4b";
    let canaries = Canaries::new(["another-secret-of-somebody", secret]);
    for (form, text) in forms_of(secret) {
        let text = format!("a line\nbefore {text} after\n");
        let found = canaries.found_in(&text);
        assert!(
            found.is_some_and(|found| found.ends_with(" after")),
            "{form}"
        );
    }
    for prefix in ["", "a", "ab"] {
        let text = BASE64_NOPAD.encode(format!("{prefix}{secret} and more").as_bytes());
        assert!(canaries.found_in(&text).is_some(), "after {prefix:?}");
    }
    assert_eq!(canaries.found_in("0af5c1d2-3b"), None);
}
