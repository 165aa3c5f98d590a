//! How often tokens may be created.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock;
use crate::error::{Error, Kind};

/// What Mobula counts by: at most 5 create requests a minute for each key (docs.mobula.io, Auth tokens).
pub(super) const MAX_PER_WINDOW: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);

/// Keeps the create requests within their rate, as the server may see it.
///
/// A request may arrive at any time between its start and its end, so it takes up room for all that time and for a
/// window more. Then no rolling window can hold more arrivals than the limit, however slow or broken the network is.
#[derive(Debug, Default)]
pub(super) struct Governor {
    log: Mutex<Log>,
}

/// The room that one create request takes up. Its window starts when this is dropped: after an answer, after an error,
/// and where the caller gave up.
pub(super) struct Permit {
    governor: Arc<Governor>,
}

#[derive(Debug, Default)]
struct Log {
    in_flight: usize,
    ended: VecDeque<Instant>,
    paused_until: Option<Instant>,
}

impl Governor {
    /// Takes up room for one request, or says how long to wait for it.
    pub(super) fn begin(self: &Arc<Self>, limit: u32) -> Result<Permit, Error> {
        let (mut log, now) = self.log();
        let paused = log.pause_left(now);
        let full = log.wait_for_room(limit, now);
        let message = match (paused, full) {
            (None, None) => {
                log.in_flight += 1;
                return Ok(Permit {
                    governor: Arc::clone(self),
                });
            }
            (Some(_), _) => {
                "nothing was sent: Mobula has asked this client to wait before it creates tokens again (429)".into()
            }
            (None, Some(_)) => format!(
                "nothing was sent: this client's own limit of {limit} create requests a minute is used up"
            ),
        };
        Err(Error::new(Kind::RateLimited, message).with_retry_after(paused.max(full)))
    }

    /// For how long [`begin`](Self::begin) says no, at least.
    pub(super) fn wait(&self, limit: u32) -> Option<Duration> {
        let (log, now) = self.log();
        log.pause_left(now).max(log.wait_for_room(limit, now))
    }

    /// How many times in a row [`begin`](Self::begin) would say yes.
    pub(super) fn left(&self, limit: u32) -> u32 {
        let (log, now) = self.log();
        if log.pause_left(now).is_some() {
            return 0;
        }
        limit.saturating_sub(u32::try_from(log.taken()).unwrap_or(u32::MAX))
    }

    /// The log without what is too old to count, and the time at which that is so. The time is read under the lock:
    /// the ends are in order.
    fn log(&self) -> (MutexGuard<'_, Log>, Instant) {
        // No critical section can panic half-way, so a poisoned log is a whole one.
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::now().monotonic;
        while log.ended.front().is_some_and(|&end| now - end >= WINDOW) {
            log.ended.pop_front();
        }
        (log, now)
    }
}

impl Permit {
    /// Lets nobody begin for this long: the server asked for it.
    pub(super) fn pause(&self, time: Duration) {
        let (mut log, now) = self.governor.log();
        log.paused_until = log.paused_until.max(now.checked_add(time));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let (mut log, now) = self.governor.log();
        log.in_flight -= 1;
        log.ended.push_back(now);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

impl Log {
    fn taken(&self) -> usize {
        self.in_flight + self.ended.len()
    }

    fn pause_left(&self, now: Instant) -> Option<Duration> {
        let left = self.paused_until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    fn wait_for_room(&self, limit: u32, now: Instant) -> Option<Duration> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let newest_in_the_way = self.taken().checked_sub(limit)?;
        // What is still in flight leaves one window from now at the earliest.
        let since_its_end = self
            .ended
            .get(newest_in_the_way)
            .map_or(Duration::ZERO, |&end| now - end);
        Some(WINDOW.saturating_sub(since_its_end))
    }
}

#[cfg(test)]
mod tests {
    use std::panic;

    use proptest::prelude::*;
    use tokio::time::advance;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn room_comes_back_a_window_after_the_end_to_the_millisecond() {
        let governor = Arc::new(Governor::default());
        let permit = governor.begin(1).unwrap();
        advance(7_000 * MS).await;
        assert_eq!(governor.wait(1), Some(WINDOW), "in flight: a bound");
        drop(permit);
        advance(59_999 * MS).await;
        let error = governor.begin(1).unwrap_err();
        assert!(error.is_rate_limited());
        assert_eq!(error.retry_after(), Some(MS));
        assert!(
            error.to_string().contains("own limit of 1 create"),
            "{error}"
        );
        advance(MS).await;
        assert_eq!((governor.wait(1), governor.left(1)), (None, 1));
        governor.begin(1).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_end_frees_the_first_room() {
        let governor = Arc::new(Governor::default());
        for left in [4, 3, 2, 1] {
            assert_eq!(governor.left(4), left);
            drop(governor.begin(4).unwrap());
            advance(1_000 * MS).await;
        }
        assert_eq!(governor.left(4), 0);
        assert_eq!(governor.wait(4), Some(56_000 * MS));
        assert_eq!(governor.wait(5), None, "a clone with a higher limit");
        assert_eq!(governor.wait(2), Some(58_000 * MS), "and one with a lower");
        advance(56_000 * MS).await;
        let _in_flight = governor.begin(4).unwrap();
        assert_eq!(governor.wait(4), Some(1_000 * MS));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_the_server_asked_for_is_kept() {
        let governor = Arc::new(Governor::default());
        let permit = governor.begin(4).unwrap();
        permit.pause(90_000 * MS);
        permit.pause(10_000 * MS);
        drop(permit);
        advance(89_999 * MS).await;
        let error = governor.begin(4).unwrap_err();
        assert_eq!(error.retry_after(), Some(MS));
        assert!(error.to_string().contains("Mobula has asked"), "{error}");
        assert_eq!((governor.wait(4), governor.left(4)), (Some(MS), 0));
        advance(MS).await;
        assert_eq!((governor.wait(4), governor.left(4)), (None, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_under_the_lock_stops_nobody() {
        let governor = Arc::new(Governor::default());
        let poisoner = Arc::clone(&governor);
        panic::catch_unwind(panic::AssertUnwindSafe(|| {
            let _log = poisoner.log();
            panic!("poisons the lock");
        }))
        .unwrap_err();
        assert!(governor.begin(4).is_ok());
    }

    proptest! {
        /// R10, whatever the requests do: with the server free to see each request at its start or at its end, no
        /// rolling minute holds more than the limit. And nobody waits in vain: at the time that was named there is room.
        #[test]
        fn no_rolling_minute_holds_more_arrivals_than_the_limit(
            limit in 1..=MAX_PER_WINDOW,
            steps in prop::collection::vec((0..25_000_u64, 0..40_000_u64, any::<bool>()), 1..80),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let arrivals = runtime.block_on(simulate(limit, &steps));
            let most = arrivals
                .iter()
                .map(|&start| arrivals.iter().filter(|&&at| at >= start && at - start < WINDOW).count())
                .max()
                .unwrap_or(0);
            prop_assert!(most <= usize::try_from(limit).unwrap(), "{most} arrivals in a minute");
        }
    }

    /// Each step: a pause before the request, how long it is in flight, and at which of its ends it arrives.
    async fn simulate(limit: u32, steps: &[(u64, u64, bool)]) -> Vec<Instant> {
        let governor = Arc::new(Governor::default());
        let mut arrivals = Vec::new();
        let mut flights = Vec::new();
        for &(pause, flight, late) in steps {
            advance(Duration::from_millis(pause)).await;
            tokio::task::yield_now().await;
            let wait = governor.wait(limit);
            match governor.begin(limit) {
                Ok(permit) => {
                    assert_eq!(wait, None);
                    let now = clock::now().monotonic;
                    let flight = Duration::from_millis(flight);
                    arrivals.push(if late { now + flight } else { now });
                    flights.push(tokio::spawn(async move {
                        tokio::time::sleep(flight).await;
                        drop(permit);
                    }));
                }
                Err(error) => {
                    assert_eq!(error.retry_after(), wait);
                    assert!(wait.is_some_and(|wait| wait > Duration::ZERO && wait <= WINDOW));
                }
            }
        }
        for flight in flights {
            flight.await.unwrap();
        }
        if let Some(wait) = governor.wait(limit) {
            advance(wait).await;
            assert!(
                governor.begin(limit).is_ok(),
                "the wait was {wait:?} and in vain"
            );
        }
        arrivals
    }
}
