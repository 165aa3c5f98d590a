//! The layer for those who hold a credential for each tenant.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Extensions, Request};
use tower_layer::Layer;
use tower_service::Service;

use crate::add_credential::Form;
use crate::api_key::ApiKey;
use crate::api_key_auth::KeyHeader;
use crate::api_token::ApiToken;
use crate::credential_rules::{CredentialRules, Verdict};
use crate::http_request::HttpRequest;
use crate::origins::Origins;
use crate::secret::Secret;

/// A layer that sends with each request the credential that the request carries in its extensions.
///
/// For a service that calls Mobula for many tenants, each with a credential of its own: who builds the request inserts an
/// [`ApiToken`], sent as `Authorization: Bearer TOKEN`, or an [`ApiKey`], sent as `Authorization: KEY` unless
/// [set](Self::header) otherwise. Of both, the token is sent. The layer itself holds no credential, so none can reach
/// another tenant's request.
///
/// - It takes the credential out of the extensions, whether or not it is sent: nothing further inside sees it there.
/// - Exactly one credential leaves: any other value of `Authorization` and `x-api-key` is removed first.
/// - A request to an origin that is not in [`Origins`] goes out without the credential.
/// - A request that carries none goes out as it is, with what its caller put into its headers. So an
///   [`ApiKeyAuth`](crate::ApiKeyAuth) outside of this layer gives a default to those.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http::{Request, header::AUTHORIZATION};
/// use mobula_auth::{ApiKey, PerRequestAuth};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// let http_client = service_fn(|request: Request<()>| async move {
///     Ok::<_, std::convert::Infallible>(request.headers().get(AUTHORIZATION).cloned())
/// });
/// let client = ServiceBuilder::new().layer(PerRequestAuth::new()).service(http_client);
///
/// let mut request = Request::get("https://api.mobula.io/api/1/market/data").body(())?;
/// request.extensions_mut().insert(ApiKey::new("key-of-a-tenant")?);
/// assert_eq!(client.clone().oneshot(request).await?.unwrap(), "key-of-a-tenant");
///
/// let request = Request::get("https://api.mobula.io/api/1/market/data").body(())?;
/// assert_eq!(client.oneshot(request).await?, None);
/// # Ok(())
/// # }
/// ```
///
/// A `reqwest::Request` shows its extensions to nobody, so this layer takes `http::Request` alone; around a
/// `reqwest::Client` it does not compile. There, give each tenant a [`BearerAuth`](crate::BearerAuth) or an
/// [`ApiKeyAuth`](crate::ApiKeyAuth) around a clone of the client; or, with feature `reqwest-middleware`, use this layer
/// as a middleware, which takes the credential from `RequestBuilder::with_extension`.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct PerRequestAuth {
    header: KeyHeader,
    rules: Arc<CredentialRules>,
}

/// Puts on each request the credential that it carries in its extensions: the service of [`PerRequestAuth`].
///
/// Its future is the inner service's future and its error the inner service's error. It clones nothing on the way, so
/// the instance that was polled ready is the one that is called.
#[derive(Debug, Clone)]
pub struct AddOwnCredential<S> {
    inner: S,
    auth: PerRequestAuth,
}

impl PerRequestAuth {
    /// Sends what each request carries; an API key as `Authorization: KEY`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends API keys in another header or form. Tokens have one form only.
    pub fn header(self, header: KeyHeader) -> Self {
        Self { header, ..self }
    }

    /// Sends credentials to these origins alone, in place of the [default ones](Origins).
    pub fn origins(self, origins: Origins) -> Self {
        self.with_rules(|rules| rules.origins = origins)
    }

    /// Sends the credential also with requests that name no origin (`/api/1/market/data`).
    ///
    /// Say so where the stack itself fixes the peer: an in-process `Router`, a connection pool of one host.
    pub fn pinned_origin(self) -> Self {
        self.with_rules(|rules| rules.pinned_origin = true)
    }

    /// Leaves the headers of a request alone that already has a credential in `Authorization` or `x-api-key`. Of several,
    /// the first one stays, `Authorization` before `x-api-key`.
    pub fn keep_existing(self) -> Self {
        self.with_rules(|rules| rules.keep_existing = true)
    }

    fn with_rules(mut self, change: impl FnOnce(&mut CredentialRules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }

    /// For where the extensions stand beside the request and belong to more than this layer: nothing is taken out.
    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn put_on_from<R: HttpRequest>(&self, request: &mut R, extensions: &Extensions) {
        self.put_on(request, OwnCredential::copy(extensions));
    }

    fn put_on<R: HttpRequest>(&self, request: &mut R, own: OwnCredential) {
        let Some((secret, form)) = own.into_secret(self.header) else {
            return;
        };
        if self.rules.judge(request) == Verdict::Add {
            form.put(&secret, request.headers_mut());
        }
    }
}

impl<S> Layer<S> for PerRequestAuth {
    type Service = AddOwnCredential<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AddOwnCredential {
            inner,
            auth: self.clone(),
        }
    }
}

impl<S> AddOwnCredential<S> {
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

impl<S, B> Service<Request<B>> for AddOwnCredential<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let own = OwnCredential::take(request.extensions_mut());
        self.auth.put_on(&mut request, own);
        self.inner.call(request)
    }
}

/// What a request carries.
struct OwnCredential {
    token: Option<ApiToken>,
    key: Option<ApiKey>,
}

impl OwnCredential {
    fn take(extensions: &mut Extensions) -> Self {
        Self {
            token: extensions.remove(),
            key: extensions.remove(),
        }
    }

    #[cfg(feature = "reqwest-middleware")]
    fn copy(extensions: &Extensions) -> Self {
        Self {
            token: extensions.get().cloned(),
            key: extensions.get().cloned(),
        }
    }

    /// The token before the key: it can do less, and not for long.
    fn into_secret(self, key_header: KeyHeader) -> Option<(Secret, Form)> {
        let token = self
            .token
            .map(|token| (token.into_secret(), Form::AuthorizationBearer));
        token.or_else(|| self.key.map(|key| (key.into_secret(), key_header.form())))
    }
}
