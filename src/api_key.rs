//! The long-lived credential.

use std::env::{self, VarError};

use zeroize::Zeroizing;

use crate::error::{Error, Kind};
use crate::secret::{Malformed, Secret};

const MAX_LEN: usize = 4096;
const VARIABLE: &str = "MOBULA_API_KEY";

/// A Mobula API key: long-lived, from the dashboard, the same value until it is rotated or deleted.
///
/// It is an opaque text of 1 to 4,096 visible ASCII characters. `Debug` redacts it, [`expose_secret`](Self::expose_secret)
/// is the one way out, and its bytes are wiped when the last clone, and the last header made of it, is dropped. What an
/// HTTP client copies to its own buffers is out of our reach.
///
/// ```
/// use mobula_auth::ApiKey;
///
/// let key = ApiKey::new("0af5c1d2-3b4e-4f60-8a7b-9c8d7e6f5a4b")?;
/// assert_eq!(format!("{key:?}"), "ApiKey([redacted])");
/// # Ok::<(), mobula_auth::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ApiKey(Secret);

impl ApiKey {
    /// Takes the key as it is: white space around it is an error, see [`trimmed`](Self::trimmed).
    ///
    /// # Errors
    /// [`Error::is_invalid_credential`] if it is empty, longer than 4,096 bytes, not all visible ASCII, or a short-lived
    /// token, which [`BearerAuth`](crate::BearerAuth) sends.
    pub fn new(key: impl AsRef<str>) -> Result<Self, Error> {
        let key = key.as_ref();
        if is_jwt_shaped(key) {
            return Err(invalid(
                "this is a short-lived token (a JWT), not an API key: give it to BearerAuth as an ApiToken",
            ));
        }
        Secret::new(key, MAX_LEN).map(Self).map_err(|malformed| {
            invalid(match malformed {
                Malformed::Empty => "the API key is empty: copy it from the Mobula dashboard",
                Malformed::TooLong => "the API key is longer than 4096 bytes: it is something else",
                Malformed::NotVisibleAscii => {
                    "the API key holds a space, a line break or another character that is not visible ASCII: if it \
                     came from a file, use ApiKey::trimmed"
                }
            })
        })
    }

    /// Takes the key without the white space around it, as a file or a prompt gives it.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn trimmed(key: impl AsRef<str>) -> Result<Self, Error> {
        Self::new(key.as_ref().trim())
    }

    /// Takes the key from the environment variable `MOBULA_API_KEY`.
    ///
    /// # Errors
    /// [`Error::is_invalid_credential`] if the variable is not set, empty, not UTF-8, or no key as for
    /// [`new`](Self::new); each says which.
    pub fn from_env() -> Result<Self, Error> {
        match env::var(VARIABLE).map(Zeroizing::new) {
            Ok(key) if key.is_empty() => Err(invalid(
                "the environment variable MOBULA_API_KEY is set but empty",
            )),
            Ok(key) => Self::new(key.as_str()),
            Err(VarError::NotPresent) => Err(invalid(
                "the environment variable MOBULA_API_KEY is not set: put your key from the Mobula dashboard there",
            )),
            Err(VarError::NotUnicode(_)) => Err(invalid(
                "the environment variable MOBULA_API_KEY is not valid UTF-8",
            )),
        }
    }

    /// The key itself. Whatever you do with it, this crate protects it no more.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.0.expose()
    }

    pub(crate) fn into_secret(self) -> Secret {
        self.0
    }

    /// `KEY`, the usual form of the `Authorization` and `x-api-key` headers (docs.mobula.io, API key vs API token).
    #[cfg(feature = "refresh")]
    pub(crate) fn raw_header(&self) -> &http::HeaderValue {
        self.0.raw()
    }
}

fn invalid(message: &'static str) -> Error {
    Error::new(Kind::InvalidCredential, message)
}

/// Three base64url parts, the first the start of a JSON object (RFC 7519, section 3).
fn is_jwt_shaped(text: &str) -> bool {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=');
    let mut parts = text.trim().splitn(4, '.');
    let all_parts = [parts.next(), parts.next(), parts.next()];
    text.trim_start().starts_with("ey")
        && parts.next().is_none()
        && all_parts
            .iter()
            .all(|part| part.is_some_and(|part| !part.is_empty() && part.bytes().all(base64url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_a_key() {
        for token in [
            "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln",
            " eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln\n",
            "eyJ.e30.a-_b",
        ] {
            let error = ApiKey::new(token).unwrap_err();
            assert!(error.is_invalid_credential() && error.to_string().contains("BearerAuth"));
        }
        for key in [
            "eyJ.e30",
            "eyJ.e30.a.b",
            "eyJ..a",
            "key.e30.a",
            "eyJ.e3 0.a",
            "a.b.c",
        ] {
            let refused_as_token =
                ApiKey::new(key).is_err_and(|error| error.to_string().contains("BearerAuth"));
            assert!(!refused_as_token, "{key}");
        }
    }

    #[test]
    fn each_mistake_has_its_own_words() {
        let say = |key: &str| ApiKey::new(key).unwrap_err().to_string();
        assert!(say("").contains("empty"));
        assert!(say(&"k".repeat(4097)).contains("4096"));
        assert!(say("key\n").contains("ApiKey::trimmed"));
        assert!(ApiKey::new("k".repeat(4096)).is_ok());
        assert_eq!(ApiKey::trimmed(" key\r\n").unwrap().expose_secret(), "key");
    }
}
