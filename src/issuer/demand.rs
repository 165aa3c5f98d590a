//! How many tokens are likely to be asked for.

use std::time::Duration;

use tokio::time::Instant;

/// What was asked for so long ago counts a third of what is asked for now.
const MEMORY: Duration = Duration::from_secs(30);

/// One request after a long silence is one in ten seconds, and not infinitely many a second.
const SHORTEST: Duration = Duration::from_secs(10);

/// The rate of requests for one kind of token: an exponentially weighted mean, which is right from the first seconds on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Demand {
    seen: Option<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    first: Instant,
    last: Instant,
    weight: f64,
}

impl Demand {
    pub(super) fn note(&mut self, now: Instant) {
        let seen = self.seen.get_or_insert(Seen {
            first: now,
            last: now,
            weight: 0.0,
        });
        seen.weight = seen.weight_at(now) + 1.0;
        seen.last = now;
    }

    /// How many tokens are likely to be asked for within this time.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a forecast is neither negative nor exact"
    )]
    pub(super) fn forecast(&self, within: Duration, now: Instant) -> usize {
        let Some(seen) = self.seen else {
            return 0;
        };
        // Early on, not all of the mean's memory can have been filled.
        let observed = now.saturating_duration_since(seen.first).max(SHORTEST);
        let filled = 1.0 - (-(observed.div_duration_f64(MEMORY))).exp();
        let rate = seen.weight_at(now) / (MEMORY.as_secs_f64() * filled);
        (rate * within.as_secs_f64()).round() as usize
    }
}

impl Seen {
    fn weight_at(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.last);
        self.weight * (-(passed.div_duration_f64(MEMORY))).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn the_forecast_follows_the_rate_from_early_on() {
        let start = clock::now().monotonic;
        let minute = Duration::from_secs(60);
        let mut demand = Demand::default();
        assert_eq!(demand.forecast(minute, start), 0);
        demand.note(start);
        let after_one = demand.forecast(minute, start);
        assert!((1..=10).contains(&after_one), "{after_one}");
        for number in 0..600_u32 {
            let now = start + Duration::from_millis(500) * number;
            demand.note(now);
            if number >= 20 {
                let forecast = demand.forecast(minute, now);
                assert!((110..=135).contains(&forecast), "{forecast} after {number}");
            }
        }
        let later = start + Duration::from_secs(600);
        assert_eq!(demand.forecast(minute, later), 0, "and goes with it");
    }
}
