//! A token in use, and what is left of it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http::HeaderValue;

use super::policy::{Freshness, RefreshPolicy, Windows};
use crate::api_token::ApiToken;
use crate::clock::Moment;
use crate::create_tokens::CreateTokens;

/// A token that was created and not yet used.
#[derive(Debug)]
pub(super) struct StandbyToken {
    token: ApiToken,
    asked_for_at: Moment,
    windows: Windows,
    request_limit: i64,
}

/// The token that requests are sent with.
#[derive(Debug)]
pub(super) struct LiveToken {
    standby: StandbyToken,
    generation: u64,
    requests_left: AtomicI64,
}

/// One request's worth of a token.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) header: HeaderValue,
    pub(super) generation: u64,
}

impl StandbyToken {
    /// T2, N4: the token's own word may shorten what was asked for, never lengthen it.
    pub(super) fn new(
        token: ApiToken,
        asked: &CreateTokens,
        asked_for_at: Moment,
        policy: &RefreshPolicy,
        jitter: f64,
    ) -> Self {
        let lifetime = asked.get_lifetime();
        let lifetime = token.lifetime().map_or(lifetime, |own| own.min(lifetime));
        let limit = asked.get_request_limit();
        let limit = token.request_limit().map_or(limit, |own| own.min(limit));
        Self {
            windows: policy.windows(lifetime, limit, jitter),
            token,
            asked_for_at,
            request_limit: i64::try_from(limit).unwrap_or(i64::MAX),
        }
    }

    pub(super) fn freshness(&self, now: Moment) -> Freshness {
        self.windows.freshness(
            now.since(self.asked_for_at),
            self.request_limit.unsigned_abs(),
        )
    }

    pub(super) fn token(&self) -> &ApiToken {
        &self.token
    }

    pub(super) fn into_token(self) -> ApiToken {
        self.token
    }

    /// Puts the token to use. `backed`: another stands by for when this one is spent.
    pub(super) fn into_live(mut self, generation: u64, backed: bool) -> LiveToken {
        if backed {
            self.windows = self.windows.without_reserve();
        }
        LiveToken {
            generation,
            requests_left: AtomicI64::new(self.request_limit),
            standby: self,
        }
    }
}

impl LiveToken {
    /// Takes one request from the token's budget and says what the token is without it; a stale token
    /// must not be sent.
    pub(super) fn take(&self, now: Moment) -> Freshness {
        let age = self.age(now);
        if age >= self.standby.windows.hard_age() {
            return Freshness::Stale;
        }
        // Below zero it only says how many came too late; the type has room for all of them.
        let before = self.requests_left.fetch_sub(1, Ordering::Relaxed);
        self.standby
            .windows
            .freshness(age, u64::try_from(before).unwrap_or(0))
    }

    pub(super) fn freshness(&self, now: Moment) -> Freshness {
        self.standby
            .windows
            .freshness(self.age(now), self.requests_left())
    }

    pub(super) fn taken(&self) -> Taken {
        Taken {
            header: self.token().header().clone(),
            generation: self.generation,
        }
    }

    pub(super) fn token(&self) -> &ApiToken {
        &self.standby.token
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn requests_left(&self) -> u64 {
        u64::try_from(self.requests_left.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// For how long the token may still be sent.
    pub(super) fn time_left(&self, now: Moment) -> Duration {
        self.standby
            .windows
            .hard_age()
            .saturating_sub(self.age(now))
    }

    /// For how long the token is still fresh.
    pub(super) fn time_fresh(&self, now: Moment) -> Duration {
        self.standby
            .windows
            .soft_age()
            .saturating_sub(self.age(now))
    }

    fn age(&self, now: Moment) -> Duration {
        now.since(self.standby.asked_for_at)
    }
}
