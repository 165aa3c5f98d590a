//! What all clones of a handle share: the current token, and who gets the next one.

use std::collections::VecDeque;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::breaker::Breaker;
use super::current_token::CurrentToken;
use super::event::{self, Event};
use super::gate::{Closed, Gate};
use super::live_token::{Context, LiveToken, StandbyToken, Taken};
use super::policy::Freshness;
use super::retired::Retired;
use super::settings::Settings;
use super::source::AnySource;
use super::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering};
use crate::clock::{self, Moment};
use crate::error::{Error, Kind};

/// While an attempt is under way, and after a shutdown, nobody needs to ask whether one is due.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Engine {
    pub(super) settings: Settings,
    pub(super) source: Arc<dyn AnySource>,
    /// All that the request path reads while a token is fresh.
    pub(super) current: CurrentToken,
    /// Lets aging tokens pass without the lock: the nanoseconds after `started_at` from which on the
    /// next attempt may begin.
    attempt_not_before: AtomicU64,
    started_at: Instant,
    state: Mutex<State>,
    /// Counts every change that could end somebody's wait (R5: a count, so that none is missed).
    changes: watch::Sender<u64>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) waiting: AtomicUsize,
    /// The newest generation that the server has accepted.
    accepted: AtomicU64,
    /// Requests that went out without a token, or not at all, because of their origin.
    pub(super) withheld: AtomicU64,
}

/// What changes rarely, and together.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct State {
    pub(super) standby: VecDeque<StandbyToken>,
    pub(super) generation: u64,
    pub(super) attempt_under_way: bool,
    pub(super) attempts_ended: u64,
    /// Whether somebody asked for another token, however good the current one is.
    pub(super) replacement_wanted: bool,
    /// A moving average, once there was a creation.
    pub(super) creation_takes: Option<Duration>,
    pub(super) gate: Gate,
    pub(super) breaker: Breaker,
    /// Tokens that were rejected one after the other, none of them ever accepted.
    pub(super) rejected_unused: u32,
    pub(super) newest_rejected: u64,
    /// While an attempt is under way, those that stand by are kept for its failure.
    pub(super) standby_suspect: bool,
    pub(super) retired: Retired,
    pub(super) fell_back: bool,
    pub(super) shut_down: bool,
    pub(super) random: fastrand::Rng,
    /// Told as soon as the lock is free: a listener may ask for the status.
    untold: Vec<Event>,
}

/// The state, until this is dropped.
pub(super) struct Locked<'a> {
    engine: &'a Engine,
    state: Option<MutexGuard<'a, State>>,
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
            current: CurrentToken::none(),
            attempt_not_before: AtomicU64::new(0),
            started_at: clock::now().monotonic,
            state: Mutex::new(State {
                standby: VecDeque::new(),
                generation: 0,
                attempt_under_way: false,
                attempts_ended: 0,
                replacement_wanted: false,
                creation_takes: None,
                gate: Gate::default(),
                breaker: Breaker::default(),
                rejected_unused: 0,
                newest_rejected: 0,
                standby_suspect: false,
                retired: Retired::default(),
                fell_back: false,
                shut_down: false,
                random,
                untold: Vec::new(),
            }),
            changes: watch::Sender::new(0),
            events: event::channel(),
            waiting: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            withheld: AtomicU64::new(0),
        }
    }

    /// The request path: one load, one clock reading, one count.
    pub(super) fn take(self: &Arc<Self>, now: Moment, cost: i64) -> Option<Taken> {
        let current = self.current.load();
        let live = current.as_ref()?;
        match live.take(now, cost) {
            Freshness::Fresh => {}
            Freshness::Aging => self.refresh_if_due(now),
            Freshness::Stale => return None,
        }
        Some(live.taken())
    }

    /// The server accepted the token of this generation. All but the first to say so pay for a load.
    #[inline]
    pub(super) fn accepted(&self, generation: u64) {
        if self.accepted.load(Ordering::Relaxed) < generation {
            self.accepted.fetch_max(generation, Ordering::Relaxed);
        }
    }

    pub(super) fn was_accepted(&self, generation: u64) -> bool {
        self.accepted.load(Ordering::Relaxed) >= generation
    }

    /// The slow path, for a request that found no usable token. Starts an attempt if nothing else helps.
    pub(super) fn acquire(self: &Arc<Self>, now: Moment, cost: i64) -> Acquired {
        let mut state = self.lock();
        if state.shut_down {
            return Acquired::ShutDown;
        }
        let current = self.current.load_full();
        if let Some((live, freshness)) = current.and_then(|live| live.taken_by(now, cost)) {
            drop(state);
            return self.acquired(live, freshness, now);
        }
        if state.standby_suspect {
            return Acquired::Attempt;
        }
        let promoted = self.promote_standby(&mut state, now);
        if let Some((live, freshness)) = promoted.and_then(|live| live.taken_by(now, cost)) {
            drop(state);
            return self.acquired(live, freshness, now);
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

    fn acquired(
        self: &Arc<Self>,
        live: Arc<LiveToken>,
        freshness: Freshness,
        now: Moment,
    ) -> Acquired {
        if freshness == Freshness::Aging {
            self.refresh_if_due(now);
        }
        Acquired::Taken(live)
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
                state.tell(Event::StandbyPromoted {
                    generation: live.generation(),
                    standby: state.standby.len(),
                });
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
        state.fell_back = false;
        let before = self.current.load();
        let rate = before
            .as_ref()
            .map(|before| before.requests_per_second(now));
        let context = Context {
            in_use_since: now,
            requests_per_second_before: rate.unwrap_or_default(),
            creation_takes: state.creation_takes.unwrap_or_default(),
        };
        let due_at = token.due_at();
        let backed_by = state.standby.iter().map(|it| it.backs_until(due_at)).sum();
        let live = Arc::new(token.into_live(state.generation, backed_by, context));
        let before = self.current.swap(Some(Arc::clone(&live)));
        if let Some(before) = before.filter(|before| !before.time_left(now).is_zero()) {
            self.retire(state, before.token().clone());
        }
        live
    }

    pub(super) fn lock(&self) -> Locked<'_> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Locked {
            engine: self,
            state: Some(state),
        }
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
    /// Told once for each spell of it.
    pub(super) fn note_fallback(&mut self) {
        if !self.fell_back {
            self.fell_back = true;
            self.tell(Event::FellBackToApiKey);
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.untold.push(event);
    }

    pub(super) fn may_begin_attempt(&self, now: Moment) -> bool {
        !self.shut_down && !self.attempt_under_way && self.gate.closed(now.monotonic).is_none()
    }
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        self.state.as_deref().expect("locked until the drop")
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.state.as_deref_mut().expect("locked until the drop")
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let untold = self
            .state
            .take()
            .map(|mut state| mem::take(&mut state.untold));
        for event in untold.into_iter().flatten() {
            self.engine.tell(event);
        }
    }
}

pub(super) fn shut_down() -> Error {
    Error::new(
        Kind::ShutDown,
        "this AutoRefreshingToken was shut down and sends no more requests",
    )
}
