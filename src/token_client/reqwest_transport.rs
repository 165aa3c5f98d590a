//! reqwest as the HTTP client of a token client.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use tower_service::Service;

use super::TokenClient;
use crate::api_key::ApiKey;
use crate::error::{Error, Kind};

/// A `reqwest::Client` that follows no redirect, sends no referrer, decompresses nothing and retries nothing.
///
/// Made by [`TokenClient::reqwest`] and [`TokenClient::with_reqwest`]. A client that was built elsewhere is not taken:
/// reqwest follows redirects unless it is told otherwise, and cannot be told so for a single request.
#[derive(Debug, Clone)]
pub struct ReqwestTransport(reqwest::Client);

impl TokenClient<ReqwestTransport> {
    /// Makes a client of Mobula's token API on reqwest, with reqwest's defaults and 5 seconds to connect.
    ///
    /// ```
    /// use mobula_auth::{ApiKey, TokenClient};
    ///
    /// let tokens = TokenClient::reqwest(ApiKey::new("0af5c1d2-3b4e-4f60-8a7b-9c8d7e6f5a4b")?)?;
    /// # let _ = tokens;
    /// # Ok::<(), mobula_auth::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] if reqwest cannot set up TLS.
    pub fn reqwest(key: ApiKey) -> Result<Self, Error> {
        let builder = reqwest::Client::builder().connect_timeout(Duration::from_secs(5));
        Self::with_reqwest(builder, key)
    }

    /// Makes a client of Mobula's token API on a reqwest client of your own settings: a proxy, a root certificate.
    ///
    /// Whatever the builder says of them, redirects, referrers, decompression and retries are switched off: a redirect
    /// would take the request elsewhere, and each retry is a create request that nobody counted.
    ///
    /// ```
    /// use mobula_auth::{ApiKey, TokenClient};
    ///
    /// let builder = reqwest::Client::builder().no_proxy();
    /// let tokens = TokenClient::with_reqwest(builder, ApiKey::new("0af5c1d2-3b4e-4f60-8a7b-9c8d7e6f5a4b")?)?;
    /// # let _ = tokens;
    /// # Ok::<(), mobula_auth::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] if reqwest cannot build a client of these settings.
    pub fn with_reqwest(builder: reqwest::ClientBuilder, key: ApiKey) -> Result<Self, Error> {
        let client = builder
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .build()
            .map_err(|error| {
                Error::new(
                    Kind::InvalidConfiguration,
                    "reqwest cannot build a client of these settings",
                )
                .with_source(error.without_url().to_string())
            })?;
        Ok(Self::new(ReqwestTransport(client), key))
    }
}

impl Service<http::Request<Full<Bytes>>> for ReqwestTransport {
    type Response = http::Response<reqwest::Body>;
    type Error = reqwest::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Full<Bytes>>) -> Self::Future {
        let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap));
        let client = self.0.clone();
        Box::pin(async move {
            let response = match request {
                Ok(request) => client.execute(request).await,
                Err(error) => Err(error),
            };
            // V3: its error would quote the URL.
            response
                .map(Into::into)
                .map_err(reqwest::Error::without_url)
        })
    }
}
