//! How an issuer is doing.

use std::time::Duration;

use super::desk::Desk;
use crate::clock;
use crate::error::Error;

/// How a [`TokenIssuer`](super::TokenIssuer) is doing, at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IssuerStatus {
    /// How many tokens are in stock.
    pub in_stock: usize,
    /// How many callers wait for one.
    pub waiting: usize,
    /// How many tokens callers hold that have not expired.
    pub live: usize,
    /// Of how many subjects it is remembered when they asked.
    pub subjects: usize,
    /// Why the last attempt to create tokens failed, if it did.
    pub last_error: Option<Error>,
    /// When the next attempt may be made, if not now.
    pub next_attempt_in: Option<Duration>,
}

impl Desk {
    pub(super) fn status(&self) -> IssuerStatus {
        let now = clock::now().monotonic;
        let mut state = self.lock();
        state.issued.remove_ended(now);
        let closed = state.gate.closed(now);
        IssuerStatus {
            in_stock: state.kinds.iter().map(|kind| kind.pool.len()).sum(),
            waiting: state.waiting(),
            live: state.issued.len(),
            subjects: state.subjects(),
            last_error: state.gate.last_error().cloned(),
            next_attempt_in: closed.map(|closed| closed.until - now),
        }
    }
}
