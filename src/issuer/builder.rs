//! How an issuer is set up.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::allowed_origins::AllowedOrigins;
use super::authorize::{AnyAuthorize, Authorize};
use super::desk::Desk;
use super::limits::{Limits, Rate};
use super::settings::Settings;
use super::token_issuer::TokenIssuer;
use crate::auto_refreshing_token::source::AnySource;
use crate::create_tokens::CreateTokens;
use crate::error::{Error, Kind};
use crate::token_source::TokenSource;

const MINUTE: Duration = Duration::from_secs(60);

/// Longer makes no sense to whoever waits, and may not fit on a clock.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Builds a [`TokenIssuer`]; see [`TokenIssuer::builder`].
#[must_use]
pub struct TokenIssuerBuilder {
    source: Arc<dyn AnySource>,
    authorize: Box<dyn AnyAuthorize>,
    origins: Vec<String>,
    lifetime: Duration,
    request_limit: u64,
    of_each: Rate,
    of_all: Rate,
    max_subjects: usize,
    settings: Settings,
}

impl TokenIssuerBuilder {
    pub(super) fn new(source: impl TokenSource, authorize: impl Authorize) -> Self {
        Self {
            source: Arc::new(source),
            authorize: Box::new(authorize),
            origins: Vec::new(),
            lifetime: 5 * MINUTE,
            request_limit: 1_000,
            of_each: Rate {
                requests: 10,
                per: MINUTE,
            },
            of_all: Rate {
                requests: 1_000,
                per: MINUTE,
            },
            max_subjects: 65_536,
            settings: Settings {
                size: CreateTokens::default(),
                allowed_origins: AllowedOrigins::default(),
                capacity: 100,
                max_kinds: 4,
                max_wait: Duration::from_secs(10),
                max_waiting: 4_096,
                max_waiting_of_subject: 4,
                max_live: 65_536,
                jitter_seed: None,
            },
        }
    }

    /// The origins, besides the issuer's own, whose pages may ask: `https://app.example.com`. None by default.
    ///
    /// Compared byte for byte with what browsers send, so no path, no slash at the end, no wildcard. A listed origin needs a
    /// CORS layer around the issuer as well, which lets its pages read the answer: see [the module](super#browsers).
    pub fn allowed_origins<T: Into<String>>(self, origins: impl IntoIterator<Item = T>) -> Self {
        Self {
            origins: origins.into_iter().map(Into::into).collect(),
            ..self
        }
    }

    /// How long a token lives, unless its grant says otherwise: 1 minute to 24 hours, 5 minutes by default.
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// How many requests a token is good for, unless its grant says otherwise: 1 to 1,000,000, by default 1,000.
    pub fn request_limit(self, request_limit: u64) -> Self {
        Self {
            request_limit,
            ..self
        }
    }

    /// How many requests a subject may make at once, and then again evenly spread over each such period: 10 a minute by
    /// default. More get a 429 that says when to come back.
    pub fn subject_limit(self, requests: u32, per: Duration) -> Self {
        let of_each = Rate { requests, per };
        Self { of_each, ..self }
    }

    /// The same for all subjects together: 1,000 a minute by default. What a subject's own limit refuses does not count; what
    /// this one refuses counts for the subject.
    pub fn global_limit(self, requests: u32, per: Duration) -> Self {
        let of_all = Rate { requests, per };
        Self { of_all, ..self }
    }

    /// For how many subjects it is remembered when they asked: 65,536 by default. Who asked the longest time ago is forgotten
    /// first.
    pub fn max_subjects(self, max_subjects: usize) -> Self {
        Self {
            max_subjects,
            ..self
        }
    }

    /// How many tokens of a kind may be in stock: 100 by default. With 0, tokens are created for those who wait, and no more.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.settings.capacity = capacity;
        self
    }

    /// How many kinds of token there may be at once: pairs of a lifetime and a request limit that grants ask for, 4 by default.
    /// A kind that nobody waits for makes room for a new one.
    pub fn max_kinds(mut self, max_kinds: usize) -> Self {
        self.settings.max_kinds = max_kinds;
        self
    }

    /// How long a caller waits for a token before it gets a 503: 10 seconds by default, 10 minutes at most.
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.settings.max_wait = max_wait;
        self
    }

    /// How many callers may wait at once: 4,096 by default. More get a 503 at once.
    pub fn max_waiting(mut self, max_waiting: usize) -> Self {
        self.settings.max_waiting = max_waiting;
        self
    }

    /// How many callers of one subject may wait at once for one kind of token: 4 by default. More get a 429 at once.
    pub fn max_waiting_of_subject(mut self, max_waiting_of_subject: usize) -> Self {
        self.settings.max_waiting_of_subject = max_waiting_of_subject;
        self
    }

    /// How many tokens callers may hold: 65,536 by default. All of them can be revoked, so no more are issued until some of
    /// them have expired; 5 create requests a minute do not come that far in less than 8 hours.
    pub fn max_live(mut self, max_live: usize) -> Self {
        self.settings.max_live = max_live;
        self
    }

    /// Makes the jitter of retries the same each time, for tests.
    pub fn jitter_seed(mut self, seed: u64) -> Self {
        self.settings.jitter_seed = Some(seed);
        self
    }

    /// Makes the issuer. Nothing is sent, and nothing is spawned.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] for an origin that no browser would send, a lifetime or a request limit out of
    /// Mobula's bounds, a limit or a bound of 0, or a wait of more than 10 minutes.
    pub fn build(self) -> Result<TokenIssuer, Error> {
        let mut settings = self.settings;
        settings.size = CreateTokens::default()
            .lifetime(self.lifetime)?
            .request_limit(self.request_limit)?;
        settings.allowed_origins = AllowedOrigins::new(&self.origins)?;
        let bounds = [
            settings.max_kinds,
            settings.max_waiting,
            settings.max_waiting_of_subject,
            settings.max_live,
        ];
        let max_subjects = NonZeroUsize::new(self.max_subjects);
        let (Some(max_subjects), false) = (max_subjects, bounds.contains(&0)) else {
            return Err(invalid("a bound of 0 lets nobody have a token"));
        };
        if settings.max_wait > LONGEST_WAIT {
            return Err(invalid("nobody waits for a token for more than 10 minutes"));
        }
        for Rate { requests, per } in [self.of_each, self.of_all] {
            if requests == 0 || per.is_zero() || per > 1_440 * MINUTE {
                return Err(invalid(
                    "a limit is of at least one request, for a period of up to 24 hours",
                ));
            }
        }
        let limits = || Limits::new(self.of_each, self.of_all, max_subjects);
        let desk = Desk::new(self.source, self.authorize, settings, [limits(), limits()]);
        Ok(TokenIssuer::of(desk))
    }
}

impl fmt::Debug for TokenIssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuerBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn invalid(message: &'static str) -> Error {
    Error::new(Kind::InvalidConfiguration, message)
}
