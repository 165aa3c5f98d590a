//! What all clones of a handle share: the current token, and who gets the next one.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tokio::time::Instant;

use super::breaker::Breaker;
use super::gate::{Closed, Gate};
use super::live_token::{LiveToken, StandbyToken, Taken};
use super::policy::Freshness;
use super::retired::Retired;
use super::settings::Settings;
use super::source::AnySource;
use crate::clock::{self, Moment};
use crate::error::{Error, Kind};
use crate::observe;

/// While an attempt is under way, and after a shutdown, nobody needs to ask whether one is due.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Engine {
    pub(super) settings: Settings,
    pub(super) source: Arc<dyn AnySource>,
    /// All that the request path reads while a token is fresh.
    pub(super) current: ArcSwapOption<LiveToken>,
    /// Lets aging tokens pass without the lock: the nanoseconds after `started_at` from which on the
    /// next attempt may begin.
    attempt_not_before: AtomicU64,
    started_at: Instant,
    state: Mutex<State>,
    /// Counts every change that could end somebody's wait (R5: a count, so that none is missed).
    changes: watch::Sender<u64>,
    pub(super) waiting: AtomicUsize,
    /// Requests that went out without a token, or not at all, because of their origin.
    pub(super) withheld: AtomicU64,
}

/// What changes rarely, and together.
#[derive(Debug)]
pub(super) struct State {
    pub(super) standby: VecDeque<StandbyToken>,
    pub(super) generation: u64,
    pub(super) attempt_under_way: bool,
    pub(super) attempts_ended: u64,
    pub(super) gate: Gate,
    pub(super) breaker: Breaker,
    pub(super) retired: Retired,
    pub(super) shut_down: bool,
    pub(super) random: fastrand::Rng,
}

/// What there is for a request that found no usable token.
pub(super) enum Acquired {
    /// A token after all.
    Taken(Arc<LiveToken>),
    /// An attempt that is under way.
    Attempt,
    /// A gate that is closed after a failure.
    Closed(Closed),
    /// The end.
    ShutDown,
}

impl Engine {
    pub(super) fn new(source: Arc<dyn AnySource>, settings: Settings) -> Self {
        let random = settings
            .jitter_seed
            .map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Self {
            settings,
            source,
            current: ArcSwapOption::empty(),
            attempt_not_before: AtomicU64::new(0),
            started_at: clock::now().monotonic,
            state: Mutex::new(State {
                standby: VecDeque::new(),
                generation: 0,
                attempt_under_way: false,
                attempts_ended: 0,
                gate: Gate::default(),
                breaker: Breaker::default(),
                retired: Retired::default(),
                shut_down: false,
                random,
            }),
            changes: watch::Sender::new(0),
            waiting: AtomicUsize::new(0),
            withheld: AtomicU64::new(0),
        }
    }

    /// The request path: one load, one clock reading, one count.
    pub(super) fn take(self: &Arc<Self>, now: Moment) -> Option<Taken> {
        let current = self.current.load();
        let live = current.as_ref()?;
        match live.take(now) {
            Freshness::Fresh => {}
            Freshness::Aging => self.refresh_if_due(now),
            Freshness::Stale => return None,
        }
        Some(live.taken())
    }

    /// The slow path, for a request that found no usable token. Starts an attempt if nothing else helps.
    pub(super) fn acquire(self: &Arc<Self>, now: Moment) -> Acquired {
        let mut state = self.lock();
        if state.shut_down {
            return Acquired::ShutDown;
        }
        if let Some(live) = self
            .current
            .load_full()
            .filter(|live| live.take(now) != Freshness::Stale)
        {
            return Acquired::Taken(live);
        }
        if let Some(live) = self.promote_standby(&mut state, now) {
            live.take(now);
            return Acquired::Taken(live);
        }
        if state.attempt_under_way {
            return Acquired::Attempt;
        }
        if let Some(closed) = state.gate.closed(now.monotonic) {
            return Acquired::Closed(closed.clone());
        }
        self.begin_attempt(state);
        Acquired::Attempt
    }

    /// The request that notices that a token ages starts the attempt, and does not wait for it.
    pub(super) fn refresh_if_due(self: &Arc<Self>, now: Moment) {
        if self.nanoseconds(now.monotonic) < self.attempt_not_before.load(Ordering::Relaxed) {
            return;
        }
        let state = self.lock();
        let still_aging = self
            .current
            .load()
            .as_ref()
            .is_some_and(|live| live.freshness(now) != Freshness::Fresh);
        if still_aging && state.may_begin_attempt(now) {
            self.begin_attempt(state);
        }
    }

    /// Puts the first usable standby token in the current one's place, without any network.
    pub(super) fn promote_standby(
        self: &Arc<Self>,
        state: &mut State,
        now: Moment,
    ) -> Option<Arc<LiveToken>> {
        while let Some(standby) = state.standby.pop_front() {
            if standby.freshness(now) != Freshness::Stale {
                let live = self.publish(state, standby, now);
                observe::standby_promoted(live.generation(), state.standby.len());
                return Some(live);
            }
        }
        None
    }

    /// Makes a token the current one. The one before is retired, unless its time is over anyway.
    pub(super) fn publish(
        self: &Arc<Self>,
        state: &mut State,
        token: StandbyToken,
        now: Moment,
    ) -> Arc<LiveToken> {
        state.generation += 1;
        let live = Arc::new(token.into_live(state.generation, !state.standby.is_empty()));
        let before = self.current.swap(Some(Arc::clone(&live)));
        if let Some(before) = before.filter(|before| !before.time_left(now).is_zero()) {
            self.retire(state, before.token().clone());
        }
        live
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called with the lock held, after each change to what decides about the next attempt.
    pub(super) fn note_next_attempt(&self, state: &State) {
        let not_before = if state.attempt_under_way || state.shut_down {
            NEVER
        } else {
            state
                .gate
                .closed_until()
                .map_or(0, |until| self.nanoseconds(until))
        };
        self.attempt_not_before.store(not_before, Ordering::Relaxed);
    }

    /// Wakes everybody who waits, to look again.
    pub(super) fn announce_change(&self) {
        self.changes
            .send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn nanoseconds(&self, at: Instant) -> u64 {
        let nanoseconds = at.saturating_duration_since(self.started_at).as_nanos();
        u64::try_from(nanoseconds).unwrap_or(NEVER - 1)
    }
}

impl State {
    pub(super) fn may_begin_attempt(&self, now: Moment) -> bool {
        !self.shut_down && !self.attempt_under_way && self.gate.closed(now.monotonic).is_none()
    }
}

pub(super) fn shut_down() -> Error {
    Error::new(
        Kind::ShutDown,
        "this AutoRefreshingToken was shut down and sends no more requests",
    )
}
