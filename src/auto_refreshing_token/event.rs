//! What happens to the tokens, told as it happens.

use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::engine::Engine;
use super::report::report;
use crate::error::Error;

/// How many events a slow listener may be behind before it misses the oldest.
const KEPT: usize = 256;

/// Something that happened to the tokens of an [`AutoRefreshingToken`](super::AutoRefreshingToken); free of secrets.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// New tokens are being asked for.
    RefreshStarted,
    /// New tokens came. The first of them is in use, or, where the one in use had only its budget nearly spent, they
    /// all stand by.
    #[non_exhaustive]
    Refreshed {
        /// The number of the token now in use, among all that were put to use.
        generation: u64,
        /// For how long it may be sent.
        expires_in: Duration,
        /// How many tokens stand by.
        standby: usize,
    },
    /// No new tokens came. What is in use stays in use.
    #[non_exhaustive]
    RefreshFailed {
        /// Why.
        error: Error,
        /// When the next attempt may be made.
        next_attempt_in: Duration,
    },
    /// A token that stood by is in use: the one before was rejected or spent.
    #[non_exhaustive]
    StandbyPromoted {
        /// The number of the token now in use, among all that were put to use.
        generation: u64,
        /// How many tokens stand by.
        standby: usize,
    },
    /// The server did not accept the token in use (401).
    #[non_exhaustive]
    Rejected {
        /// The number of the token, among all that were put to use.
        generation: u64,
    },
    /// A token that was replaced is revoked, or, with an error, left to expire.
    #[non_exhaustive]
    Revoked {
        /// Why it could not be revoked.
        error: Option<Error>,
    },
    /// Requests are sent with the API key for want of a token: the first of them in a row.
    FellBackToApiKey,
    /// The handle was shut down.
    #[non_exhaustive]
    ShutDown {
        /// How many tokens were revoked.
        revoked: usize,
        /// How many are left to expire.
        left: usize,
    },
}

/// The events of an [`AutoRefreshingToken`](super::AutoRefreshingToken), from when it was subscribed to.
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Event>);

impl Events {
    /// The next event; `None` when there will be none. Who is more than 256 events behind misses the oldest.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

pub(super) fn channel() -> broadcast::Sender<Event> {
    broadcast::Sender::new(KEPT)
}

impl Engine {
    pub(super) fn tell(&self, event: Event) {
        report(&event);
        // Nobody needs to listen.
        let _ = self.events.send(event);
    }

    pub(super) fn listen(&self) -> Events {
        Events(self.events.subscribe())
    }
}
