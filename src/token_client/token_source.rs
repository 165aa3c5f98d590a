//! The token client as a source of tokens.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use super::TokenClient;
use crate::api_token::ApiToken;
use crate::create_tokens::CreateTokens;
use crate::error::{BoxError, Error};
use crate::token_source::TokenSource;

impl<C, B> TokenSource for TokenClient<C>
where
    C: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    C::Future: Send,
    C::Error: Into<BoxError>,
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    async fn create(&self, request: CreateTokens) -> Result<Vec<ApiToken>, Error> {
        Self::create(self, request).await
    }

    /// Without an id there is nothing to revoke by: the token expires.
    async fn revoke(&self, token: ApiToken) -> Result<(), Error> {
        match token.id() {
            Some(id) => Self::revoke(self, id).await,
            None => Ok(()),
        }
    }

    fn creates_per_minute(&self) -> u32 {
        self.create_requests_per_minute
    }

    fn creates_left(&self) -> Option<u32> {
        Some(Self::creates_left(self))
    }
}
