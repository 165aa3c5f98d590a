//! The settings of a refreshing token.

use std::sync::Arc;
use std::time::Duration;

use super::AutoRefreshingToken;
use super::cost::Cost;
use super::engine::Engine;
use super::policy::RefreshPolicy;
use super::settings::Settings;
use super::sizing;
use super::source::AnySource;
use crate::api_key::ApiKey;
use crate::create_tokens::CreateTokens;
use crate::credential_rules::CredentialRules;
use crate::error::{Error, Kind};
use crate::http_request::RequestHead;
use crate::origins::Origins;
use crate::token_source::TokenSource;

/// No token lives longer, and further ends of time do not fit on a clock.
const DAY: Duration = Duration::from_secs(86_400);

/// What one create request brings at most.
const MOST_AT_ONCE: u32 = 25;

/// Builds an [`AutoRefreshingToken`]; see [`AutoRefreshingToken::builder`].
#[derive(Debug)]
#[must_use]
pub struct AutoRefreshingTokenBuilder {
    source: Arc<dyn AnySource>,
    lifetime: Duration,
    request_limit: u64,
    standby: u32,
    expected_rate: Option<u32>,
    sized_for: Option<u32>,
    settings: Settings,
}

impl AutoRefreshingTokenBuilder {
    pub(super) fn new(source: impl TokenSource) -> Self {
        Self {
            source: Arc::new(source),
            lifetime: Duration::from_secs(3_600),
            request_limit: 100_000,
            standby: 1,
            expected_rate: None,
            sized_for: None,
            settings: Settings {
                create: CreateTokens::default(),
                policy: RefreshPolicy::default(),
                rules: CredentialRules::default(),
                strict_origins: false,
                max_wait: Duration::from_secs(10),
                max_waiting: 16_384,
                revoke_replaced_after: Some(Duration::from_secs(30)),
                shutdown_within: Duration::from_secs(10),
                cost: Cost::default(),
                fallback: None,
                jitter_seed: None,
            },
        }
    }

    /// How long each token lives: 1 minute to 24 hours, 1 hour by default.
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// How many requests each token is good for: 1 to 1,000,000, 100,000 by default.
    ///
    /// Mobula's own default of 5,000 is gone in 5 seconds at 1,000 requests per second, and 5 create
    /// requests a minute are all there are.
    pub fn request_limit(self, request_limit: u64) -> Self {
        Self {
            request_limit,
            ..self
        }
    }

    /// How many further tokens each create request brings, 0 to 24, 1 by default.
    ///
    /// They stand by for when the current token is rejected or spent before its time: the swap to one
    /// of them costs no network.
    pub fn standby(self, standby: u32) -> Self {
        Self { standby, ..self }
    }

    /// Has [`build`](Self::build) refuse what cannot hold at this many requests per second: tokens that would be spent
    /// faster than new ones may be created.
    pub fn expect_rate(self, requests_per_second: u32) -> Self {
        Self {
            expected_rate: Some(requests_per_second),
            ..self
        }
    }

    /// Picks lifetime, request limit and standby for this many requests per second, in place of those that were set.
    ///
    /// Tokens live as long as the [lifetime](Self::lifetime) that is set, and carry the rate for as long; where 25 of them
    /// cannot, which is at more than 5,555 requests per second with the default of 1 hour, they live shorter.
    pub fn size_for(self, requests_per_second: u32) -> Self {
        Self {
            sized_for: Some(requests_per_second),
            ..self
        }
    }

    /// When a token is replaced.
    pub fn policy(self, policy: RefreshPolicy) -> Self {
        self.with(|settings| settings.policy = policy)
    }

    /// What a request costs of a token's request limit, 1 by default.
    ///
    /// For where one HTTP request counts as several: Mobula's GraphQL counts root fields (docs.mobula.io, type
    /// `ApiToken`). A cost above the request limit counts as the limit.
    ///
    /// ```
    /// # use mobula_auth::{ApiToken, AutoRefreshingToken, CreateTokens, Error};
    /// # let tokens = async |_: CreateTokens| Ok::<_, Error>(vec![ApiToken::new("my-token")?]);
    /// #[derive(Clone)]
    /// struct RootFields(u64); // put into the request's extensions by whoever builds it
    ///
    /// let auth = AutoRefreshingToken::builder(tokens)
    ///     .cost(|head| {
    ///         let fields = head.extensions().and_then(|extensions| extensions.get::<RootFields>());
    ///         fields.map_or(1, |fields| fields.0)
    ///     })
    ///     .build()?;
    /// # let _ = auth;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn cost(self, cost: impl Fn(RequestHead<'_>) -> u64 + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.cost = Cost::by(cost))
    }

    /// Sends requests with the API key, as `Authorization: KEY`, while no token can be had: the plan has none, the token
    /// API is out of reach, the mint limit is used up.
    ///
    /// This keeps a backend running whatever happens to tokens. Requests go back to tokens as soon as there is one; an
    /// attempt under way is still waited for.
    pub fn fallback_to_api_key(self, key: ApiKey) -> Self {
        self.with(|settings| settings.fallback = Some(key))
    }

    /// How long a request may wait for a token where there is none, 10 seconds by default, a day at most.
    pub fn max_wait(self, max_wait: Duration) -> Self {
        self.with(|settings| settings.max_wait = max_wait.min(DAY))
    }

    /// How many requests may wait for a token at the same time, 16,384 by default. One more fails at once.
    pub fn max_waiting(self, max_waiting: usize) -> Self {
        self.with(|settings| settings.max_waiting = max_waiting)
    }

    /// How long after its replacement a token is revoked, 30 seconds by default, so that requests that
    /// are under way with it can finish. `None` leaves replaced tokens to expire.
    pub fn revoke_replaced_after(self, grace: impl Into<Option<Duration>>) -> Self {
        let grace = grace.into();
        self.with(|settings| settings.revoke_replaced_after = grace)
    }

    /// How long a [shutdown](AutoRefreshingToken::shutdown) may take, 10 seconds by default, a day at most.
    pub fn shutdown_within(self, bound: Duration) -> Self {
        self.with(|settings| settings.shutdown_within = bound.min(DAY))
    }

    /// Sends tokens to these origins alone, in place of the [default ones](Origins).
    pub fn origins(self, origins: Origins) -> Self {
        self.with(|settings| settings.rules.origins = origins)
    }

    /// Sends tokens also with requests that name no origin (`/api/1/market/data`).
    ///
    /// Say so where the stack itself fixes the peer: an in-process `Router`, a connection pool of one host.
    pub fn pinned_origin(self) -> Self {
        self.with(|settings| settings.rules.pinned_origin = true)
    }

    /// Fails a request to an origin that may not have a token, in place of sending it without one.
    pub fn strict_origins(self) -> Self {
        self.with(|settings| settings.strict_origins = true)
    }

    /// Leaves a request alone that already has a credential in `Authorization` or `x-api-key`. Of several,
    /// the first one stays, `Authorization` before `x-api-key`.
    pub fn keep_existing(self) -> Self {
        self.with(|settings| settings.rules.keep_existing = true)
    }

    /// Makes the jitter repeatable, for tests. Never give a fleet one seed: it would refresh in step.
    pub fn jitter_seed(self, seed: u64) -> Self {
        self.with(|settings| settings.jitter_seed = Some(seed))
    }

    /// Builds the handle. Nothing is sent or spawned before the first request.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] for a setting that is out of its bounds, or for tokens that cannot carry the
    /// [expected rate](Self::expect_rate).
    pub fn build(self) -> Result<AutoRefreshingToken, Error> {
        if self.standby >= MOST_AT_ONCE {
            return Err(Error::new(
                Kind::InvalidConfiguration,
                "0 to 24 tokens can stand by: one create request brings 25 at most",
            ));
        }
        let create = match self.sized_for {
            Some(rate) => sizing::fit(self.lifetime, rate)?,
            None => CreateTokens::default()
                .lifetime(self.lifetime)?
                .request_limit(self.request_limit)?
                .count(1 + self.standby)?,
        };
        if let Some(rate) = self.expected_rate.max(self.sized_for) {
            let soonest_soft_age = self
                .settings
                .policy
                .windows(create.get_lifetime(), create.get_request_limit(), 0.0)
                .soft_age();
            sizing::check(
                &create,
                rate,
                soonest_soft_age,
                self.source.creates_per_minute(),
            )?;
        }
        let settings = Settings {
            create,
            ..self.settings
        };
        Ok(AutoRefreshingToken {
            engine: Arc::new(Engine::new(self.source, settings)),
        })
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }
}
