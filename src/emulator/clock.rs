//! The emulator's clock: wall time at creation, moved on by tokio's clock and by hand.
#![expect(
    clippy::disallowed_methods,
    reason = "the emulator has a clock of its own"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// How far the service's own idea of the time is from the true time.
///
/// It shifts what the emulator *says*: the `Date` header, `expiresTimeString`, and the `iat` and `exp` claims.
/// What it *enforces* (expiry, the creation limit) follows the true time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skew {
    /// The service's clock is right.
    #[default]
    None,
    /// The service's clock is ahead of the true time by this much.
    Ahead(Duration),
    /// The service's clock is behind the true time by this much.
    Behind(Duration),
}

impl Skew {
    pub(super) fn apply(self, true_time: Duration) -> Duration {
        match self {
            Self::None => true_time,
            Self::Ahead(by) => true_time.saturating_add(by).min(LATEST),
            Self::Behind(by) => true_time.saturating_sub(by),
        }
    }
}

/// One reading of the clock, since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// What is enforced.
    pub(super) true_time: Duration,
    /// What is claimed.
    pub(super) claimed: Duration,
}

#[derive(Debug)]
pub(super) struct Clock {
    start: Duration,
    started_at: Instant,
    advanced: Duration,
    skew: Skew,
}

impl Clock {
    /// Starts at `start`, cut to whole milliseconds so that every printed instant is exact.
    pub(super) fn starting_at(start: SystemTime) -> Self {
        let start = start.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            start: Duration::new(start.as_secs(), start.subsec_millis() * 1_000_000),
            started_at: Instant::now(),
            advanced: Duration::ZERO,
            skew: Skew::None,
        }
    }

    pub(super) fn now(&self) -> Now {
        let elapsed = Instant::now().saturating_duration_since(self.started_at);
        let true_time = self
            .start
            .saturating_add(elapsed)
            .saturating_add(self.advanced)
            .min(LATEST);
        Now {
            true_time,
            claimed: self.skew.apply(true_time),
        }
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.advanced = self.advanced.saturating_add(by);
    }

    pub(super) fn set_skew(&mut self, skew: Skew) {
        self.skew = skew;
    }

    pub(super) fn skew(&self) -> Skew {
        self.skew
    }
}

/// The system's wall time: the only place that reads it.
pub(super) fn wall_time() -> SystemTime {
    SystemTime::now()
}

pub(super) fn system_time(since_epoch: Duration) -> SystemTime {
    UNIX_EPOCH + since_epoch.min(LATEST)
}

/// ISO 8601 in UTC with milliseconds, the form of JavaScript's `toISOString`.
pub(super) fn iso_8601(since_epoch: Duration) -> String {
    let millis = i64::try_from(since_epoch.min(LATEST).as_millis()).unwrap_or(i64::MAX);
    let timestamp = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    format!("{timestamp:.3}")
}

/// An HTTP date (RFC 9110 section 5.6.7).
pub(super) fn http_date(since_epoch: Duration) -> String {
    httpdate::fmt_http_date(system_time(since_epoch))
}

/// The end of the year 9999 less a day: the last instant that every date format here can print.
const LATEST: Duration = Duration::from_secs(253_402_207_199);
