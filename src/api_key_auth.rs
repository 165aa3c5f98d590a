//! The layer for those who hold an API key.

use tower_layer::Layer;

use crate::add_credential::{AddCredential, Credential, Form};
use crate::api_key::ApiKey;
use crate::origins::Origins;

/// A layer that sends a Mobula API key with every request to an allowed origin; also the handle that rotates it.
///
/// By default as `Authorization: KEY`, the form that Mobula's documentation and clients use; see [`KeyHeader`] for the
/// others. Exactly one credential leaves: any other value of `Authorization` and `x-api-key` is removed first.
/// A request to an origin that is not in [`Origins`] goes out untouched.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http::{Request, header::AUTHORIZATION};
/// use mobula_auth::{ApiKey, ApiKeyAuth};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// let http_client = service_fn(|request: Request<()>| async move {
///     Ok::<_, std::convert::Infallible>(request.headers()[AUTHORIZATION].clone())
/// });
///
/// let auth = ApiKeyAuth::new(ApiKey::new("my-key")?);
/// let client = ServiceBuilder::new().layer(auth.clone()).service(http_client);
///
/// let request = || Request::get("https://api.mobula.io/api/1/market/data").body(());
/// assert_eq!(client.clone().oneshot(request()?).await?, "my-key");
///
/// auth.rotate(ApiKey::new("my-new-key")?);
/// assert_eq!(client.oneshot(request()?).await?, "my-new-key");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ApiKeyAuth {
    credential: Credential,
}

/// Where and how an API key is sent (docs.mobula.io, API key vs API token).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum KeyHeader {
    /// `Authorization: KEY`.
    #[default]
    Authorization,
    /// `Authorization: Bearer KEY`, for gateways that insist on a scheme.
    AuthorizationBearer,
    /// `x-api-key: KEY`. Unlike `Authorization`, HTTP clients carry it to any host when they follow redirects, and shared
    /// caches do not take it for a credential (RFC 9111, section 3.5). Give a reqwest client `Origins::redirect_policy`.
    XApiKey,
}

impl ApiKeyAuth {
    /// Sends `key` as `Authorization: KEY`.
    pub fn new(key: ApiKey) -> Self {
        Self {
            credential: Credential::new(key.into_secret(), KeyHeader::default().form()),
        }
    }

    /// Sends the key in another header or form.
    pub fn header(self, header: KeyHeader) -> Self {
        Self {
            credential: self.credential.in_form(header.form()),
        }
    }

    /// Sends the key to these origins alone, in place of the [default ones](Origins).
    pub fn origins(self, origins: Origins) -> Self {
        Self {
            credential: self.credential.for_origins(origins),
        }
    }

    /// Sends the key also with requests that name no origin (`/api/1/market/data`).
    ///
    /// Say so where the stack itself fixes the peer: an in-process `Router`, a connection pool of one host.
    pub fn pinned_origin(self) -> Self {
        Self {
            credential: self.credential.for_pinned_origin(),
        }
    }

    /// Leaves a request alone that already has a credential in `Authorization` or `x-api-key`. Of several, the first
    /// one stays, `Authorization` before `x-api-key`.
    pub fn keep_existing(self) -> Self {
        Self {
            credential: self.credential.keeping_existing(),
        }
    }

    /// Swaps in another key, in this handle, its clones, and all services made by them, from their next request on.
    pub fn rotate(&self, new_key: ApiKey) {
        self.credential.swap(new_key.into_secret());
    }
}

impl<S> Layer<S> for ApiKeyAuth {
    type Service = AddCredential<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AddCredential::new(inner, self.credential.clone())
    }
}

impl KeyHeader {
    pub(crate) fn form(self) -> Form {
        match self {
            Self::Authorization => Form::AuthorizationRaw,
            Self::AuthorizationBearer => Form::AuthorizationBearer,
            Self::XApiKey => Form::XApiKeyRaw,
        }
    }
}
