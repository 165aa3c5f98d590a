//! A token for what is not an HTTP request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::live_token::LiveToken;
use super::until::until;
use crate::api_token::ApiToken;
use crate::clock;

/// A suspend stops tokio's timers: after one, this is how late an expiry is noticed at most.
const HOP: Duration = Duration::from_secs(30);

/// A token on loan, for what is not an HTTP request, such as a websocket whose messages carry it.
///
/// It counts as one request of the token's budget. [`expired`](Self::expired) tells when to take another one, and to open the
/// next websocket with it; `examples/websocket_prices.rs` does so. Mobula takes the token raw, without `Bearer`, in the
/// member `authorization` of each message.
#[derive(Clone)]
pub struct TokenLease {
    engine: Arc<Engine>,
    live: Arc<LiveToken>,
}

impl TokenLease {
    pub(super) fn new(engine: Arc<Engine>, live: Arc<LiveToken>) -> Self {
        Self { engine, live }
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &ApiToken {
        self.live.token()
    }

    /// The token's number among all that were put to use.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.live.generation()
    }

    /// For how long the token may still be sent.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.live.time_left(clock::now())
    }

    /// Waits until the token should be used no more: another one took its place, it was rejected or
    /// revoked, or its time is nearly over.
    ///
    /// Who waits here keeps the token fresh as a request would: when it ages, a refresh is begun. A
    /// replaced token goes on working for the revocation grace (30 seconds by default), time to reopen.
    ///
    /// Outside of a tokio runtime, where nobody tells the time, it does not wait.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing; a new one goes on waiting.
    pub async fn expired(&self) {
        let mut changes = self.engine.subscribe();
        loop {
            changes.borrow_and_update();
            let now = clock::now();
            if !self.is_current() || self.live.time_left(now).is_zero() {
                return;
            }
            let mut look_again_in = self.live.time_fresh(now);
            if look_again_in.is_zero() {
                self.engine.refresh_if_due(now);
                look_again_in = self.live.time_left(now).min(Duration::from_secs(1));
            }
            // Whatever ends this, there is something to look at again.
            let look_again_at = now.monotonic + look_again_in.min(HOP);
            if until(look_again_at, changes.changed()).await.is_err() {
                return;
            }
        }
    }

    fn is_current(&self) -> bool {
        self.engine
            .current
            .load()
            .as_ref()
            .is_some_and(|live| live.generation() == self.generation())
    }
}

impl fmt::Debug for TokenLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenLease")
            .field("token", self.token())
            .field("generation", &self.generation())
            .finish()
    }
}
