//! Mobula credentials for any tower HTTP client.
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
mod error;
mod http_request;
mod observe;
mod origins;
mod secret;
#[cfg(feature = "client")]
mod token_client;
#[cfg(feature = "refresh")]
mod token_source;

pub use add_credential::AddCredential;
pub use api_key::ApiKey;
pub use api_key_auth::{ApiKeyAuth, KeyHeader};
pub use api_token::ApiToken;
#[cfg(feature = "refresh")]
pub use auto_refreshing_token::{
    AutoRefresh, AutoRefreshingToken, AutoRefreshingTokenBuilder, Freshness, RefreshPolicy,
    ResponseFuture, ShutdownReport, Status, TokenLease, Windows,
};
#[cfg(feature = "replay")]
pub use auto_refreshing_token::{CloneRequest, ReplayRejected};
pub use bearer_auth::BearerAuth;
#[cfg(feature = "refresh")]
pub use create_tokens::CreateTokens;
pub use error::Error;
pub use http_request::{HttpRequest, HttpResponse};
pub use origins::{Origins, RequestOrigin};
#[cfg(all(feature = "client", feature = "reqwest"))]
pub use token_client::ReqwestTransport;
#[cfg(feature = "client")]
pub use token_client::{TokenClient, TokenInfo};
#[cfg(feature = "refresh")]
pub use token_source::TokenSource;
