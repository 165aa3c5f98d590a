//! Where tokens come from.

use crate::api_token::ApiToken;
use crate::create_tokens::CreateTokens;
use crate::error::Error;

/// A source of short-lived tokens for [`AutoRefreshingToken`](crate::AutoRefreshingToken).
///
/// `TokenClient`, which asks Mobula itself, is one; so is a closure that asks your own backend, for
/// a worker or a partner that must not hold the API key:
///
/// ```
/// use mobula_auth::{ApiToken, AutoRefreshingToken, CreateTokens, Error};
///
/// let auth = AutoRefreshingToken::new(async |request: CreateTokens| {
///     let jwt = "eyJ0b2tlbiI6Im9mIHlvdXIgYmFja2VuZCJ9.e30.c2ln"; // ask your backend here
///     let token = ApiToken::new(jwt)?.with_lifetime(request.get_lifetime());
///     Ok::<_, Error>(vec![token])
/// });
/// # let _ = auth;
/// ```
pub trait TokenSource: Send + Sync + 'static {
    /// Creates tokens: as many as asked for, or fewer, but at least one.
    ///
    /// The refreshing layer has one call at a time under way, counts a token's
    /// [lifetime](ApiToken::lifetime) from before the call, and gives up on a call after 30 seconds.
    /// A token without a lifetime or a request limit of its own counts as made as asked.
    fn create(
        &self,
        request: CreateTokens,
    ) -> impl Future<Output = Result<Vec<ApiToken>, Error>> + Send;

    /// Makes a token useless before its time. Does nothing by default: a token expires anyway.
    fn revoke(&self, token: ApiToken) -> impl Future<Output = Result<(), Error>> + Send {
        drop(token);
        async { Ok(()) }
    }

    /// How many create requests a minute the source allows, by default the 4 of the 5 that Mobula allows a key.
    fn creates_per_minute(&self) -> u32 {
        4
    }

    /// How many create requests may be sent right now, where the source counts them.
    fn creates_left(&self) -> Option<u32> {
        None
    }
}

impl<F, Fut> TokenSource for F
where
    F: Fn(CreateTokens) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Vec<ApiToken>, Error>> + Send,
{
    fn create(
        &self,
        request: CreateTokens,
    ) -> impl Future<Output = Result<Vec<ApiToken>, Error>> + Send {
        self(request)
    }
}
