//! Secrets to look for, in the forms that they could be seen in.

use std::fmt::Write;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

/// What must not be seen, in the forms that it could be seen in.
pub(crate) struct Canaries(Vec<(String, String)>);

impl Canaries {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms = Vec::new();
        for secret in secrets {
            let bytes = secret.as_bytes();
            let middle = &secret[secret.len() / 2 - 6..secret.len() / 2 + 6];
            let percent = bytes.iter().fold(String::new(), |mut text, byte| {
                write!(text, "%{byte:02X}").unwrap();
                text
            });
            forms.extend([
                ("plain", secret.to_owned()),
                ("12 characters of it", middle.to_owned()),
                (
                    "its last 12 characters",
                    secret[secret.len() - 12..].to_owned(),
                ),
                ("reversed", secret.chars().rev().collect()),
                ("upper case", secret.to_ascii_uppercase()),
                ("base64", BASE64_NOPAD.encode(bytes)),
                ("base64url", BASE64URL_NOPAD.encode(bytes)),
                ("hex", HEXLOWER.encode(bytes)),
                ("upper-case hex", HEXUPPER.encode(bytes)),
                ("percent-encoded", percent),
                (
                    "a list of its bytes",
                    format!("{bytes:?}").trim_matches(['[', ']']).to_owned(),
                ),
            ]);
        }
        Self(
            forms
                .into_iter()
                .map(|(form, text)| (form.to_owned(), text))
                .collect(),
        )
    }

    pub(crate) fn assert_absent(&self, place: &str, text: &str) {
        for (form, secret) in &self.0 {
            assert!(
                !text.contains(secret.as_str()),
                "{place} shows a secret, {form}: {secret} in {text}"
            );
        }
    }
}
