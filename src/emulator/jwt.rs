//! Signs tokens and checks them: HS256 and nothing else (RFC 7515, RFC 7519, RFC 8725 section 3.1).

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{TokenFormat, random};

/// What a token says about itself; `iat` and `exp` in seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) id: String,
    pub(super) issued_at: u64,
    pub(super) expires_at: u64,
}

/// The key that signs; its hash state is prepared once.
#[derive(Clone)]
pub(super) struct JwtKey {
    mac: Hmac<Sha256>,
}

impl JwtKey {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self {
            mac: Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"),
        }
    }

    pub(super) fn random() -> Self {
        Self::new(&random::bytes())
    }

    pub(super) fn sign(&self, claims: &Claims, format: TokenFormat) -> String {
        let payload = match format {
            TokenFormat::Jwt => BASE64URL_NOPAD.encode(
                json!({
                    "aud": AUDIENCE,
                    "exp": claims.expires_at,
                    "iat": claims.issued_at,
                    "jti": claims.id,
                })
                .to_string()
                .as_bytes(),
            ),
            // a bare id is no JSON object
            TokenFormat::Undecodable => BASE64URL_NOPAD.encode(claims.id.as_bytes()),
        };
        let mut token = format!("{HEADER}.{payload}");
        let signature = self
            .mac
            .clone()
            .chain_update(&token)
            .finalize()
            .into_bytes();
        token.push('.');
        BASE64URL_NOPAD.encode_append(&signature, &mut token);
        token
    }

    /// The claims of a token that this key has signed; `None` for anything else.
    ///
    /// The header must be, byte for byte, the one that [`sign`](Self::sign) writes: it is never parsed, so that no
    /// token can choose how it is checked. The claims are read only after the signature has held, in constant time.
    pub(super) fn verify(&self, token: &str) -> Option<Claims> {
        if token.len() > MAX_LENGTH {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        if header != HEADER || signature.len() != SIGNATURE_LENGTH {
            return None;
        }
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        self.mac
            .clone()
            .chain_update(signed)
            .verify_slice(&signature)
            .ok()?;
        Claims::read(&BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?)
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtKey([REDACTED])")
    }
}

impl Claims {
    fn read(payload: &[u8]) -> Option<Self> {
        if payload.first() != Some(&b'{') {
            // the undecodable format: only an id, which the emulator's own records complete
            let id = std::str::from_utf8(payload)
                .ok()
                .filter(|id| id.len() == random::UUID_LENGTH)?;
            return Some(Self {
                id: id.to_owned(),
                issued_at: 0,
                expires_at: u64::MAX,
            });
        }
        let claims: Value = serde_json::from_slice(payload).ok()?;
        let issued_at = claims.get("iat")?.as_u64()?;
        let expires_at = claims.get("exp")?.as_u64()?;
        let id = claims.get("jti")?.as_str()?;
        let lifetime = expires_at.checked_sub(issued_at)?;
        (claims.get("aud")?.as_str()? == AUDIENCE && (1..=LONGEST_LIFETIME).contains(&lifetime))
            .then(|| Self {
                id: id.to_owned(),
                issued_at,
                expires_at,
            })
    }
}

/// Whether a value has the outline of a JWT: short enough, three non-empty parts.
pub(super) fn looks_like_token(value: &str) -> bool {
    value.len() <= MAX_LENGTH
        && value.splitn(4, '.').count() == 3
        && value.splitn(4, '.').all(|part| !part.is_empty())
}

/// `{"alg":"HS256","typ":"JWT"}` in base64url.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Names the emulator, so that its tokens can be told from Mobula's.
const AUDIENCE: &str = "mobula-emulator";

/// No token of ours comes near it, in bytes; anything longer is refused unread.
const MAX_LENGTH: usize = 8 * 1024;

/// 32 bytes in base64url without padding.
const SIGNATURE_LENGTH: usize = 43;

/// 24 hours, in seconds (docs.mobula.io/rest-api-reference/endpoint/auth-tokens).
const LONGEST_LIFETIME: u64 = 24 * 60 * 60;
