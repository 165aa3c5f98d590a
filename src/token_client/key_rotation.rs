//! Another API key, without a restart.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use super::TokenClient;
use crate::api_key::ApiKey;
use crate::create_tokens::CreateTokens;
use crate::error::{BoxError, Error};

impl<C, B> TokenClient<C>
where
    C: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    C::Future: Send,
    C::Error: Into<BoxError>,
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    /// Changes to another API key, in this client and all of its clones, once that key has proved that it works.
    ///
    /// The proof is a token of one minute and one request, created with the new key and revoked again. It counts as one
    /// of the minute's create requests. Until then, and if it fails, everything goes on with the old key. Tokens that the
    /// old key made go on working until they expire or that key is deleted: before you delete it, call
    /// [`AutoRefreshingToken::refresh`](crate::AutoRefreshingToken::refresh).
    ///
    /// # Errors
    /// As for [`create`](Self::create) with the new key. The old key stays in use.
    ///
    /// # Cancel safety
    /// To drop the future leaves the old key in use, or the new one if that had proved itself already.
    pub async fn rotate_key(&self, new_key: ApiKey) -> Result<(), Error> {
        let candidate = Self {
            key: Arc::new(ArcSwap::from_pointee(new_key)),
            ..self.clone()
        };
        let proof = CreateTokens::default()
            .lifetime(Duration::from_secs(60))?
            .request_limit(1)?;
        let proofs = candidate.create(proof).await?;
        self.key.store(candidate.key.load_full());
        for id in proofs.iter().filter_map(|token| token.id()) {
            // Best effort: it is over in a minute.
            let _ = candidate.revoke(id).await;
        }
        Ok(())
    }
}
