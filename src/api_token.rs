//! The short-lived credential.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::{Error, Kind};
use crate::secret::{Malformed, Secret};

const MAX_LEN: usize = 8192;

/// A short-lived Mobula API token, and what is known of it.
///
/// The token is opaque to this crate: 1 to 8,192 visible ASCII characters, today a JWT. It is sent as
/// `Authorization: Bearer TOKEN` and in no other way (docs.mobula.io, Auth tokens). `Debug` redacts it,
/// [`expose_secret`](Self::expose_secret) is the one way out, and its bytes are wiped when the last clone, and the last
/// header made of it, is dropped.
///
/// ```
/// use mobula_auth::ApiToken;
///
/// let token = ApiToken::new("eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl")?.with_request_limit(5_000);
/// assert_eq!(token.request_limit(), Some(5_000));
/// # Ok::<(), mobula_auth::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ApiToken {
    secret: Secret,
    id: Option<Arc<str>>,
    expires_at: Option<SystemTime>,
    lifetime: Option<Duration>,
    request_limit: Option<u64>,
}

impl ApiToken {
    /// Takes the token as it is, without the word `Bearer`.
    ///
    /// # Errors
    /// [`Error::is_invalid_credential`] if it is empty, longer than 8,192 bytes, or not all visible ASCII.
    pub fn new(token: impl AsRef<str>) -> Result<Self, Error> {
        let token = token.as_ref();
        let secret = Secret::new(token, MAX_LEN).map_err(|malformed| {
            let message = match malformed {
                Malformed::Empty => "the API token is empty",
                Malformed::TooLong => "the API token is longer than 8192 bytes: it is something else",
                Malformed::NotVisibleAscii if token.starts_with("Bearer ") => {
                    "the API token starts with `Bearer `: give it without, the header gets it anyway"
                }
                Malformed::NotVisibleAscii => {
                    "the API token holds a space, a line break or another character that is not visible ASCII: if \
                     it came from a file, use ApiToken::trimmed"
                }
            };
            Error::new(Kind::InvalidCredential, message)
        })?;
        Ok(Self {
            secret,
            id: None,
            expires_at: None,
            lifetime: None,
            request_limit: None,
        })
    }

    /// Takes the token without the white space around it, as a file or a prompt gives it.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn trimmed(token: impl AsRef<str>) -> Result<Self, Error> {
        Self::new(token.as_ref().trim())
    }

    /// Notes the id by which the token can be revoked.
    #[must_use]
    pub fn with_id(self, id: impl Into<Arc<str>>) -> Self {
        Self {
            id: Some(id.into()),
            ..self
        }
    }

    /// Notes when the server says that the token expires, by the server's clock.
    #[must_use]
    pub fn with_expires_at(self, expires_at: SystemTime) -> Self {
        Self {
            expires_at: Some(expires_at),
            ..self
        }
    }

    /// Notes for how long the token lives, counted from before it was asked for. This is what a refresh goes by: it
    /// needs no agreement of clocks.
    #[must_use]
    pub fn with_lifetime(self, lifetime: Duration) -> Self {
        Self {
            lifetime: Some(lifetime),
            ..self
        }
    }

    /// Notes how many requests the token is good for.
    #[must_use]
    pub fn with_request_limit(self, request_limit: u64) -> Self {
        Self {
            request_limit: Some(request_limit),
            ..self
        }
    }

    /// The id by which the token can be revoked, where it is known.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// When the token expires, by the server's clock, where it is known.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// For how long the token lives, counted from before it was asked for, where it is known.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// How many requests the token is good for, where it is known.
    #[must_use]
    pub fn request_limit(&self) -> Option<u64> {
        self.request_limit
    }

    /// The token itself. Whatever you do with it, this crate protects it no more.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.secret.expose()
    }

    pub(crate) fn into_secret(self) -> Secret {
        self.secret
    }

    /// Whether both are the same text; for texts that come from one source, so timing tells nobody anything.
    #[cfg(feature = "refresh")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.expose_secret() == other.expose_secret()
    }

    #[cfg(feature = "refresh")]
    pub(crate) fn header(&self) -> &http::HeaderValue {
        self.secret.bearer()
    }

    /// The header in bytes of its own.
    #[cfg(feature = "refresh")]
    pub(crate) fn copy_header(&self) -> http::HeaderValue {
        self.secret.copy_bearer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_has_its_own_words() {
        let say = |token: &str| ApiToken::new(token).unwrap_err().to_string();
        assert!(say("").contains("empty"));
        assert!(say(&"t".repeat(8193)).contains("8192"));
        assert!(say("Bearer abc").contains("without"));
        assert!(say("abc\n").contains("ApiToken::trimmed"));
        assert!(ApiToken::new("t".repeat(8192)).is_ok());
        assert_eq!(
            ApiToken::trimmed(" abc\r\n").unwrap().expose_secret(),
            "abc"
        );
    }
}
