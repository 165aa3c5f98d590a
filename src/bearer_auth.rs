//! The layer for those who were handed a token.

use tower_layer::Layer;

use crate::add_credential::{AddCredential, Credential, Form};
use crate::api_token::ApiToken;
use crate::origins::Origins;

/// A layer that sends a short-lived API token with every request to an allowed origin; also the handle that replaces it.
///
/// As `Authorization: Bearer TOKEN` (RFC 6750, section 2.1), the only form that Mobula takes a token in. Exactly one
/// credential leaves: any other value of `Authorization` and `x-api-key` is removed first. A request to an origin that
/// is not in [`Origins`] goes out untouched.
///
/// The token is sent until it is replaced, expired or not; for one that keeps itself fresh see
#[cfg_attr(
    feature = "refresh",
    doc = "[`AutoRefreshingToken`](crate::AutoRefreshingToken)."
)]
#[cfg_attr(
    not(feature = "refresh"),
    doc = "`AutoRefreshingToken`, feature `refresh`."
)]
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http::{Request, header::AUTHORIZATION};
/// use mobula_auth::{ApiToken, BearerAuth};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// let http_client = service_fn(|request: Request<()>| async move {
///     Ok::<_, std::convert::Infallible>(request.headers()[AUTHORIZATION].clone())
/// });
///
/// let auth = BearerAuth::new(ApiToken::new("my-token")?);
/// let client = ServiceBuilder::new().layer(auth.clone()).service(http_client);
///
/// let request = || Request::get("https://api.mobula.io/api/1/market/data").body(());
/// assert_eq!(client.clone().oneshot(request()?).await?, "Bearer my-token");
///
/// auth.replace(ApiToken::new("my-next-token")?);
/// assert_eq!(client.oneshot(request()?).await?, "Bearer my-next-token");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct BearerAuth {
    credential: Credential,
}

impl BearerAuth {
    /// Sends `token` as `Authorization: Bearer TOKEN`.
    pub fn new(token: ApiToken) -> Self {
        Self {
            credential: Credential::new(token.into_secret(), Form::AuthorizationBearer),
        }
    }

    /// Sends the token to these origins alone, in place of the [default ones](Origins).
    pub fn origins(self, origins: Origins) -> Self {
        Self {
            credential: self.credential.for_origins(origins),
        }
    }

    /// Sends the token also with requests that name no origin (`/api/1/market/data`).
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

    /// Swaps in another token, in this handle, its clones, and all services made by them, from their next request on.
    pub fn replace(&self, new_token: ApiToken) {
        self.credential.swap(new_token.into_secret());
    }
}

impl<S> Layer<S> for BearerAuth {
    type Service = AddCredential<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AddCredential::new(inner, self.credential.clone())
    }
}
