//! A token that stays fresh by itself.

mod breaker;
mod budget;
mod builder;
mod cost;
mod current_token;
mod engine;
mod event;
mod future;
pub(crate) mod gate;
mod lease;
mod live_token;
#[cfg(all(test, loom))]
mod loom_models;
mod policy;
mod refresh;
mod rejection;
#[cfg(feature = "replay")]
mod replay;
mod report;
mod retired;
mod service;
mod settings;
mod shutdown;
mod sizing;
pub(crate) mod source;
mod status;
#[cfg(feature = "registry")]
mod succession;
#[cfg(test)]
#[cfg(not(loom))]
mod suspend_simulation;
mod sync;
mod token_copy;
mod until;
mod wait;
mod warm;

use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

pub use builder::AutoRefreshingTokenBuilder;
pub use event::{Event, Events};
pub use future::ResponseFuture;
pub use lease::TokenLease;
pub use policy::{Freshness, Measured, RefreshPolicy, Windows};
#[cfg(feature = "replay")]
pub use replay::{CloneRequest, ReplayRejected};
pub use service::AutoRefresh;
pub use shutdown::ShutdownReport;
pub use status::Status;
pub use warm::KeepWarm;

use crate::error::Error;
use crate::token_source::TokenSource;
use engine::Engine;

/// A layer that sends a short-lived token with every request to an allowed origin, and keeps that token
/// fresh; also the handle to it.
///
/// Nothing is sent or spawned before the first request, which waits for the first token. From then on:
///
/// ```text
///  asked for          soft point (50 to 75 %)            never sent after    expired
///      |--------- fresh ---------|----------- aging -----------|--- stale ---|
///      requests are sent          requests are sent, one of     a standby takes over,
///                                 them starts a refresh         or the request waits
/// ```
///
/// - A token ages by time **and** by its request budget; whichever comes first starts the refresh.
/// - A refresh runs in a task of its own, one at a time. No request waits for it while its token is good,
///   and its failure costs the token nothing: it is tried again, later each time.
/// - Each create request brings further tokens that stand by. When a token is rejected (401) or spent,
///   the next one is there without any network.
/// - A 401 replaces only the token that was rejected, never a newer one. A 403 and a 429 replace nothing.
/// - Clones, and all services made by them, share one token.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use http::{Request, Response, header::AUTHORIZATION};
/// use mobula_auth::{ApiToken, AutoRefreshingToken, CreateTokens, Error};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// let http_client = service_fn(|request: Request<()>| async move {
///     Ok::<_, std::convert::Infallible>(Response::new(request.headers()[AUTHORIZATION].clone()))
/// });
///
/// // In a backend: `TokenClient::new(http_client.clone(), ApiKey::from_env()?)`.
/// let tokens = async |_: CreateTokens| Ok::<_, Error>(vec![ApiToken::new("my-token")?]);
///
/// let auth = AutoRefreshingToken::new(tokens);
/// let client = ServiceBuilder::new().layer(auth.clone()).service(http_client);
///
/// let request = Request::get("https://api.mobula.io/api/1/market/data").body(())?;
/// assert_eq!(client.oneshot(request).await?.body(), "Bearer my-token");
/// assert_eq!(auth.status().generation(), 1);
/// auth.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// Requests are sent from within a tokio runtime with its timer on; which one, and whether it is still the
/// one of the last request, does not matter; a request that waits is polled on the one that it began on.
#[derive(Clone)]
#[must_use]
pub struct AutoRefreshingToken {
    engine: Arc<Engine>,
}

impl AutoRefreshingToken {
    /// Keeps tokens of this source fresh: 1 hour and 100,000 requests each, one standing by.
    #[expect(clippy::missing_panics_doc, reason = "the defaults are in bounds")]
    pub fn new(source: impl TokenSource) -> Self {
        Self::builder(source)
            .build()
            .expect("the defaults are in bounds")
    }

    /// Keeps tokens of this source fresh, with settings of your own.
    ///
    /// ```
    /// # use mobula_auth::{ApiToken, CreateTokens, Error};
    /// use std::time::Duration;
    ///
    /// use mobula_auth::AutoRefreshingToken;
    ///
    /// # let tokens = async |_: CreateTokens| Ok::<_, Error>(vec![ApiToken::new("my-token")?]);
    /// let auth = AutoRefreshingToken::builder(tokens)
    ///     .lifetime(Duration::from_secs(15 * 60))
    ///     .request_limit(1_000_000)
    ///     .standby(2)
    ///     .build()?;
    /// # let _ = auth;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn builder(source: impl TokenSource) -> AutoRefreshingTokenBuilder {
        AutoRefreshingTokenBuilder::new(source)
    }

    /// A token for what is not an HTTP request, such as a websocket whose messages carry it. Waits for one
    /// as a request would.
    ///
    /// # Errors
    /// The error says why there is no token, and [`Error::retry_after`] when the next attempt is made.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: an attempt that it began goes on.
    pub async fn lease(&self) -> Result<TokenLease, Error> {
        let live = Arc::clone(&self.engine).lease().await?;
        Ok(TokenLease::new(Arc::clone(&self.engine), live))
    }

    /// Replaces the token now, however fresh it is, or waits for the refresh that is under way.
    ///
    /// # Errors
    /// Why no new token came; the one before stays in use. Also where one came that is near its end already, and is in
    /// use. While a failure is recent, no attempt is made
    /// and its error is given again, with [`Error::retry_after`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the refresh goes on.
    pub async fn refresh(&self) -> Result<(), Error> {
        Arc::clone(&self.engine).refresh().await
    }

    /// Keeps the token fresh without any request, until what it returns is dropped.
    ///
    /// An idle client asks for nothing by default, and its next request waits for a new token. This spends a few create
    /// requests an hour to spare it that.
    ///
    /// ```
    /// # use mobula_auth::{ApiToken, AutoRefreshingToken, CreateTokens, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let tokens = async |_: CreateTokens| Ok::<_, Error>(vec![ApiToken::new("my-token")?]);
    /// let auth = AutoRefreshingToken::new(tokens);
    /// let warm = auth.keep_warm();
    /// // ... for as long as the service runs
    /// drop(warm);
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn keep_warm(&self) -> KeepWarm {
        KeepWarm::new(&self.engine)
    }

    /// What happens to the tokens from now on, as it happens.
    ///
    /// ```
    /// # use mobula_auth::{ApiToken, AutoRefreshingToken, CreateTokens, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let tokens = async |_: CreateTokens| Ok::<_, Error>(vec![ApiToken::new("my-token")?]);
    /// use mobula_auth::Event;
    ///
    /// let auth = AutoRefreshingToken::new(tokens);
    /// let mut events = auth.subscribe();
    /// auth.refresh().await?;
    /// assert!(matches!(events.next().await, Some(Event::RefreshStarted)));
    /// assert!(matches!(events.next().await, Some(Event::Refreshed { generation: 1, .. })));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn subscribe(&self) -> Events {
        self.engine.listen()
    }

    /// What the handle is doing right now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.engine.status()
    }

    /// Creates no further tokens and revokes those that are live, within a bound (10 seconds by default).
    ///
    /// Requests from now on, and those that wait, fail with [`Error::is_shut_down`]. A second call finds
    /// nothing left to do.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the shutdown; its report is lost.
    pub async fn shutdown(&self) -> ShutdownReport {
        Arc::clone(&self.engine)
            .shut_down(self.engine.settings.shutdown_within)
            .await
    }
}

impl<S> Layer<S> for AutoRefreshingToken {
    type Service = AutoRefresh<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AutoRefresh::new(inner, Arc::clone(&self.engine))
    }
}

impl fmt::Debug for AutoRefreshingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AutoRefreshingToken")
            .field(&self.engine.status())
            .finish()
    }
}
