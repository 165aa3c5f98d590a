//! The only place that reads time.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// One moment on two clocks: the monotonic one, which stands still while a Linux machine sleeps, and
/// the wall clock, which does not but can be set.
///
/// tokio's monotonic clock is the standard library's, except where a test has paused it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) monotonic: Instant,
    wall: SystemTime,
}

pub(crate) fn now() -> Moment {
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    Moment {
        monotonic: Instant::now(),
        wall: SystemTime::now(),
    }
}

impl Moment {
    /// The time since an earlier moment, by the clock on which more has passed.
    ///
    /// T1: a suspend shows on the wall clock alone. T2: a wall clock set back shows on neither; one
    /// set forward makes everything look old once, until it is anchored anew.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        monotonic.max(self.wall.duration_since(earlier.wall).unwrap_or_default())
    }

    /// What the clocks of a machine read that slept for so long since.
    #[cfg(all(test, feature = "refresh"))]
    pub(crate) fn after_a_sleep(self, time: Duration) -> Self {
        Self {
            wall: self.wall + time,
            ..self
        }
    }

    /// The wall clock's reading.
    #[cfg(feature = "client")]
    pub(crate) fn wall(self) -> SystemTime {
        self.wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_the_larger_of_both_clocks() {
        let second = Duration::from_secs(1);
        let then = now();
        let later = |monotonic, wall: SystemTime| {
            Moment {
                monotonic: then.monotonic + monotonic,
                wall,
            }
            .since(then)
        };
        assert_eq!(later(3 * second, then.wall + 2 * second), 3 * second);
        assert_eq!(
            later(second, then.wall + 7 * second),
            7 * second,
            "suspended"
        );
        assert_eq!(
            later(second, then.wall - 7 * second),
            second,
            "wall clock set back"
        );
    }
}
