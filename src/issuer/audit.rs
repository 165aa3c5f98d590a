//! What the issuer did, told as it does it.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::report::report;
use crate::error::Error;

/// How many events a slow listener may be behind before it misses the oldest.
const KEPT: usize = 1_024;

/// Something that an issuer did; free of secrets, as long as subjects are.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum IssuerEvent {
    /// A caller got a token.
    #[non_exhaustive]
    Issued {
        /// Who.
        subject: Arc<str>,
        /// The id of the token, where its source told one.
        id: Option<Arc<str>>,
        /// For how long it is good.
        expires_in: Duration,
    },
    /// A caller got none, or a request was none that could be answered.
    #[non_exhaustive]
    Refused {
        /// Who, where that is known: who passed the hook.
        subject: Option<Arc<str>>,
        /// The status of the answer.
        status: StatusCode,
        /// The `error` of its body, one of a closed set.
        code: &'static str,
        /// What is behind it and was not told to the caller.
        cause: Option<Error>,
    },
    /// A token that a caller had is revoked, or, with an error, still good.
    #[non_exhaustive]
    Revoked {
        /// Whose it was.
        subject: Arc<str>,
        /// The id of the token, where its source told one.
        id: Option<Arc<str>>,
        /// Why it could not be revoked. It can be tried again, as long as the token lives.
        error: Option<Error>,
    },
    /// Tokens were created.
    #[non_exhaustive]
    Stocked {
        /// How many of them can be handed out.
        tokens: usize,
    },
    /// No tokens were created.
    #[non_exhaustive]
    StockingFailed {
        /// Why.
        error: Error,
        /// When the next attempt may be made.
        next_attempt_in: Duration,
    },
    /// The listener was more than 1,024 events behind, and these are lost to it.
    #[non_exhaustive]
    Missed {
        /// How many.
        events: u64,
    },
}

/// The events of a [`TokenIssuer`](super::TokenIssuer), from when it was subscribed to.
#[derive(Debug)]
pub struct IssuerEvents(broadcast::Receiver<IssuerEvent>);

impl IssuerEvents {
    /// The next event; `None` once the issuer and its clones are gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<IssuerEvent> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(events)) => Some(IssuerEvent::Missed { events }),
            Err(RecvError::Closed) => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Audit(broadcast::Sender<IssuerEvent>);

impl Audit {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }

    pub(super) fn tell(&self, event: IssuerEvent) {
        report(&event);
        // Nobody needs to listen.
        let _ = self.0.send(event);
    }

    pub(super) fn subscribe(&self) -> IssuerEvents {
        IssuerEvents(self.0.subscribe())
    }
}
