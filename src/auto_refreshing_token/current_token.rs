//! The place of the token that requests are sent with.

use std::sync::Arc;

use super::live_token::LiveToken;
use super::sync::{ArcSwapOption, AtomicU64, Loaded, Ordering};

#[derive(Debug)]
pub(super) struct CurrentToken {
    token: ArcSwapOption<LiveToken>,
    changes: AtomicU64,
}

impl CurrentToken {
    pub(super) fn none() -> Self {
        Self {
            token: ArcSwapOption::empty(),
            changes: AtomicU64::new(0),
        }
    }

    pub(super) fn load(&self) -> Loaded<LiveToken> {
        self.token.load()
    }

    pub(super) fn load_full(&self) -> Option<Arc<LiveToken>> {
        self.token.load_full()
    }

    pub(super) fn swap(&self, token: Option<Arc<LiveToken>>) -> Option<Arc<LiveToken>> {
        let before = self.token.swap(token);
        // After the swap: who sees this count sees that token, or a newer one.
        self.changes.fetch_add(1, Ordering::Release);
        before
    }

    pub(super) fn store(&self, token: Option<Arc<LiveToken>>) {
        drop(self.swap(token));
    }

    /// Counts the changes. While the count stays, so does the token.
    #[inline]
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
}
