//! Mobula credentials for any tower HTTP client.
//!
//! [Mobula](https://mobula.io) takes two credentials: a long-lived API key, and short-lived API tokens that are made with
//! it. The layers of this crate put the right one on every request to an allowed origin, and keep it right. They wrap
//! hyper-util's client, reqwest's, an axum `Router`, and any other tower service. They never send a credential to a host
//! that was not named, print one, or make a request wait while its token is good.
//!
//! ```
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::Full;
//! use mobula_auth::emulator::Emulator;
//! use mobula_auth::{ApiKey, ApiKeyAuth};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let mobula = Emulator::new(); // in real life: an HTTP client, and `ApiKey::from_env()?`
//! let client = ServiceBuilder::new()
//!     .layer(ApiKeyAuth::new(ApiKey::new(mobula.api_key())?))
//!     .service(mobula);
//!
//! let request = Request::get("https://api.mobula.io/api/1/market/data?asset=bitcoin")
//!     .body(Full::<Bytes>::default())?;
//! assert!(client.oneshot(request).await?.status().is_success());
//! # Ok(())
//! # }
//! ```
//!
//! # Which layer do I want?
//!
//! | You hold | Use | It sends |
//! |---|---|---|
//! | an API key | [`ApiKeyAuth`] | `Authorization: KEY`, or another [`KeyHeader`] |
//! | a token that somebody handed you | [`BearerAuth`] | `Authorization: Bearer TOKEN` |
//! | a credential for each tenant | [`PerRequestAuth`] | the one that the request carries in its extensions |
//! | a source of tokens, such as an API key in a `TokenClient` | `AutoRefreshingToken` | `Authorization: Bearer TOKEN`, always a good one |
//! | the API keys of many tenants | `TokenRegistry` | as above, with a token of the request's own tenant |
//!
//! # Layer order
//!
//! Outermost first:
//!
//! ```text
//!   trace, metrics, timeout of the whole call
//!   retry (ReplayRejected)          a second try must pass the auth layer again, to get the next token
//!   ApiKeyAuth | BearerAuth | PerRequestAuth | AutoRefreshingToken | TokenRegistry
//!   concurrency and rate limits     a request that waits for its first token holds its permit meanwhile
//!   the HTTP client
//! ```
//!
//! A layer that follows redirects may stand outside or inside: each request is judged by its own origin, when it passes.
//! What follows them further inside repeats the header that our layer put there, and is not seen by it. reqwest does so on
//! its own, and takes `x-api-key` anywhere, and `Authorization` to a foreign host that redirects to itself: build its client
//! with `Origins::redirect_policy`. tower-http's `FollowRedirect`, put inside, takes `x-api-key` anywhere, and before
//! 0.7 `Authorization` like reqwest: put it outside, or let its policy ask [`Origins::allows_uri`].
//!
//! # Clients
//!
//! The layers are generic over [`HttpRequest`], which `http::Request<B>` and, with feature `reqwest`, `reqwest::Request`
//! implement. So they wrap any `Service` of either, and convert nothing. The README lists the clients and wrappers that
//! are tested, with what there is to know of each.
//!
//! ```no_run
//! # use mobula_auth::{ApiKey, ApiKeyAuth, Origins};
//! # use tower::Layer;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # type Body = http_body_util::Full<bytes::Bytes>;
//! # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! let auth = ApiKeyAuth::new(ApiKey::from_env()?);
//! let with_hyper = auth.layer(Client::builder(TokioExecutor::new()).build_http::<Body>());
//! let http_client = reqwest::Client::builder().redirect(Origins::default().redirect_policy());
//! let with_reqwest = auth.layer(http_client.build()?);
//! let in_process = auth.pinned_origin().layer(axum::Router::<()>::new());
//! # drop((with_hyper, with_reqwest, in_process));
//! # Ok(())
//! # }
//! ```
//!
//! # Where credentials go
//!
//! Only to [`Origins`]: by default Mobula's hosts over https, and loopback. A request to another origin goes out without
//! a credential; one that names no origin does too, unless the layer was told that its peer is pinned. Exactly one
//! credential leaves: what the caller put into `Authorization` and `x-api-key` is replaced, or kept if so set.
//!
//! A reqwest request over plain http, which is to loopback, gets none if the environment (`HTTP_PROXY`, `ALL_PROXY`,
//! `NO_PROXY`) sends it through a proxy: that would read it. See `Origins::danger_ignore_env_proxy`.
//!
//! # Testing
//!
//! Feature `emulator` has Mobula's auth service as a tower service and as a server on loopback. It follows tokio's clock,
//! so a day of tokens is tested in milliseconds, and it fails in the ways that you tell it to.
//!
//! # What it does not do
//!
//! It stores nothing on disk, reads no environment unasked but for reqwest's proxies, checks no JWT (to a client, a token
//! is opaque), opens no websockets (it leases you the token for their messages), and brings no TLS.
//!
//! # Features
//!
//! - **`refresh`** (default): `AutoRefreshingToken` and `TokenSource`. Without it there is no tokio.
//! - **`client`** (default): `TokenClient`, the client of Mobula's token API.
//! - **`reqwest`**: the layers around `reqwest::Client` 0.13, and `TokenClient::reqwest`.
//! - **`reqwest-middleware`**: the layers as middleware of a `reqwest_middleware` 0.5 chain.
//! - **`replay`**: `ReplayRejected`, a `tower::retry::Policy`.
//! - **`registry`**: `TokenRegistry`, many API keys with tokens of their own.
//! - **`issuer`**: [`issuer`], short-lived tokens for a backend's own frontends.
//! - **`tracing`**: events of the `tracing` crate, without secrets.
//! - **`metrics`**: counters and gauges of the `metrics` crate.
//! - **`emulator`**: the emulator. Not for production.
//! - **`full`**: all of them.
//!
//! No feature changes behaviour or weakens safety.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod add_credential;
mod api_key;
mod api_key_auth;
mod api_token;
#[cfg(feature = "refresh")]
mod auto_refreshing_token;
mod bearer_auth;
#[cfg(feature = "refresh")]
mod clock;
#[cfg(feature = "refresh")]
mod create_tokens;
mod credential_rules;
#[cfg(feature = "emulator")]
pub mod emulator;
#[cfg(feature = "reqwest")]
mod env_proxy;
mod error;
mod http_request;
#[cfg(feature = "issuer")]
pub mod issuer;
#[cfg(feature = "reqwest-middleware")]
mod middleware;
mod observe;
mod origins;
mod per_request_auth;
mod redirects;
mod request_origin;
mod secret;
#[cfg(feature = "client")]
mod token_client;
#[cfg(feature = "registry")]
mod token_registry;
#[cfg(feature = "refresh")]
mod token_source;

pub use add_credential::AddCredential;
pub use api_key::ApiKey;
pub use api_key_auth::{ApiKeyAuth, KeyHeader};
pub use api_token::ApiToken;
#[cfg(feature = "refresh")]
pub use auto_refreshing_token::{
    AutoRefresh, AutoRefreshingToken, AutoRefreshingTokenBuilder, Event, Events, Freshness,
    KeepWarm, Measured, RefreshPolicy, ResponseFuture, ShutdownReport, Status, TokenLease, Windows,
};
#[cfg(feature = "replay")]
pub use auto_refreshing_token::{CloneRequest, ReplayRejected};
pub use bearer_auth::BearerAuth;
#[cfg(feature = "refresh")]
pub use create_tokens::CreateTokens;
pub use error::Error;
pub use http_request::{HttpRequest, HttpResponse, RequestHead};
pub use origins::Origins;
pub use per_request_auth::{AddOwnCredential, PerRequestAuth};
pub use request_origin::RequestOrigin;
#[cfg(all(feature = "client", feature = "reqwest"))]
pub use token_client::ReqwestTransport;
#[cfg(feature = "client")]
pub use token_client::{TokenClient, TokenInfo};
#[cfg(feature = "registry")]
pub use token_registry::{TenantAuth, TokenRegistry};
#[cfg(feature = "refresh")]
pub use token_source::TokenSource;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
