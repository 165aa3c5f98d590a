//! The service behind both static layers.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderValue};
use tower_service::Service;

use crate::credential_rules::{self, CredentialHeader, CredentialRules, Verdict};
use crate::http_request::HttpRequest;
use crate::origins::Origins;
use crate::secret::Secret;

/// Puts one fixed credential on every request to an allowed origin: the service of [`ApiKeyAuth`](crate::ApiKeyAuth) and
/// [`BearerAuth`](crate::BearerAuth).
///
/// Its future is the inner service's future and its error the inner service's error. It clones nothing on the way, so
/// the instance that was polled ready is the one that is called.
#[derive(Debug, Clone)]
pub struct AddCredential<S> {
    inner: S,
    credential: Credential,
}

/// A credential that can be swapped under the feet of all who hold a clone, and where it goes.
#[derive(Clone)]
pub(crate) struct Credential {
    secret: Arc<ArcSwap<Secret>>,
    form: Form,
    rules: Arc<CredentialRules>,
}

/// How a secret is written into a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    AuthorizationRaw,
    AuthorizationBearer,
    XApiKeyRaw,
}

impl<S> AddCredential<S> {
    pub(crate) fn new(inner: S, credential: Credential) -> Self {
        Self { inner, credential }
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

impl<S, R> Service<R> for AddCredential<S>
where
    S: Service<R>,
    R: HttpRequest,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: R) -> Self::Future {
        self.credential.put_on(&mut request);
        self.inner.call(request)
    }
}

impl Credential {
    pub(crate) fn new(secret: Secret, form: Form) -> Self {
        Self {
            secret: Arc::new(ArcSwap::from_pointee(secret)),
            form,
            rules: Arc::default(),
        }
    }

    pub(crate) fn in_form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    pub(crate) fn for_origins(self, origins: Origins) -> Self {
        self.with_rules(|rules| rules.origins = origins)
    }

    pub(crate) fn for_pinned_origin(self) -> Self {
        self.with_rules(|rules| rules.pinned_origin = true)
    }

    pub(crate) fn keeping_existing(self) -> Self {
        self.with_rules(|rules| rules.keep_existing = true)
    }

    pub(crate) fn swap(&self, secret: Secret) {
        self.secret.store(Arc::new(secret));
    }

    fn with_rules(mut self, change: impl FnOnce(&mut CredentialRules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }

    #[inline]
    fn put_on<R: HttpRequest>(&self, request: &mut R) {
        if self.rules.judge(request) == Verdict::Add {
            self.form.put(&self.secret.load(), request.headers_mut());
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("secret", &self.secret.load())
            .field("form", &self.form)
            .field("rules", &self.rules)
            .finish()
    }
}

impl Form {
    #[inline]
    pub(crate) fn put(self, secret: &Secret, headers: &mut HeaderMap) {
        credential_rules::add(headers, self.header(), self.value(secret).clone());
    }

    fn header(self) -> CredentialHeader {
        match self {
            Self::AuthorizationRaw | Self::AuthorizationBearer => CredentialHeader::Authorization,
            Self::XApiKeyRaw => CredentialHeader::XApiKey,
        }
    }

    fn value(self, secret: &Secret) -> &HeaderValue {
        match self {
            Self::AuthorizationRaw | Self::XApiKeyRaw => secret.raw(),
            Self::AuthorizationBearer => secret.bearer(),
        }
    }
}
