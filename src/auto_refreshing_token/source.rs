//! A token source of any type, behind one pointer: one box an attempt, none a request.

use std::fmt;
use std::pin::Pin;

use crate::api_token::ApiToken;
use crate::create_tokens::CreateTokens;
use crate::error::Error;
use crate::token_source::TokenSource;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

pub(crate) trait AnySource: Send + Sync {
    fn create(&self, request: CreateTokens) -> Boxed<'_, Vec<ApiToken>>;
    fn revoke(&self, token: ApiToken) -> Boxed<'_, ()>;
    fn creates_per_minute(&self) -> u32;
    fn creates_left(&self) -> Option<u32>;
}

impl<T: TokenSource> AnySource for T {
    fn create(&self, request: CreateTokens) -> Boxed<'_, Vec<ApiToken>> {
        Box::pin(TokenSource::create(self, request))
    }

    fn revoke(&self, token: ApiToken) -> Boxed<'_, ()> {
        Box::pin(TokenSource::revoke(self, token))
    }

    fn creates_per_minute(&self) -> u32 {
        TokenSource::creates_per_minute(self)
    }

    fn creates_left(&self) -> Option<u32> {
        TokenSource::creates_left(self)
    }
}

impl fmt::Debug for dyn AnySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSource")
    }
}
