//! The only place that reads time.

use std::cell::Cell;
use std::ops::Add;
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

/// For how long a reading of the wall clock is trusted while the monotonic one goes on.
///
/// A machine needs longer than that to fall asleep and to wake up, so a request still sees every suspend before it; and
/// a thread that sends thousands of requests a second reads one clock for each of them, not two.
pub(crate) const WALL_IS_TRUSTED_FOR: Duration = Duration::from_millis(1);

/// The last reading of both clocks, and until when it is trusted.
#[derive(Debug, Clone, Copy)]
struct Last {
    read: Moment,
    trusted_until: Instant,
}

thread_local! {
    static LAST: Cell<Option<Last>> = const { Cell::new(None) };
}

pub(crate) fn now() -> Moment {
    let monotonic = monotonic();
    match LAST.get() {
        Some(last) if last.is_trusted(monotonic) => Moment {
            monotonic,
            ..last.read
        },
        _ => read_both(monotonic),
    }
}

/// A reading of both clocks, however short ago the last one was.
#[cfg(feature = "refresh")]
pub(crate) fn now_by_both() -> Moment {
    read_both(monotonic())
}

/// The monotonic clock alone.
#[inline]
pub(crate) fn monotonic() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    Instant::now()
}

fn read_both(monotonic: Instant) -> Moment {
    let read = Moment {
        monotonic,
        wall: wall_clock(monotonic),
    };
    let trusted_until = monotonic + WALL_IS_TRUSTED_FOR;
    LAST.set(Some(Last {
        read,
        trusted_until,
    }));
    read
}

#[cfg_attr(
    not(test),
    expect(unused_variables, reason = "tests step the wall clock")
)]
fn wall_clock(monotonic: Instant) -> SystemTime {
    #[cfg(test)]
    if let Some(wall) = tests::stepped(monotonic) {
        return wall;
    }
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    SystemTime::now()
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

    /// Whether an end has come, by the clock that is further on.
    pub(crate) fn is_past(self, end: Self) -> bool {
        self.monotonic >= end.monotonic || self.wall >= end.wall
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

impl Last {
    fn is_trusted(&self, monotonic: Instant) -> bool {
        self.read.monotonic <= monotonic && monotonic < self.trusted_until
    }
}

/// Later on both clocks.
impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self {
            monotonic: self.monotonic + time,
            wall: self.wall + time,
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
pub(crate) use tests::step_wall_clock;

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        /// From the first step on, the wall clock goes with the monotonic one, which a test may have paused.
        static STEPPED: Cell<Option<Moment>> = const { Cell::new(None) };
    }

    /// Steps the wall clock, as somebody does who sets it; a suspend shows as a step forward too.
    pub(crate) fn step_wall_clock(seconds: i64) {
        let Moment { monotonic, wall } = now();
        let by = Duration::from_secs(seconds.unsigned_abs());
        let wall = if seconds < 0 { wall - by } else { wall + by };
        STEPPED.set(Some(Moment { monotonic, wall }));
        LAST.set(None);
    }

    pub(super) fn stepped(monotonic: Instant) -> Option<SystemTime> {
        let at = STEPPED.get()?;
        Some(at.wall + monotonic.saturating_duration_since(at.monotonic))
    }

    #[test]
    fn the_wall_clock_is_read_once_in_a_millisecond_of_the_monotonic_one() {
        let read = now_by_both();
        let last = LAST.get().unwrap();
        let after = |microseconds| read.monotonic + Duration::from_micros(microseconds);
        assert!(last.is_trusted(read.monotonic));
        assert!(last.is_trusted(after(999)));
        assert!(!last.is_trusted(after(1_000)));
        let earlier = read.monotonic - Duration::from_micros(1);
        assert!(!last.is_trusted(earlier), "another runtime's clock");
    }

    #[test]
    fn a_step_shows_in_the_next_reading() {
        let (before, hour) = (now(), Duration::from_secs(3_600));
        step_wall_clock(3_600);
        assert!((hour..2 * hour).contains(&now().since(before)));
        step_wall_clock(-7_200);
        assert!(now().since(before) < hour, "set back");
    }

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
