//! How often a rejected token may be answered with a new one.

use std::time::Duration;

use tokio::time::Instant;

const AFTER_ONE: Duration = Duration::from_secs(10);
const AFTER_MORE: Duration = Duration::from_secs(60);

/// Lets a rejection cause a create request, then another after 10 s, and from then on one a minute (R8).
///
/// A server that answers 401 whatever the token is must not cost a create request per request. While the
/// breaker is tripped, a rejected token stays in place and its 401s go through to the callers; when it is
/// not, the next 401 is the probe. A minute without any starts over. No wait is longer than that minute,
/// so that tokens which are revoked again and again are replaced within it (H9).
#[derive(Debug, Clone, Default)]
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
            Some(since) if since < self.wait() + AFTER_MORE => {
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
            1 => AFTER_ONE,
            _ => AFTER_MORE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    /// R8: at most 2 in the first minute and 60 in an hour, however many rejections come.
    #[test]
    fn a_server_that_rejects_everything_is_probed_once_a_minute() {
        let start = clock::now().monotonic;
        let mut breaker = Breaker::default();
        let admitted: Vec<u64> = (0..3_600)
            .filter(|second| breaker.admit(start + Duration::from_secs(*second)))
            .collect();
        assert_eq!(admitted[..5], [0, 10, 70, 130, 190]);
        assert!(admitted.len() <= 61, "{}", admitted.len());
    }

    #[test]
    fn rejections_far_apart_start_over() {
        let start = clock::now().monotonic;
        let mut breaker = Breaker::default();
        for number in 0..100 {
            assert!(breaker.admit(start + Duration::from_secs(number * 130)));
            assert_eq!(breaker.wait(), AFTER_ONE);
        }
    }
}
