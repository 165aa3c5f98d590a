//! The service that the layer makes.

use std::fmt;
use std::task::{Context, Poll};

use http::Request;
use tower_service::Service;

use super::TokenRegistry;
use super::tenant_key::TenantKey;
use crate::api_key::ApiKey;
use crate::auto_refreshing_token::ResponseFuture;
use crate::error::{BoxError, Error, Kind};
use crate::http_request::HttpResponse;

/// Puts a token of the request's own tenant on every request to an allowed origin: the service of
/// [`TokenRegistry`].
///
/// Its errors are the inner service's, or an [`Error`](crate::Error), which `downcast_ref::<mobula_auth::Error>()` tells.
#[derive(Clone)]
pub struct TenantAuth<S> {
    inner: S,
    registry: TokenRegistry,
}

impl<S> TenantAuth<S> {
    pub(super) fn new(inner: S, registry: TokenRegistry) -> Self {
        Self { inner, registry }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without the layer.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B> Service<Request<B>> for TenantAuth<S>
where
    S: Service<Request<B>> + Clone,
    S::Response: HttpResponse,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S, Request<B>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // Taken out: nobody further inside needs to know the key.
        let Some(key) = request.extensions_mut().remove::<ApiKey>() else {
            return ResponseFuture::failed(missing_key());
        };
        match self.registry.auth_of(TenantKey::new(key)) {
            Ok(auth) => auth.send(&mut self.inner, request),
            Err(error) => ResponseFuture::failed(error),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for TenantAuth<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantAuth")
            .field("inner", &self.inner)
            .field("registry", &self.registry)
            .finish()
    }
}

fn missing_key() -> Error {
    let message = "nothing was sent: the request does not say for which tenant it is; put that tenant's ApiKey into its \
                   extensions";
    Error::new(Kind::MissingKey, message)
}
