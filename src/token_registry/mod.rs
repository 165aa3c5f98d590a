//! Tokens for many API keys.

mod departures;
mod service;
mod tenant_key;
mod tenants;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep_until;
use tower_layer::Layer;

pub use service::TenantAuth;

use crate::api_key::ApiKey;
use crate::auto_refreshing_token::{AutoRefreshingToken, ShutdownReport};
use crate::error::Error;
use departures::Departures;
use tenant_key::TenantKey;
use tenants::Tenants;

const CAPACITY: usize = 1_024;

/// A layer for a service that calls Mobula with the keys of many tenants: each key gets tokens of its own, made on first
/// use; also the handle to all of them.
///
/// A request says for which tenant it is by that tenant's [`ApiKey`] in its extensions. The layer takes the key out, and
/// sends the request as that tenant's own [`AutoRefreshingToken`] does: with a token of that key and of no other.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use mobula_auth::emulator::{Emulator, Plan};
/// use mobula_auth::{ApiKey, AutoRefreshingToken, TokenClient, TokenRegistry};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// let mobula = Emulator::new();
/// let http_client = mobula.clone(); // in real life: a hyper-util client
///
/// let registry = TokenRegistry::new({
///     let http_client = http_client.clone();
///     move |key| AutoRefreshingToken::builder(TokenClient::new(http_client.clone(), key)).build()
/// });
/// let client = ServiceBuilder::new().layer(registry.clone()).service(http_client);
///
/// for key in [mobula.api_key(), mobula.add_api_key(Plan::Growth)] {
///     let request = Request::get("https://api.mobula.io/api/1/market/data?asset=bitcoin")
///         .extension(ApiKey::new(key)?)
///         .body(Full::<Bytes>::default())?;
///     assert!(client.clone().oneshot(request).await?.status().is_success());
/// }
/// assert_eq!(registry.len(), 2);
///
/// registry.shutdown().await; // the tokens of all tenants are revoked
/// # Ok(())
/// # }
/// ```
///
/// - **No key, no request.** A request without a key in its extensions fails with [`Error::is_missing_key`], whatever its
///   origin; nothing is sent. A reqwest request has no extensions: layer a tenant's own handle, from [`get`](Self::get),
///   around a clone of `reqwest::Client`.
/// - **Bounded.** Of more tenants than the [capacity](Self::with_capacity), 1,024 by default, the least recently used one is
///   evicted: its tokens are revoked as soon as nothing uses them, at the latest after 30 seconds, so that its requests
///   under way end as they would have. It may come back at any time, and gets new tokens.
/// - **Create requests count on.** What a tenant's source counts, as `TokenClient` does, outlives an eviction: a tenant that
///   is evicted again and again is refused new tokens rather than given more than its limit of create requests a minute.
///   Where that happens, the capacity is too small. Of those gone in the last two minutes, as many are remembered as the
///   capacity says, and at least 1,024.
/// - **Handles and leases** of an evicted tenant end: its requests fail with [`Error::is_shut_down`], and
///   [`TokenLease::expired`](crate::TokenLease::expired) returns. Ask [`get`](Self::get) again; a lease alone is no use
///   that keeps a tenant here.
/// - **Rotation** of a tenant's key is another tenant: [`remove`](Self::remove) the old key and send the new one.
/// - **Cost.** A request takes the one lock of the registry for as long as it takes to find its tenant by a keyed hash of the
///   key, and allocates nothing. A single tenant's layer takes no lock at all.
#[derive(Clone)]
#[must_use]
pub struct TokenRegistry {
    shared: Arc<Shared>,
}

type Make = dyn Fn(ApiKey) -> Result<AutoRefreshingToken, Error> + Send + Sync;

struct Shared {
    make: Box<Make>,
    tenants: Mutex<Tenants>,
    departures: Departures,
}

impl TokenRegistry {
    /// Makes a registry of at most 1,024 tenants. `make` is asked for a new tenant's tokens, and gives a handle that is that
    /// tenant's alone, with whatever settings it likes.
    ///
    /// Where two requests of a new tenant meet, it may be asked twice, and one answer dropped unused. Its error is the error
    /// of the request, or of [`get`](Self::get), and the next one asks again.
    ///
    /// ```
    /// # use mobula_auth::{ApiToken, CreateTokens, Error};
    /// use std::time::Duration;
    ///
    /// use mobula_auth::{ApiKey, AutoRefreshingToken, TokenRegistry};
    ///
    /// # fn source(_: ApiKey) -> impl mobula_auth::TokenSource {
    /// #     async |_: CreateTokens| Ok::<_, Error>(vec![ApiToken::new("my-token")?])
    /// # }
    /// let registry = TokenRegistry::new(|key: ApiKey| {
    ///     AutoRefreshingToken::builder(source(key.clone()))
    ///         .lifetime(Duration::from_secs(15 * 60))
    ///         .fallback_to_api_key(key)
    ///         .build()
    /// });
    /// # let _ = registry;
    /// ```
    pub fn new(
        make: impl Fn(ApiKey) -> Result<AutoRefreshingToken, Error> + Send + Sync + 'static,
    ) -> Self {
        Self::with_capacity(CAPACITY, make)
    }

    /// Makes a registry of at most so many tenants, at least one.
    pub fn with_capacity(
        capacity: usize,
        make: impl Fn(ApiKey) -> Result<AutoRefreshingToken, Error> + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                make: Box::new(make),
                tenants: Mutex::new(Tenants::new(capacity)),
                departures: Departures::default(),
            }),
        }
    }

    /// The tenant's own handle, made if there is none: for a lease, for its status, or for a client without extensions.
    ///
    /// It works until the tenant is evicted or removed. Do not keep it: ask for it each time. And do not shut it down: that is
    /// what [`remove`](Self::remove) is for.
    ///
    /// # Errors
    /// [`Error::is_shut_down`] after [`shutdown`](Self::shutdown), else what making the handle failed with.
    pub fn get(&self, key: &ApiKey) -> Result<AutoRefreshingToken, Error> {
        self.auth_of(TenantKey::new(key.clone()))
    }

    /// How many tenants there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.lock().len()
    }

    /// Whether there are no tenants.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many tenants there may be.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.lock().capacity()
    }

    /// Shuts a tenant down that has left, at once, and revokes its tokens. `None` if there is no such tenant.
    ///
    /// Its requests that wait for a token fail with [`Error::is_shut_down`]. A later request with the key makes the tenant
    /// anew: stop those first.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the shutdown once it was polled; its report is lost.
    pub async fn remove(&self, key: &ApiKey) -> Option<ShutdownReport> {
        let displaced = self.shared.lock().remove(&TenantKey::new(key.clone()));
        let removed = displaced.evicted?;
        self.shared.forget_in_time();
        Some(removed.shutdown().await)
    }

    /// Shuts all tenants down, all at once, and revokes their tokens: within the bound of each, 10 seconds by default. The
    /// report is the sum of theirs, and includes tenants that were evicted and not shut down yet.
    ///
    /// Requests from now on, and those that wait, fail with [`Error::is_shut_down`]. A second call finds nothing left to do.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the shutdown once it was polled; its report is lost.
    pub async fn shutdown(&self) -> ShutdownReport {
        let shared = Arc::clone(&self.shared);
        let (everybody, gone) = shared.lock().close();
        drop(gone);
        let everybody = everybody.into_iter().map(|(_, auth)| auth);
        let Ok(runtime) = Handle::try_current() else {
            let mut report = shared.departures.end().await;
            for auth in everybody {
                departures::add(&mut report, auth.shutdown().await);
            }
            return report;
        };
        let mut tasks = JoinSet::new();
        for auth in everybody {
            tasks.spawn_on(async move { auth.shutdown().await }, &runtime);
        }
        let in_a_task = runtime.spawn(async move {
            let mut report = shared.departures.end().await;
            while let Some(ended) = tasks.join_next().await {
                departures::add(&mut report, ended.unwrap_or_default());
            }
            report
        });
        in_a_task.await.unwrap_or_default()
    }

    fn auth_of(&self, key: TenantKey) -> Result<AutoRefreshingToken, Error> {
        let known = self.shared.lock().find(&key)?;
        let (auth, displaced) = if let Some(known) = known {
            known
        } else {
            // With the lock free: this is somebody else's code.
            let made = (self.shared.make)(key.api_key().clone())?;
            self.shared.lock().find_or_add(key, &made)?
        };
        if let Some(evicted) = displaced.evicted {
            self.shared.departures.begin(evicted);
            self.shared.forget_in_time();
        }
        Ok(auth)
    }
}

impl Shared {
    /// Sees to it that no key outstays the time that its tenant is remembered for.
    fn forget_in_time(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut tenants = self.lock();
        let is_seen_to = |task: &AbortHandle| !task.is_finished();
        if !tenants.forgetting.as_ref().is_some_and(is_seen_to) {
            let task = runtime.spawn(forget(Arc::downgrade(self)));
            tenants.forgetting = Some(task.abort_handle());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tenants> {
        // No critical section can panic half-way, so a poisoned map is a whole one.
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn forget(registry: Weak<Shared>) {
    while let Some(shared) = registry.upgrade() {
        let (forgotten, next) = {
            let mut tenants = shared.lock();
            let (forgotten, next) = tenants.forget();
            if next.is_none() {
                tenants.forgetting = None;
            }
            (forgotten, next)
        };
        drop((forgotten, shared));
        let Some(next) = next else {
            return;
        };
        sleep_until(next).await;
    }
}

impl<S> Layer<S> for TokenRegistry {
    type Service = TenantAuth<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TenantAuth::new(inner, self.clone())
    }
}

impl fmt::Debug for TokenRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRegistry")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
