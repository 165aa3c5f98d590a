//! What Mobula tells about a token that exists.

use std::time::SystemTime;

/// What Mobula knows of a short-lived token, without the token.
///
/// ```
/// # use std::convert::Infallible;
/// # use bytes::Bytes;
/// # use http::{Request, Response};
/// # use http_body_util::Full;
/// # use mobula_auth::{ApiKey, TokenClient};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mobula_auth::Error> {
/// # let http_client = tower::service_fn(async |_: Request<Full<Bytes>>| {
/// #     let body = r#"{"apiTokens":[{"id":"1","requestLimit":"5000","remaining":"4711"}]}"#;
/// #     Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(body)))
/// # });
/// # let client = TokenClient::new(http_client, ApiKey::new("0af5c1d2-3b4e-4f60-8a7b-9c8d7e6f5a4b")?);
/// for token in client.list().await? {
///     println!("{} has {:?} requests left", token.id(), token.remaining());
///     # assert_eq!(token.remaining(), Some(4_711));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    pub(super) id: String,
    pub(super) expires_at: Option<SystemTime>,
    pub(super) request_limit: Option<u64>,
    pub(super) remaining: Option<u64>,
}

impl TokenInfo {
    /// The id by which the token can be revoked.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When the token expires, by the server's clock, where it says.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// How many requests the token was made for, where the server says.
    #[must_use]
    pub fn request_limit(&self) -> Option<u64> {
        self.request_limit
    }

    /// About how many of its requests the token has left, where the server says.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.remaining
    }
}
