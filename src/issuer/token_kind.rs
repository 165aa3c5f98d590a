//! One pair of lifetime and request limit.

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::demand::Demand;
use super::handover::HandedToken;
use super::pool::Pool;
use super::queue::Queue;
use super::refusal::Refusal;
use crate::create_tokens::CreateTokens;

/// All that there is of one pair of lifetime and request limit.
pub(super) struct TokenKind {
    pub(super) size: CreateTokens,
    pub(super) pool: Pool,
    pub(super) queue: Queue<Waiter>,
    pub(super) demand: Demand,
    pub(super) asked_for: u64,
}

/// A caller in line.
pub(super) struct Waiter {
    pub(super) deadline: Instant,
    pub(super) answer: oneshot::Sender<Result<HandedToken, Refusal>>,
}

impl TokenKind {
    pub(super) fn new(size: CreateTokens) -> Self {
        Self {
            size,
            pool: Pool::default(),
            queue: Queue::default(),
            demand: Demand::default(),
            asked_for: 0,
        }
    }
}
