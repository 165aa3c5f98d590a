//! When those who are turned away shall come back.

use std::time::Duration;

use tokio::time::Instant;

use super::answer::LONGEST_RETRY;
use super::desk::{Desk, State};
use super::pool::MOST_AT_ONCE;

/// Not all at once: each is given a time of its own, as far from the next as tokens are. Told the same time, ten thousand
/// callers would come again for each hundred tokens, and a hundred of them would not have come in vain.
#[derive(Debug, Default)]
pub(super) struct Appointments {
    next: Option<Instant>,
}

impl Appointments {
    /// How long the next one shall wait: at least as long as `earliest`. `random` is drawn from 0.0..1.0.
    fn give(&mut self, earliest: Duration, apart: Duration, now: Instant, random: f64) -> Duration {
        let earliest = earliest.min(LONGEST_RETRY);
        let wait = self
            .next
            .map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
            .max(earliest);
        if wait > LONGEST_RETRY {
            // Nobody is told to wait for longer, so these share the time of the others.
            return earliest + LONGEST_RETRY.saturating_sub(earliest).mul_f64(random);
        }
        self.next = Some(now + wait + apart);
        wait
    }
}

impl Desk {
    /// How fast tokens can be made, at best.
    pub(super) fn tokens_per_minute(&self) -> u32 {
        let creates = self.source.creates_per_minute().max(1);
        creates.saturating_mul(MOST_AT_ONCE)
    }
}

impl State {
    /// When a caller who is turned away shall come back: after all who wait or have come before it.
    pub(super) fn appointment(&mut self, per_minute: u32, now: Instant) -> Duration {
        self.appointment_after(self.estimate(per_minute, now), per_minute, now)
    }

    pub(super) fn appointment_after(
        &mut self,
        earliest: Duration,
        per_minute: u32,
        now: Instant,
    ) -> Duration {
        let apart = Duration::from_secs(60) / per_minute.max(1);
        let random = self.random.f64();
        self.appointments.give(earliest, apart, now, random)
    }

    /// When there may be a token for one more: after the next attempt, and after those who wait.
    pub(super) fn estimate(&self, per_minute: u32, now: Instant) -> Duration {
        let closed = self.gate.closed(now);
        let gate = closed.map_or(Duration::ZERO, |closed| closed.until - now);
        let waiting = u32::try_from(self.waiting()).unwrap_or(u32::MAX);
        gate + Duration::from_secs(60).mul_f64(f64::from(waiting) / f64::from(per_minute.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_has_a_time_of_its_own_and_nobody_waits_for_too_long() {
        let start = clock::now().monotonic;
        let mut appointments = Appointments::default();
        let mut give = |earliest: u32, now: u32, random| {
            appointments.give(earliest * SECOND, 3 * SECOND, start + now * SECOND, random)
        };
        assert_eq!(give(10, 0, 0.5), 10 * SECOND);
        assert_eq!(give(10, 0, 0.5), 13 * SECOND);
        assert_eq!(give(20, 0, 0.5), 20 * SECOND, "not before there is one");
        assert_eq!(give(0, 5, 0.5), 18 * SECOND, "after the others");
        assert_eq!(give(0, 100, 0.5), Duration::ZERO, "they are over");
        assert_eq!(give(9_999, 100, 0.5), 600 * SECOND);
        assert_eq!(give(0, 100, 0.5), 300 * SECOND, "somewhere in between");
        assert_eq!(give(100, 100, 0.5), 350 * SECOND);
        assert_eq!(give(9_999, 100, 0.5), 600 * SECOND);
    }
}
