//! When the next attempt to get tokens may be made.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, Kind};

const TRANSIENT: Backoff = Backoff {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(30),
};
const REFUSAL: Backoff = Backoff {
    first: Duration::from_secs(10),
    longest: Duration::from_secs(60),
};
const SHORTEST: Duration = Duration::from_millis(50);

/// Closed for a while after each failed attempt, longer each time in a row; open otherwise.
///
/// The error is kept beside the token, never in its place (R3), and is everybody's answer while the
/// gate is closed (R2).
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate {
    failures: u32,
    closed: Option<Closed>,
}

#[derive(Debug, Clone)]
pub(crate) struct Closed {
    pub(crate) until: Instant,
    pub(crate) error: Error,
}

struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Gate {
    /// The reason and the end of the wait, if there is one.
    pub(crate) fn closed(&self, now: Instant) -> Option<&Closed> {
        self.closed.as_ref().filter(|closed| now < closed.until)
    }

    /// The error of the last attempt, if that failed.
    pub(crate) fn last_error(&self) -> Option<&Error> {
        self.closed.as_ref().map(|closed| &closed.error)
    }

    pub(crate) fn closed_until(&self) -> Option<Instant> {
        self.closed.as_ref().map(|closed| closed.until)
    }

    pub(crate) fn open(&mut self) {
        *self = Self::default();
    }

    /// Closes after a failure, and says for how long. `random` is drawn from 0.0..1.0.
    pub(crate) fn close(&mut self, now: Instant, error: Error, random: f64) -> Duration {
        let wait = match (error.kind(), error.retry_after()) {
            // R10: the server, or the mint limit, said when; never sooner.
            (_, Some(retry_after)) => retry_after + TRANSIENT.first.mul_f64(random),
            // R13: nobody mends a key or a plan in milliseconds, but it may be mended within a minute.
            (Kind::Transient, None) => TRANSIENT
                .longest_wait(self.failures)
                .mul_f64(random)
                .max(SHORTEST),
            (_, None) => REFUSAL
                .longest_wait(self.failures)
                .mul_f64(0.5 + random / 2.0),
        };
        self.failures = self.failures.saturating_add(1);
        self.closed = Some(Closed {
            until: now + wait,
            error,
        });
        wait
    }
}

impl Closed {
    /// Whether a wait may help: a refusal stays one until somebody acts.
    pub(crate) fn is_worth_waiting(&self) -> bool {
        self.error.is_transient() || self.error.is_rate_limited()
    }
}

impl Backoff {
    fn longest_wait(&self, failures: u32) -> Duration {
        self.first
            .saturating_mul(2_u32.saturating_pow(failures))
            .min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn wait_after(gate: &mut Gate, error: Error, random: f64) -> Duration {
        let now = clock::now().monotonic;
        gate.close(now, error, random);
        gate.closed(now).unwrap().until - now
    }

    /// R12: full jitter, doubling from 500 ms to 30 s.
    #[test]
    fn transient_errors_back_off_with_full_jitter() {
        let error = Error::new(Kind::Transient, "down");
        let mut gate = Gate::default();
        for longest in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            let mut least = Gate {
                failures: gate.failures,
                closed: None,
            };
            assert_eq!(wait_after(&mut least, error.clone(), 0.0), SHORTEST);
            assert_eq!(
                wait_after(&mut gate, error.clone(), 1.0),
                Duration::from_millis(longest)
            );
        }
        gate.open();
        assert_eq!(
            wait_after(&mut gate, error, 1.0),
            Duration::from_millis(500)
        );
    }

    /// R13: a refusal is remembered for 5 s at least, and probed again after 60 s at most: never more than 4 times
    /// in a minute, so that the limit on create requests is no second reason to fail.
    #[test]
    fn refusals_are_sticky_up_to_a_minute() {
        for kind in [Kind::Rejected, Kind::PlanRequired, Kind::Refused] {
            let mut gate = Gate {
                failures: u32::MAX,
                closed: None,
            };
            assert_eq!(
                wait_after(&mut gate, Error::new(kind, "no"), 1.0),
                Duration::from_secs(60)
            );
            gate.open();
            assert_eq!(
                wait_after(&mut gate, Error::new(kind, "no"), 0.0),
                Duration::from_secs(5)
            );
        }
    }

    #[test]
    fn retry_after_is_never_undercut() {
        let error = Error::new(Kind::RateLimited, "slow down")
            .with_retry_after(Some(Duration::from_secs(40)));
        let mut gate = Gate::default();
        assert_eq!(
            wait_after(&mut gate, error.clone(), 0.0),
            Duration::from_secs(40)
        );
        assert_eq!(
            wait_after(&mut gate, error, 1.0),
            Duration::from_millis(40_500)
        );
    }
}
