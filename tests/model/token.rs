//! A token, and when it is to be replaced.

use std::time::Duration;

use super::events::{Made, Rules};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) generation: u64,
    pub(super) left: u64,
    pub(super) limit: u64,
    pub(super) asked_at: Duration,
    pub(super) lifetime: Duration,
    /// With how many requests left the reserve is worked out anew.
    pub(super) look_again_at: f64,
    pub(super) in_use: InUse,
}

/// What was known when a token was put to use.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct InUse {
    pub(super) since: Duration,
    /// The requests per second of the token before.
    pub(super) rate_before: f64,
    pub(super) creation_takes: Duration,
}

impl Token {
    /// What the source says of a token may shorten its life and budget, never lengthen them.
    pub(super) fn new(made: Made, asked_at: Duration, rules: &Rules) -> Self {
        let limit = made.request_limit.min(rules.request_limit);
        Self {
            text: made.text,
            left: limit,
            limit,
            asked_at,
            lifetime: made.lifetime.min(rules.lifetime),
            ..Self::default()
        }
    }

    /// It is sent, or leased. Says whether it is to be replaced, for its age or, together with those that stand
    /// by, for what is left of its budget: the first request looks, and then one of each sixteenth of it.
    pub(super) fn take(&mut self, now: Duration, soft_point: f64, backed_by: u64) -> bool {
        let is_old = self.is_old(now, soft_point);
        let looks = number(self.left) <= self.look_again_at;
        let reserve = self.reserve(now);
        let is_short = looks && number(self.left + backed_by) <= reserve;
        if looks && !is_old && !is_short {
            let after_a_while = number(self.left) - number((self.limit / 16).max(1));
            self.look_again_at = after_a_while.max(reserve - number(backed_by));
        }
        self.left -= 1;
        is_old || is_short
    }

    pub(super) fn is_usable(&self, now: Duration) -> bool {
        self.left > 0 && !self.is_over(now)
    }

    pub(super) fn is_over(&self, now: Duration) -> bool {
        now >= self.over_from()
    }

    pub(super) fn over_from(&self) -> Duration {
        self.asked_at + self.never_sent_after()
    }

    pub(super) fn is_old(&self, now: Duration, soft_point: f64) -> bool {
        now >= self.old_from(soft_point)
    }

    pub(super) fn old_from(&self, soft_point: f64) -> Duration {
        self.asked_at + self.lifetime.mul_f64(soft_point)
    }

    /// Not in the last 3 seconds, or the last sixth, of its life.
    pub(super) fn never_sent_after(&self) -> Duration {
        self.lifetime - (3 * SECOND).min(self.lifetime / 6)
    }

    /// The requests per second so far, or those of the token before while this one is young.
    pub(super) fn rate(&self, now: Duration) -> f64 {
        let young = 10 * SECOND;
        let age = now - self.in_use.since;
        let own = number(self.limit - self.left) / age.max(young).as_secs_f64();
        if age < young {
            own.max(self.in_use.rate_before)
        } else {
            own
        }
    }

    /// A fifth of the budget, or what goes while the source is asked three times, and a second more.
    fn reserve(&self, now: Duration) -> f64 {
        let lead = 3 * self.in_use.creation_takes + SECOND;
        let needed = (self.rate(now) * lead.as_secs_f64()).floor();
        number(self.limit / 5).max(needed)
    }
}

pub(super) fn number(requests: u64) -> f64 {
    f64::from(u32::try_from(requests).expect("budgets are small here"))
}
