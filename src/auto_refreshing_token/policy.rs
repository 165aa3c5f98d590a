//! When a token is fresh, aging or stale.

use std::time::Duration;

use crate::error::{Error, Kind};

/// A token is not sent in its last moments, so that it cannot expire on the way to the server.
const NEVER_SEND: Duration = Duration::from_secs(3);

/// The reserve lasts for so many creations of tokens at the measured rate, and a second more: the first may fail.
const CREATIONS: u32 = 3;
const SLACK: Duration = Duration::from_secs(1);

/// When a token is replaced: a pure function of its lifetime, its age, what is left of its request
/// limit, and what was measured of the traffic and of the source.
///
/// All windows are shares, so the same policy fits a token of one minute and one of a day. By
/// default a token is replaced at a moment drawn between 50 % and 75 % of its life, or when 20 % of
/// its requests are left, whichever comes first; earlier, if at the measured rate those would be gone
/// before new tokens come. It is never sent in the last 3 seconds, or the last sixth, of its life.
///
/// ```
/// use std::time::Duration;
///
/// use mobula_auth::{Freshness, Measured, RefreshPolicy};
///
/// let windows = RefreshPolicy::default().windows(Duration::from_secs(60), 1_000, 0.0);
/// let idle = Measured::default();
/// assert_eq!(windows.freshness(Duration::from_secs(29), 500, idle), Freshness::Fresh);
/// assert_eq!(windows.freshness(Duration::from_secs(30), 500, idle), Freshness::Aging);
/// assert_eq!(windows.freshness(Duration::from_secs(29), 200, idle), Freshness::Aging);
/// assert_eq!(windows.freshness(Duration::from_secs(57), 500, idle), Freshness::Stale);
///
/// let busy = Measured::new(200.0, Duration::from_millis(500));
/// assert_eq!(windows.freshness(Duration::from_secs(2), 500, busy), Freshness::Aging);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RefreshPolicy {
    earliest: f64,
    latest: f64,
    reserve: f64,
}

/// A [`RefreshPolicy`] worked out for one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    soft_age: Duration,
    hard_age: Duration,
    reserve: u64,
}

/// What was measured of the traffic and of the source of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    requests_per_second: f64,
    creation_takes: Duration,
}

/// What to do with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there is nothing else that a token can be"
)]
pub enum Freshness {
    /// Send it.
    Fresh,
    /// Send it, and have it replaced meanwhile.
    Aging,
    /// Do not send it.
    Stale,
}

impl RefreshPolicy {
    /// Draws the moment of replacement between two shares of the lifetime, 0.5 and 0.75 by default,
    /// so that a fleet that started together does not refresh together.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] unless 0.1 <= `earliest` <= `latest` <= 0.8: earlier wastes
    /// the mint limit, later leaves no time to ride out an outage.
    pub fn soft_point(self, earliest: f64, latest: f64) -> Result<Self, Error> {
        if 0.1 <= earliest && earliest <= latest && latest <= 0.8 {
            return Ok(Self {
                earliest,
                latest,
                ..self
            });
        }
        Err(Error::new(
            Kind::InvalidConfiguration,
            "a soft point is drawn between two shares of the lifetime, 0.1 <= earliest <= latest <= 0.8",
        ))
    }

    /// Has a token replaced when this share of its requests is left, 0.2 by default.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] unless 0.0 <= `share` <= 0.9.
    pub fn reserve(self, share: f64) -> Result<Self, Error> {
        if (0.0..=0.9).contains(&share) {
            return Ok(Self {
                reserve: share,
                ..self
            });
        }
        Err(Error::new(
            Kind::InvalidConfiguration,
            "the reserve is a share of a token's requests, 0.0 <= share <= 0.9",
        ))
    }

    /// Works the policy out for a token of this lifetime and request limit. `jitter`, in 0.0..=1.0, is
    /// where between the earliest and the latest point the soft point falls.
    #[must_use]
    pub fn windows(&self, lifetime: Duration, request_limit: u64, jitter: f64) -> Windows {
        let share = self.earliest + (self.latest - self.earliest) * jitter.clamp(0.0, 1.0);
        let hard_age = lifetime.saturating_sub(NEVER_SEND.min(lifetime / 6));
        #[expect(
            clippy::cast_precision_loss,
            reason = "a share of it needs no more than 53 bits"
        )]
        let reserve = whole(request_limit as f64 * self.reserve);
        Windows {
            soft_age: lifetime.mul_f64(share).min(hard_age),
            hard_age,
            reserve,
        }
    }
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self {
            earliest: 0.5,
            latest: 0.75,
            reserve: 0.2,
        }
    }
}

impl Windows {
    /// What to do with the token at this age, with this many requests left.
    #[must_use]
    pub fn freshness(&self, age: Duration, requests_left: u64, measured: Measured) -> Freshness {
        if age >= self.hard_age || requests_left == 0 {
            Freshness::Stale
        } else if age >= self.soft_age || requests_left <= self.reserve(measured) {
            Freshness::Aging
        } else {
            Freshness::Fresh
        }
    }

    /// For how long the token may be sent, from before it was asked for.
    #[must_use]
    pub fn hard_age(&self) -> Duration {
        self.hard_age
    }

    /// How many requests are left when the token is replaced: the policy's share, or what the measured
    /// rate takes until new tokens are there, whichever is more.
    #[must_use]
    pub fn reserve(&self, measured: Measured) -> u64 {
        let lead = measured
            .creation_takes
            .saturating_mul(CREATIONS)
            .saturating_add(SLACK);
        self.reserve
            .max(whole(measured.requests_per_second * lead.as_secs_f64()))
    }

    /// After how long the token is replaced, from before it was asked for.
    #[must_use]
    pub fn soft_age(&self) -> Duration {
        self.soft_age
    }
}

impl Measured {
    /// A rate of requests, and how long the source takes to create tokens.
    #[must_use]
    pub fn new(requests_per_second: f64, creation_takes: Duration) -> Self {
        Self {
            requests_per_second,
            creation_takes,
        }
    }

    pub(super) fn requests_per_second(self) -> f64 {
        self.requests_per_second
    }
}

fn whole(requests: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and what is not a number becomes 0"
    )]
    let whole = requests as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn freshness_by_age_and_by_requests() {
        let windows = RefreshPolicy::default().windows(seconds(3_600), 100, 0.5);
        for (age, left, freshness) in [
            (0, 100, Freshness::Fresh),
            (2_249, 21, Freshness::Fresh),
            (2_250, 21, Freshness::Aging),
            (0, 20, Freshness::Aging),
            (3_596, 1, Freshness::Aging),
            (3_597, 100, Freshness::Stale),
            (0, 0, Freshness::Stale),
            (u64::MAX, 100, Freshness::Stale),
        ] {
            assert_eq!(
                windows.freshness(seconds(age), left, Measured::default()),
                freshness,
                "{age} s, {left} left"
            );
        }
    }

    /// T4: no window is ever longer than the token lives, from 1 minute to 24 hours.
    #[test]
    fn windows_are_shares_of_the_lifetime() {
        for lifetime in (60..=86_400).step_by(37).map(seconds) {
            for jitter in [0.0, 0.3, 1.0] {
                let windows = RefreshPolicy::default().windows(lifetime, 1_000, jitter);
                assert!(windows.soft_age >= lifetime / 2 && windows.soft_age <= lifetime * 3 / 4);
                assert!(windows.soft_age < windows.hard_age && windows.hard_age < lifetime);
                assert!(windows.hard_age + lifetime / 6 >= lifetime);
            }
        }
    }

    #[test]
    fn windows_of_odd_lifetimes_and_limits_hold() {
        for lifetime in [
            Duration::ZERO,
            Duration::from_nanos(1),
            seconds(1),
            Duration::MAX,
        ] {
            for limit in [0, 1, 4, 5, u64::MAX] {
                let windows = RefreshPolicy::default().windows(lifetime, limit, 1.0);
                assert!(windows.soft_age <= windows.hard_age && windows.hard_age <= lifetime);
                assert!(windows.reserve <= limit);
            }
        }
        let windows = RefreshPolicy::default().windows(seconds(60), 1, 0.0);
        assert_eq!(
            windows.freshness(Duration::ZERO, 1, Measured::default()),
            Freshness::Fresh,
            "a limit of 1 is usable"
        );
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let policy = RefreshPolicy::default();
        assert!(policy.soft_point(0.1, 0.8).is_ok());
        for (earliest, latest) in [
            (0.0, 0.5),
            (0.6, 0.5),
            (0.5, 0.9),
            (f64::NAN, 0.5),
            (0.5, f64::NAN),
        ] {
            assert!(
                policy
                    .soft_point(earliest, latest)
                    .unwrap_err()
                    .is_invalid_configuration()
            );
        }
        assert!(policy.reserve(0.0).is_ok() && policy.reserve(0.9).is_ok());
        for share in [-0.1, 0.91, f64::NAN] {
            assert!(
                policy
                    .reserve(share)
                    .unwrap_err()
                    .is_invalid_configuration()
            );
        }
    }
    /// R14: whatever the lifetime, the budget and the rate, what is left at the soft point lasts until new
    /// tokens are there, unless the whole budget does not.
    #[test]
    fn r14_the_reserve_lasts_for_a_creation_at_the_measured_rate() {
        for lifetime in [60, 600, 3_600, 86_400].map(seconds) {
            for limit in [1, 10, 5_000, 100_000, 1_000_000] {
                let windows = RefreshPolicy::default().windows(lifetime, limit, 0.5);
                for rate in [0.0, 0.1, 1.0, 100.0, 10_000.0] {
                    for takes in [0, 200, 5_000, 20_000].map(Duration::from_millis) {
                        let reserve = windows.reserve(Measured::new(rate, takes));
                        assert!(reserve >= whole(rate * takes.as_secs_f64()));
                        assert!(reserve >= limit / 5);
                        let at_the_soft_point = windows.freshness(
                            Duration::ZERO,
                            reserve.max(1),
                            Measured::new(rate, takes),
                        );
                        assert!(at_the_soft_point == Freshness::Aging || reserve == 0);
                    }
                }
            }
        }
    }

    #[test]
    fn odd_measurements_are_harmless() {
        let windows = RefreshPolicy::default().windows(seconds(60), 1_000, 0.5);
        for rate in [f64::NAN, f64::NEG_INFINITY, -1.0, 0.0] {
            assert_eq!(windows.reserve(Measured::new(rate, Duration::MAX)), 200);
        }
        assert_eq!(
            windows.reserve(Measured::new(f64::INFINITY, Duration::MAX)),
            u64::MAX
        );
    }
}
