//! A token in use, and what is left of it.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

use super::budget::{Budget, Share, Spent};
use super::policy::{Freshness, Measured, RefreshPolicy, Windows};
use super::sync::{AtomicI64, Ordering};
use crate::api_token::ApiToken;
use crate::clock::Moment;
use crate::create_tokens::CreateTokens;

/// A burst at the start of a token's life is no rate yet.
const MEASURED_OVER: Duration = Duration::from_secs(10);

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
    token: ApiToken,
    generation: u64,
    asked_for_at: Moment,
    windows: Windows,
    soft_end: Moment,
    hard_end: Moment,
    budget: Budget,
    /// The requests of all tokens that stand by until this one is due.
    backed_by: AtomicI64,
    context: Context,
}

/// What a token came into use with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    pub(super) in_use_since: Moment,
    pub(super) requests_per_second_before: f64,
    pub(super) creation_takes: Duration,
}

/// A request's worth of a token.
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
        let age = now.since(self.asked_for_at);
        self.windows
            .freshness(age, self.request_limit.unsigned_abs(), Measured::default())
    }

    /// When its age is a reason to replace it.
    pub(super) fn due_at(&self) -> Instant {
        self.asked_for_at.monotonic + self.windows.soft_age()
    }

    /// The requests that it stands by with for a token that is due at that time: none, if it dies before.
    pub(super) fn backs_until(&self, due_at: Instant) -> i64 {
        if self.asked_for_at.monotonic + self.windows.hard_age() < due_at {
            return 0;
        }
        self.request_limit
    }

    pub(super) fn token(&self) -> &ApiToken {
        &self.token
    }

    pub(super) fn into_token(self) -> ApiToken {
        self.token
    }

    pub(super) fn into_live(self, generation: u64, backed_by: i64, context: Context) -> LiveToken {
        LiveToken {
            token: self.token,
            generation,
            asked_for_at: self.asked_for_at,
            soft_end: self.asked_for_at + self.windows.soft_age(),
            hard_end: self.asked_for_at + self.windows.hard_age(),
            windows: self.windows,
            budget: Budget::new(self.request_limit),
            backed_by: AtomicI64::new(backed_by),
            context,
        }
    }
}

impl LiveToken {
    /// Takes what a request costs from the token's budget and says what the token was before; a stale
    /// token must not be sent.
    pub(super) fn take(&self, now: Moment, cost: i64) -> Freshness {
        if now.is_past(self.hard_end) {
            return Freshness::Stale;
        }
        match self.budget.take(cost) {
            Spent::Nothing => Freshness::Stale,
            Spent::Look(left) => self.look(left, now),
            Spent::Enough if now.is_past(self.soft_end) => Freshness::Aging,
            Spent::Enough => Freshness::Fresh,
        }
    }

    /// As [`take`](Self::take), for who knows that the token is young. `false`, and nothing is taken, unless its budget makes
    /// it fresh too.
    #[inline]
    pub(super) fn take_from(&self, share: &Share, cost: i64) -> bool {
        self.budget.take_from(share, cost)
    }

    /// A share of the budget for a service that sends often.
    pub(super) fn share(&self) -> Arc<Share> {
        self.budget.share()
    }

    /// Until when the token is young.
    pub(super) fn soft_end(&self) -> Moment {
        self.soft_end
    }

    /// The token with what it was before, if it may be sent. To be called with the engine locked: at the end of the budget,
    /// it calls in all shares.
    pub(super) fn taken_by(
        self: Arc<Self>,
        now: Moment,
        cost: i64,
    ) -> Option<(Arc<Self>, Freshness)> {
        let mut freshness = self.take(now, cost);
        if freshness == Freshness::Stale && self.budget.call_in() {
            freshness = self.take(now, cost);
        }
        (freshness != Freshness::Stale).then_some((self, freshness))
    }

    pub(super) fn freshness(&self, now: Moment) -> Freshness {
        match self.budget.left() {
            ..=0 => Freshness::Stale,
            left => self.look(left, now),
        }
    }

    /// When its age is a reason to replace it.
    pub(super) fn due_at(&self) -> Instant {
        self.asked_for_at.monotonic + self.windows.soft_age()
    }

    /// Notes that more requests stand by; the next request looks what that means.
    pub(super) fn back_with(&self, requests: i64) {
        self.backed_by.fetch_add(requests, Ordering::Relaxed);
        self.budget.look_at_once();
    }

    /// Works the reserve out anew, and when to do so again.
    fn look(&self, left: i64, now: Moment) -> Freshness {
        let measured = self.measured(left, now);
        let backed_by = self.backed_by.load(Ordering::Relaxed);
        let in_all = left.saturating_add(backed_by);
        let age = self.age(now);
        let freshness = self.windows.freshness(age, in_all.unsigned_abs(), measured);
        if freshness == Freshness::Fresh {
            let reserve = i64::try_from(self.windows.reserve(measured)).unwrap_or(i64::MAX);
            let at_the_reserve = reserve.saturating_sub(backed_by);
            self.budget.look_again(left, at_the_reserve);
        }
        freshness
    }

    /// The rate of this token, or the one before it while this one is young.
    fn measured(&self, left: i64, now: Moment) -> Measured {
        let in_use = now.since(self.context.in_use_since);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rate needs no more than 53 bits"
        )]
        let spent = (self.budget.limit() - left) as f64;
        let own = spent / in_use.max(MEASURED_OVER).as_secs_f64();
        let rate = if in_use < MEASURED_OVER {
            own.max(self.context.requests_per_second_before)
        } else {
            own
        };
        Measured::new(rate, self.context.creation_takes)
    }

    /// The rate at which the token was used so far.
    pub(super) fn requests_per_second(&self, now: Moment) -> f64 {
        self.measured(self.budget.left().max(0), now)
            .requests_per_second()
    }

    pub(super) fn ages_by_its_budget_alone(&self, now: Moment) -> bool {
        self.requests_left() > 0 && !self.time_fresh(now).is_zero()
    }

    pub(super) fn taken(&self) -> Taken {
        Taken {
            header: self.token.header().clone(),
            generation: self.generation,
        }
    }

    pub(super) fn token(&self) -> &ApiToken {
        &self.token
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn requests_left(&self) -> u64 {
        u64::try_from(self.budget.left()).unwrap_or(0)
    }

    /// For how long the token may still be sent.
    pub(super) fn time_left(&self, now: Moment) -> Duration {
        self.windows.hard_age().saturating_sub(self.age(now))
    }

    /// For how long the token is still fresh.
    pub(super) fn time_fresh(&self, now: Moment) -> Duration {
        self.windows.soft_age().saturating_sub(self.age(now))
    }

    fn age(&self, now: Moment) -> Duration {
        now.since(self.asked_for_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    /// T1: a machine that slept wakes up with a token that is as old as it is, however little its timers noticed.
    #[test]
    fn t1_a_token_ages_while_the_machine_sleeps() {
        let seconds = Duration::from_secs;
        let asked_for_at = clock::now();
        let asked = CreateTokens::default().lifetime(seconds(60)).unwrap();
        let token = StandbyToken::new(
            ApiToken::new("token").unwrap(),
            &asked,
            asked_for_at,
            &RefreshPolicy::default(),
            0.0,
        );
        let after = |slept| asked_for_at.after_a_sleep(seconds(slept));
        assert_eq!(token.freshness(after(29)), Freshness::Fresh);
        assert_eq!(token.freshness(after(57)), Freshness::Stale);
        let context = Context {
            in_use_since: asked_for_at,
            requests_per_second_before: 0.0,
            creation_takes: Duration::ZERO,
        };
        let live = token.into_live(1, 0, context);
        assert_eq!(live.take(after(29), 1), Freshness::Fresh);
        assert_eq!(live.take(after(30), 1), Freshness::Aging);
        assert_eq!(live.time_left(after(30)), seconds(27));
        assert_eq!(live.take(after(57), 1), Freshness::Stale);
        assert!(live.time_left(after(57)).is_zero());
    }
}
