//! The layers of this crate, each over an inner service that answers at once.

use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefresh, BearerAuth, KeyHeader, PerRequestAuth,
};
use tower::Layer;

use crate::inner::Noop;
use crate::refreshing::Refreshing;

pub fn api_key_auth<S: Noop>(secret: &str, inner: S) -> impl Noop + use<S> {
    ApiKeyAuth::new(ApiKey::new(secret).unwrap()).layer(inner)
}

pub fn x_api_key_auth<S: Noop>(secret: &str, inner: S) -> impl Noop + use<S> {
    ApiKeyAuth::new(ApiKey::new(secret).unwrap())
        .header(KeyHeader::XApiKey)
        .layer(inner)
}

pub fn bearer_auth<S: Noop>(secret: &str, inner: S) -> impl Noop + use<S> {
    BearerAuth::new(ApiToken::new(secret).unwrap()).layer(inner)
}

/// For requests without a credential of their own: what the look for one costs.
pub fn per_request_auth<S: Noop>(_secret: &str, inner: S) -> impl Noop + use<S> {
    PerRequestAuth::new().layer(inner)
}

/// With a token that is fresh, and stays so for [`Refreshing::CALM_FOR`] requests.
pub fn auto_refreshing_token<S: Noop>(secret: &str, inner: S) -> AutoRefresh<S> {
    Refreshing::new(secret).auth.layer(inner)
}
