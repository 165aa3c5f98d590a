//! Reads the credential off a request's headers.

use std::fmt;

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use super::{
    KeyHeader,
    jwt::{Claims, JwtKey, looks_like_token},
};

/// What a request shows to be let in; borrowed from its headers.
pub(super) struct Credential<'a> {
    pub(super) presented: Option<Presented<'a>>,
    /// More than one header, or more than one value of a header.
    pub(super) is_one_of_several: bool,
}

/// One credential as it came.
pub(super) struct Presented<'a> {
    pub(super) header: KeyHeader,
    pub(super) value: &'a str,
    /// Set if it is a token that this emulator has signed.
    pub(super) claims: Option<Claims>,
}

impl<'a> Credential<'a> {
    /// Reads `Authorization` first, then `x-api-key` (docs.mobula.io/guides/api-key-vs-api-token).
    pub(super) fn read(headers: &'a HeaderMap, jwt_key: &JwtKey) -> Self {
        let mut authorization = headers.get_all(AUTHORIZATION).iter();
        let mut api_key = headers.get_all(X_API_KEY).iter();
        let presented = match (authorization.next(), api_key.next()) {
            (Some(value), other) => {
                let several = other.is_some() || authorization.next().is_some();
                return Self {
                    presented: Some(authorized(value, jwt_key)),
                    is_one_of_several: several,
                };
            }
            (None, Some(value)) => Some(Presented::new(KeyHeader::XApiKey, text(value), jwt_key)),
            (None, None) => None,
        };
        Self {
            presented,
            is_one_of_several: api_key.next().is_some(),
        }
    }
}

impl<'a> Credential<'a> {
    /// Reads the member `authorization` of a message on a websocket.
    pub(super) fn of_message(value: Option<&'a str>, jwt_key: &JwtKey) -> Self {
        Self {
            presented: value.map(|value| Presented::new(KeyHeader::Message, value, jwt_key)),
            is_one_of_several: false,
        }
    }
}

impl<'a> Presented<'a> {
    fn new(header: KeyHeader, value: &'a str, jwt_key: &JwtKey) -> Self {
        let claims = if looks_like_token(value) {
            jwt_key.verify(value)
        } else {
            None
        };
        Self {
            header,
            value,
            claims,
        }
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// The scheme's case does not matter (RFC 9110 section 11.1).
fn authorized<'a>(value: &'a HeaderValue, jwt_key: &JwtKey) -> Presented<'a> {
    let value = text(value).trim();
    match value.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => {
            Presented::new(KeyHeader::Bearer, rest.trim_start(), jwt_key)
        }
        _ => Presented::new(KeyHeader::Authorization, value, jwt_key),
    }
}

/// A value that is no visible ASCII is a credential nobody knows.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

const X_API_KEY: &str = "x-api-key";
