//! The layers of this crate, each over an inner service that answers at once.

use std::sync::Arc;

use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefresh, AutoRefreshingToken, BearerAuth, CreateTokens,
    Error, KeyHeader, PerRequestAuth,
};
use tokio::runtime::{Builder, Runtime};
use tower::Layer;

use crate::inner::Noop;

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

pub fn auto_refreshing_token<S: Noop>(secret: &str, inner: S) -> AutoRefresh<S> {
    Refreshing::new(secret).auth.layer(inner)
}

/// A refreshing token, and the runtime that its refreshes run on.
#[derive(Debug, Clone)]
pub struct Refreshing {
    pub auth: AutoRefreshingToken,
    runtime: Arc<Runtime>,
}

impl Refreshing {
    /// How many requests may be sent between two [`renew`](Self::renew)s so that none of them meets a refresh: the token
    /// is good for a million, and the last fifth is its reserve.
    pub const CALM_FOR: u64 = 700_000;

    /// With a token that is fresh, and stays so for [`CALM_FOR`](Self::CALM_FOR) requests.
    pub fn new(secret: &str) -> Self {
        let secret = secret.to_owned();
        let source = move |_: CreateTokens| {
            let token = ApiToken::new(&secret);
            async move { Ok::<_, Error>(vec![token?]) }
        };
        let auth = AutoRefreshingToken::builder(source)
            .request_limit(1_000_000)
            .revoke_replaced_after(None)
            .build()
            .unwrap();
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let refreshing = Self {
            auth,
            runtime: Arc::new(runtime),
        };
        refreshing.renew();
        refreshing
    }

    /// Puts the next token in the place of the current one.
    pub fn renew(&self) {
        self.runtime.block_on(self.auth.refresh()).unwrap();
    }
}
