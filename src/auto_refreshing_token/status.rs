//! What a handle is doing.

use std::time::Duration;

use super::engine::Engine;
use super::sync::Ordering;
use crate::clock;
use crate::error::Error;

/// A snapshot of an [`AutoRefreshingToken`](super::AutoRefreshingToken), free of secrets.
#[derive(Debug, Clone)]
pub struct Status {
    generation: u64,
    expires_in: Option<Duration>,
    requests_left: Option<u64>,
    standby: usize,
    refreshing: bool,
    waiting: usize,
    withheld: u64,
    creates_left: Option<u32>,
    last_error: Option<Error>,
    next_attempt_in: Option<Duration>,
}

impl Status {
    /// Counts the tokens that were put to use so far; 0 before the first one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// For how long the current token may still be sent; `None` without a token.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    /// How many requests the current token is still good for, by our own count; `None` without a token.
    #[must_use]
    pub fn requests_left(&self) -> Option<u64> {
        self.requests_left
    }

    /// How many tokens stand by.
    #[must_use]
    pub fn standby(&self) -> usize {
        self.standby
    }

    /// Whether new tokens are being asked for.
    #[must_use]
    pub fn is_refreshing(&self) -> bool {
        self.refreshing
    }

    /// How many requests wait for a token.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many requests got no token because their origin may not have one.
    #[must_use]
    pub fn withheld(&self) -> u64 {
        self.withheld
    }

    /// How many create requests may be sent right now; `None` for a source that does not count them.
    #[must_use]
    pub fn creates_left(&self) -> Option<u32> {
        self.creates_left
    }

    /// Why the last attempt to get tokens failed; `None` if it did not.
    #[must_use]
    pub fn last_error(&self) -> Option<&Error> {
        self.last_error.as_ref()
    }

    /// How long no attempt will be made after a failure; `None` if one may be made now.
    #[must_use]
    pub fn next_attempt_in(&self) -> Option<Duration> {
        self.next_attempt_in
    }
}

impl Engine {
    pub(super) fn status(&self) -> Status {
        let now = clock::now();
        let creates_left = self.source.creates_left();
        let state = self.lock();
        let live = self.current.load();
        Status {
            generation: state.generation,
            expires_in: live.as_ref().map(|live| live.time_left(now)),
            requests_left: live.as_ref().map(|live| live.requests_left()),
            standby: state.standby.len(),
            refreshing: state.attempt_under_way,
            waiting: self.waiting.load(Ordering::Relaxed),
            withheld: self.withheld.load(Ordering::Relaxed),
            creates_left,
            last_error: state.gate.last_error().cloned(),
            next_attempt_in: state
                .gate
                .closed(now.monotonic)
                .map(|closed| closed.until - now.monotonic),
        }
    }
}
