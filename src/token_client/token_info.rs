//! What Mobula tells about a token that exists.

use std::time::SystemTime;

/// What Mobula knows of a short-lived token, without the token.
///
/// ```
/// # async fn example<C>(tokens: Vec<mobula_auth::TokenInfo>) {
/// for token in tokens {
///     println!("{} has {:?} requests left", token.id(), token.remaining());
/// }
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
