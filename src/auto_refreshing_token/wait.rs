//! The wait of a request that found no usable token.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::runtime::Handle;

use super::cost::Cost;
use super::engine::{Acquired, Engine, shut_down};
use super::live_token::{LiveToken, Taken};
use super::refresh::no_runtime;
use super::sync::Ordering;
use super::until::until;
use crate::clock;
use crate::error::{Error, Kind};

/// What a request may be sent with.
pub(super) enum Granted {
    Token(Taken),
    ApiKey(HeaderValue),
}

impl Engine {
    /// Takes a token for what is not a request, and waits for one if need be.
    pub(super) async fn lease(self: Arc<Self>) -> Result<Arc<LiveToken>, Error> {
        self.wait(Cost::OF_ONE_REQUEST).await
    }

    /// What a request is sent with that found no usable token: one that it waits for, or the API key, if so set.
    pub(super) async fn grant(self: Arc<Self>, cost: i64) -> Result<Granted, Error> {
        let Some(key) = &self.settings.fallback else {
            return self
                .wait(cost)
                .await
                .map(|live| Granted::Token(live.taken()));
        };
        let key = key.raw_header().clone();
        match Arc::clone(&self).wait(cost).await {
            Ok(live) => Ok(Granted::Token(live.taken())),
            Err(error) if error.is_shut_down() => Err(error),
            Err(_) => {
                self.lock().note_fallback();
                Ok(Granted::ApiKey(key))
            }
        }
    }

    /// Waits for a token, at most `max_wait` (H7).
    ///
    /// A transient failure does not end the wait while the next attempt is due before it is over; a
    /// refusal ends it at once, for everybody (R2, R13).
    async fn wait(self: Arc<Self>, cost: i64) -> Result<Arc<LiveToken>, Error> {
        if Handle::try_current().is_err() {
            return match self.acquire(clock::now(), cost) {
                Acquired::Taken(live) => Ok(live),
                _ => Err(no_runtime()),
            };
        }
        let deadline = clock::now().monotonic + self.settings.max_wait;
        // With the API key to fall back to, no request waits for the source to come back.
        let patient = self.settings.fallback.is_none();
        let mut place = None;
        let mut changes = self.subscribe();
        loop {
            changes.borrow_and_update();
            let now = clock::now();
            let look_again_at = match self.acquire(now, cost) {
                Acquired::Taken(taken) => return Ok(taken),
                Acquired::ShutDown => return Err(shut_down()),
                Acquired::Attempt => deadline,
                Acquired::Closed(closed)
                    if patient && closed.is_worth_waiting() && closed.until < deadline =>
                {
                    closed.until
                }
                Acquired::Closed(closed) => {
                    return Err(no_token(&closed.error, closed.until - now.monotonic));
                }
            };
            // Only who has to wait takes a place: a full waiting room hides no token that stands by.
            if place.is_none() {
                place = Some(Waiter::enter(&self)?);
            }
            // Whatever ends this, the next look tells; the engine, and so the sender, lives as long as we do.
            if until(look_again_at, changes.changed()).await.is_err() {
                return Err(no_runtime());
            }
            if clock::now().monotonic >= deadline {
                return self.last_look(cost);
            }
        }
    }

    /// Waits until the attempt that is under way, or begun for this, has ended. One whose runtime went away
    /// has not: it is begun again on this one.
    pub(super) async fn refresh(self: Arc<Self>) -> Result<(), Error> {
        let mut changes = self.subscribe();
        let ended_before = self.lock().attempts_ended;
        loop {
            changes.borrow_and_update();
            {
                let now = clock::now();
                let mut state = self.lock();
                if state.shut_down {
                    return Err(shut_down());
                }
                if state.attempts_ended > ended_before {
                    return state
                        .gate
                        .last_error()
                        .map_or(Ok(()), |error| Err(error.clone()));
                }
                let begins = !state.attempt_under_way;
                if let Some(closed) = state.gate.closed(now.monotonic).filter(|_| begins) {
                    return Err(no_attempt(&closed.error, closed.until - now.monotonic));
                }
                state.replacement_wanted = true;
                if begins {
                    self.begin_attempt(state);
                }
            }
            // The engine, and so the sender, lives as long as we do.
            let _ = changes.changed().await;
        }
    }

    /// A token that came at the very moment of the deadline is still a token, and so is one that is only
    /// suspected to be dead.
    fn last_look(self: &Arc<Self>, cost: i64) -> Result<Arc<LiveToken>, Error> {
        if mem::take(&mut self.lock().standby_suspect) {
            self.announce_change();
        }
        let now = clock::now();
        match self.acquire(now, cost) {
            Acquired::Taken(taken) => Ok(taken),
            Acquired::ShutDown => Err(shut_down()),
            Acquired::Closed(closed) => Err(no_token(&closed.error, closed.until - now.monotonic)),
            Acquired::Attempt => {
                let message = format!(
                    "no token came within {:?}: still asking",
                    self.settings.max_wait
                );
                Err(Error::new(Kind::Transient, message))
            }
        }
    }
}

/// A place among those who wait, given back however the wait ends.
struct Waiter<'a>(&'a Engine);

impl<'a> Waiter<'a> {
    fn enter(engine: &'a Engine) -> Result<Self, Error> {
        let before = engine.waiting.fetch_add(1, Ordering::Relaxed);
        let waiter = Self(engine);
        if before < engine.settings.max_waiting {
            return Ok(waiter);
        }
        let message = format!("{before} requests wait for a token already, and no more may");
        Err(Error::new(Kind::Transient, message))
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn no_token(cause: &Error, next_attempt_in: Duration) -> Error {
    because("no usable token", cause, next_attempt_in)
}

fn no_attempt(cause: &Error, next_attempt_in: Duration) -> Error {
    because("no refresh for now", cause, next_attempt_in)
}

fn because(what: &str, cause: &Error, next_attempt_in: Duration) -> Error {
    let seconds = next_attempt_in.as_secs_f64();
    let message = format!("{what}, the next attempt is in {seconds:.1} s: {cause}");
    cause
        .reworded(message)
        .with_retry_after(Some(next_attempt_in))
}
