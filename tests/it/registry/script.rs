//! A bank that gives each tenant tokens which bear its name, and a server that says which token it saw.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, Response};
use mobula_auth::{
    ApiKey, ApiToken, AutoRefreshingToken, CreateTokens, Error, TokenRegistry, TokenSource,
};
use tokio::time::sleep;
use tower::{BoxError, Layer, ServiceExt, service_fn};

#[derive(Debug, Clone, Default)]
pub(super) struct Bank(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    sources: usize,
    creates: Vec<String>,
    revoked: Vec<String>,
    latency: Duration,
    /// Alive for as long as any source is.
    alive: Arc<()>,
}

impl Bank {
    pub(super) fn with_latency(self, latency: Duration) -> Self {
        self.0.lock().unwrap().latency = latency;
        self
    }

    /// A source of tokens for this key: `of-KEY-1`, `of-KEY-2` and so on.
    pub(super) fn source(&self, key: &ApiKey) -> Source {
        let mut books = self.0.lock().unwrap();
        books.sources += 1;
        Source {
            bank: self.clone(),
            key: key.expose_secret().to_owned(),
            _alive: Arc::clone(&books.alive),
        }
    }

    /// A registry whose tenants have tokens of this bank.
    pub(super) fn registry(&self, capacity: usize) -> TokenRegistry {
        let bank = self.clone();
        TokenRegistry::with_capacity(capacity, move |key| {
            AutoRefreshingToken::builder(bank.source(&key))
                .standby(0)
                .jitter_seed(1)
                .build()
        })
    }

    /// How many sources were made.
    pub(super) fn sources(&self) -> usize {
        self.0.lock().unwrap().sources
    }

    /// How many of them are still there.
    pub(super) fn sources_alive(&self) -> usize {
        Arc::strong_count(&self.0.lock().unwrap().alive) - 1
    }

    /// Whose create requests came, in their order.
    pub(super) fn creates(&self) -> Vec<String> {
        self.0.lock().unwrap().creates.clone()
    }

    pub(super) fn revoked(&self) -> Vec<String> {
        let mut revoked = self.0.lock().unwrap().revoked.clone();
        revoked.sort();
        revoked
    }
}

pub(super) struct Source {
    bank: Bank,
    key: String,
    _alive: Arc<()>,
}

impl TokenSource for Source {
    async fn create(&self, request: CreateTokens) -> Result<Vec<ApiToken>, Error> {
        let (number, latency) = {
            let mut books = self.bank.0.lock().unwrap();
            books.creates.push(self.key.clone());
            let of_this_key = books.creates.iter().filter(|key| **key == self.key);
            (of_this_key.count(), books.latency)
        };
        sleep(latency).await;
        (0..request.get_count())
            .map(|_| ApiToken::new(format!("of-{}-{number}", self.key)))
            .collect()
    }

    async fn revoke(&self, token: ApiToken) -> Result<(), Error> {
        let token = token.expose_secret().to_owned();
        self.bank.0.lock().unwrap().revoked.push(token);
        Ok(())
    }
}

pub(super) fn key(text: &str) -> ApiKey {
    ApiKey::new(text).unwrap()
}

/// A request of this tenant, which the server answers after so many seconds.
pub(super) fn request(tenant: &str, seconds: u64) -> Request<u64> {
    Request::get("https://api.mobula.io/api/1/market/data")
        .extension(key(tenant))
        .body(seconds)
        .unwrap()
}

/// Answers with what it saw, its `Authorization` header and whether there was a key in the extensions.
pub(super) async fn server(request: Request<u64>) -> Result<Response<String>, BoxError> {
    sleep(seconds(*request.body())).await;
    let header = request.headers().get(AUTHORIZATION);
    let mut seen = header.map_or_else(String::new, |value| value.to_str().unwrap().to_owned());
    if request.extensions().get::<ApiKey>().is_some() {
        seen.push_str(" and a key");
    }
    Ok(Response::new(seen))
}

/// Sends a request and gives the `Authorization` header that it came with.
pub(super) async fn answer(
    registry: &TokenRegistry,
    request: Request<u64>,
) -> Result<String, BoxError> {
    let response = registry.layer(service_fn(server)).oneshot(request).await?;
    Ok(response.into_body())
}

pub(super) async fn send(registry: &TokenRegistry, tenant: &str) -> Result<String, BoxError> {
    answer(registry, request(tenant, 0)).await
}

/// The crate's own error inside of a service's.
pub(super) fn ours(error: &BoxError) -> &Error {
    error
        .downcast_ref::<Error>()
        .expect("an error of this crate")
}

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
