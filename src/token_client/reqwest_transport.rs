//! reqwest as the HTTP client of a token client.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use tower_service::Service;

use super::TokenClient;
use crate::api_key::ApiKey;
use crate::env_proxy;
use crate::error::{Error, Kind};

/// A `reqwest::Client` that follows no redirect, sends no referrer, decompresses nothing and retries nothing.
///
/// Made by [`TokenClient::reqwest`] and [`TokenClient::with_reqwest`]. A client that was built elsewhere is not taken:
/// reqwest follows redirects unless it is told otherwise, and cannot be told so for a single request.
///
/// Over plain http, which is to loopback alone, no proxy of the environment (`HTTP_PROXY`, `ALL_PROXY`) comes between.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
    /// For requests that the environment would send through a proxy that reads them. Made when the first of them comes,
    /// since next to nobody has one.
    direct: Arc<OnceLock<reqwest::Client>>,
}

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
    /// Whatever the builder says of them, redirects, referrers, decompression, retries and verbose connections are switched
    /// off: a redirect would take the request elsewhere, each retry is a create request that nobody counted, and verbose
    /// connections log the key. Where the environment
    /// has a proxy for plain http, a call over plain http is made by a client of no settings, and directly.
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
        let client = with_nothing_on_its_own(builder).build().map_err(|error| {
            Error::new(
                Kind::InvalidConfiguration,
                "reqwest cannot build a client of these settings",
            )
            .with_source(error.without_url().to_string())
        })?;
        let direct = Arc::default();
        Ok(Self::new(ReqwestTransport { client, direct }, key))
    }
}

impl ReqwestTransport {
    /// L10: a client takes its proxies when it is built, and leaves none of them out for a single request.
    fn client_for(&self, url: &reqwest::Url) -> Result<reqwest::Client, reqwest::Error> {
        if url.scheme() == "https" || !env_proxy::takes(url) {
            return Ok(self.client.clone());
        }
        if let Some(direct) = self.direct.get() {
            return Ok(direct.clone());
        }
        let builder = reqwest::Client::builder().no_proxy();
        let direct = with_nothing_on_its_own(builder).build()?;
        Ok(self.direct.get_or_init(|| direct).clone())
    }
}

fn with_nothing_on_its_own(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    builder
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        // V2: it would trace every byte of each request.
        .connection_verbose(false)
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
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
        let transport = self.clone();
        Box::pin(async move {
            let response = async {
                let request = request?;
                transport.client_for(request.url())?.execute(request).await
            };
            // V3: its error would quote the URL.
            response
                .await
                .map(Into::into)
                .map_err(reqwest::Error::without_url)
        })
    }
}
