//! One attempt to get new tokens at a time, owned by nobody who could be cancelled.

use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

#[cfg(not(all(test, loom)))]
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::engine::{Engine, Locked, State};
use super::event::Event;
use super::live_token::{LiveToken, StandbyToken};
use super::policy::Freshness;
use super::settings::Settings;
use crate::api_token::ApiToken;
use crate::clock::{self, Moment};
use crate::error::{Error, Kind};

/// A source that does not answer by then has failed, so that the next attempt can begin.
const DEADLINE: Duration = Duration::from_secs(30);

/// An attempt under way. However it ends (a result, a panic of the source, the end of the runtime that
/// it ran on) it is settled, at the latest by its drop.
struct Attempt {
    engine: Arc<Engine>,
    settled: bool,
}

pub(super) enum Outcome {
    Created {
        tokens: Vec<ApiToken>,
        asked_for_at: Moment,
    },
    Failed(Error),
    /// The runtime went away: nobody's failure, so the next request just begins another attempt (R16).
    Abandoned,
}

impl Engine {
    /// Begins an attempt in a task of its own: no caller's cancellation can lose it (R4). Its future holds
    /// the engine only while it runs (R15).
    pub(super) fn begin_attempt(self: &Arc<Self>, mut state: Locked<'_>) {
        state.attempt_under_way = true;
        self.note_next_attempt(&state);
        // A runtime that is shutting down drops the task on the spot, which takes the lock to settle it.
        drop(state);
        let attempt = Attempt {
            engine: Arc::clone(self),
            settled: false,
        };
        // In a model there is no runtime: a thread of the model plays the attempt, and settles it.
        #[cfg(all(test, loom))]
        return mem::forget(attempt);
        #[cfg(not(all(test, loom)))]
        match Handle::try_current() {
            Ok(runtime) => {
                self.tell(Event::RefreshStarted);
                drop(runtime.spawn(attempt.run()));
            }
            Err(_) => attempt.settle(Outcome::Failed(no_runtime())),
        }
    }

    pub(super) fn settle(self: &Arc<Self>, outcome: Outcome) {
        let now = clock::now();
        let mut state = self.lock();
        state.attempt_under_way = false;
        state.attempts_ended += u64::from(!matches!(outcome, Outcome::Abandoned));
        match outcome {
            Outcome::Created {
                tokens,
                asked_for_at,
            } => self.take_in(&mut state, tokens, asked_for_at, now),
            Outcome::Failed(error) => state.note_failure(error, now),
            Outcome::Abandoned => {}
        }
        state.replacement_wanted = false;
        state.standby_suspect = false;
        self.note_next_attempt(&state);
        drop(state);
        self.announce_change();
    }

    fn take_in(
        self: &Arc<Self>,
        state: &mut State,
        tokens: Vec<ApiToken>,
        asked_for_at: Moment,
        now: Moment,
    ) {
        if state.shut_down {
            state.retired.extend(tokens);
            return;
        }
        let took = now.since(asked_for_at);
        let average = state.creation_takes.unwrap_or(took);
        state.creation_takes = Some((average * 3 + took) / 4);
        let jitter = state.random.f64();
        let Settings { create, policy, .. } = &self.settings;
        let usable: Vec<StandbyToken> = self
            .new_among(tokens, state)
            .into_iter()
            .map(|token| StandbyToken::new(token, create, asked_for_at, policy, jitter))
            .filter(|token| token.freshness(now) != Freshness::Stale)
            .collect();
        if usable.is_empty() {
            // N6: an answer without a usable token is a failed attempt, and what we have stays.
            let error = Error::new(
                Kind::Transient,
                "the token source gave no new token that can still be used",
            );
            state.note_failure(error, now);
            return;
        }
        let made_progress = usable[0].freshness(now) == Freshness::Fresh;
        let live = self.put_to_use(state, usable, now);
        if made_progress {
            state.gate.open();
        } else {
            // C9: a source that hands out tokens near their end must not be asked without a pause.
            let error = Error::new(
                Kind::Transient,
                "the token source gave a token that is near its end",
            );
            state.note_failure(error, now);
        }
        state.tell(Event::Refreshed {
            generation: live.generation(),
            expires_in: live.time_left(now),
            standby: state.standby.len(),
        });
    }

    /// A token that ages by its budget alone is spent before the new ones are used: they stand by for that.
    /// Any other is replaced, and what stood by for it too: it is as old.
    fn put_to_use(
        self: &Arc<Self>,
        state: &mut State,
        mut new: Vec<StandbyToken>,
        now: Moment,
    ) -> Arc<LiveToken> {
        let current = self
            .current
            .load_full()
            .filter(|live| live.ages_by_its_budget_alone(now));
        if let Some(live) = current.filter(|_| !state.replacement_wanted) {
            let due_at = live.due_at();
            live.back_with(new.iter().map(|it| it.backs_until(due_at)).sum());
            state.standby.extend(new);
            return live;
        }
        let first = new.remove(0);
        for unused in mem::replace(&mut state.standby, new.into()) {
            self.retire(state, unused.into_token());
        }
        self.publish(state, first, now)
    }

    /// C9: the tokens that we do not have yet. One that a source hands out twice gets no second life, and one
    /// that is about to be revoked none at all.
    fn new_among(&self, tokens: Vec<ApiToken>, state: &State) -> Vec<ApiToken> {
        let current = self.current.load_full();
        let known = |token: &ApiToken| {
            state.retired.holds(token)
                || current.iter().any(|live| live.token().is_same(token))
                || state
                    .standby
                    .iter()
                    .any(|standby| standby.token().is_same(token))
        };
        let mut new: Vec<ApiToken> = Vec::with_capacity(tokens.len());
        for token in tokens {
            if !known(&token) && !new.iter().any(|other| other.is_same(&token)) {
                new.push(token);
            }
        }
        new
    }
}

impl State {
    fn note_failure(&mut self, error: Error, now: Moment) {
        let random = self.random.f64();
        let next_attempt_in = self.gate.close(now.monotonic, error.clone(), random);
        self.tell(Event::RefreshFailed {
            error,
            next_attempt_in,
        });
    }
}

impl Attempt {
    async fn run(self) {
        // T2, C14: counted from before the request, so that a slow answer cannot lengthen a token's life.
        let asked_for_at = clock::now();
        let created = timeout(
            DEADLINE,
            self.engine.source.create(self.engine.settings.create),
        )
        .await;
        self.settle(match created {
            Ok(Ok(tokens)) => Outcome::Created {
                tokens,
                asked_for_at,
            },
            Ok(Err(error)) => Outcome::Failed(error),
            Err(_) => Outcome::Failed(Error::new(
                Kind::Transient,
                "the token source did not answer within 30 seconds",
            )),
        });
    }

    fn settle(mut self, outcome: Outcome) {
        self.settled = true;
        self.engine.settle(outcome);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        self.engine.settle(if thread::panicking() {
            // R17: the panic ends here; what callers see is an error.
            Outcome::Failed(Error::new(Kind::Transient, "the token source panicked"))
        } else {
            Outcome::Abandoned
        });
    }
}

pub(super) fn no_runtime() -> Error {
    Error::new(
        Kind::Transient,
        "tokens are created on a tokio runtime: send the request from within one",
    )
}
