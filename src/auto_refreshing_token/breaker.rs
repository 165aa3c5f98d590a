//! How often a rejected token may be answered with a new one.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(600);

/// Lets a rejection cause a create request, and then none for 10 s, 1 min, 2 min, ... 10 min (R8).
///
/// A server that answers 401 whatever the token is must not cost a create request per request. While
/// the breaker is tripped, a rejected token stays in place and its 401s go through to the callers;
/// when it is not, the next 401 is the probe. Rejections further apart start over.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    trips: u32,
    tripped_at: Option<Instant>,
}

impl Breaker {
    /// Whether this rejection may cause a create request; if so, it counts.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        let since = self.tripped_at.map(|at| now.saturating_duration_since(at));
        match since {
            Some(since) if since < self.wait() => return false,
            Some(since) if since < self.wait() + LONGEST => {
                self.trips = self.trips.saturating_add(1);
            }
            _ => self.trips = 1,
        }
        self.tripped_at = Some(now);
        true
    }

    fn wait(&self) -> Duration {
        match self.trips {
            0 => Duration::ZERO,
            1 => FIRST,
            trips => SECOND
                .saturating_mul(2_u32.saturating_pow(trips - 2))
                .min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    /// R8: at most 2 in the first minute, and few in a day, however many rejections come.
    #[test]
    fn a_server_that_rejects_everything_is_probed_ever_more_rarely() {
        let start = clock::now().monotonic;
        let mut breaker = Breaker::default();
        let admitted: Vec<u64> = (0..86_400)
            .filter(|second| breaker.admit(start + Duration::from_secs(*second)))
            .collect();
        assert_eq!(admitted[..7], [0, 10, 70, 190, 430, 910, 1_510]);
        assert!(admitted.len() < 160, "{}", admitted.len());
    }

    #[test]
    fn rejections_far_apart_start_over() {
        let start = clock::now().monotonic;
        let mut breaker = Breaker::default();
        for hour in 0..100 {
            assert!(breaker.admit(start + Duration::from_secs(hour * 3_600)));
            assert_eq!(breaker.wait(), FIRST);
        }
    }
}
