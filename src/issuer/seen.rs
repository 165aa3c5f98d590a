//! Which tokens have been here before.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;

use lru::LruCache;

use crate::api_token::ApiToken;

/// More than all create requests of a day bring.
const MOST: NonZeroUsize = NonZeroUsize::new(5 * 25 * 60 * 24).unwrap();

/// A source that gives the same token twice must not make two subjects share it, whatever became of it the first time.
///
/// Kept are keyed hashes of 8 bytes, and no token.
#[derive(Debug)]
pub(super) struct Seen {
    hashes: LruCache<u64, ()>,
    keyed: RandomState,
}

impl Seen {
    /// Whether the token is new; from now on it is not.
    pub(super) fn is_new(&mut self, token: &ApiToken) -> bool {
        let hash = self.keyed.hash_one(token.expose_secret());
        if self.hashes.len() >= MOST.get() {
            self.hashes.pop_lru();
        }
        self.hashes.put(hash, ()).is_none()
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            hashes: LruCache::unbounded(),
            keyed: RandomState::new(),
        }
    }
}
