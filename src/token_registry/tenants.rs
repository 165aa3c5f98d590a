//! Who has tokens, and who had until a moment ago.

use std::hash::RandomState;
use std::mem;
use std::time::Duration;

use lru::LruCache;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::departures;
use super::tenant_key::TenantKey;
use crate::auto_refreshing_token::AutoRefreshingToken;
use crate::clock;
use crate::error::{Error, Kind};

/// H3: how long a tenant that has gone is remembered, so that its create requests still count when it comes back. The last
/// of them may begin when its tokens are shut down, takes up to 30 seconds, and counts for 60 more.
const REMEMBERED: Duration = departures::LONGEST_USE
    .saturating_add(Duration::from_secs(30))
    .saturating_add(Duration::from_secs(60));

/// At least so many of them are remembered at a time.
const FEWEST_REMEMBERED: usize = 1_024;

type Map<T> = LruCache<TenantKey, T, RandomState>;

/// A tenant's handle, and who had to make room for it.
pub(super) type Found = (AutoRefreshingToken, Displaced);

pub(super) struct Tenants {
    capacity: usize,
    live: Map<AutoRefreshingToken>,
    /// Those that have gone, the longest gone first to be popped.
    gone: Map<Gone>,
    /// The task that forgets them.
    pub(super) forgetting: Option<AbortHandle>,
    is_shut_down: bool,
}

pub(super) struct Gone {
    /// Without tokens; what the tenant gets if it comes back.
    successor: AutoRefreshingToken,
    forgotten_at: Instant,
}

/// What a new tenant has displaced. To be dropped with the lock free: a source is somebody else's code.
#[derive(Default)]
pub(super) struct Displaced {
    pub(super) evicted: Option<AutoRefreshingToken>,
    #[expect(dead_code, reason = "there to be dropped")]
    forgotten: Vec<Gone>,
}

impl Tenants {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            live: map(),
            gone: map(),
            forgetting: None,
            is_shut_down: false,
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// A tenant that is here, or has gone a moment ago and comes back; it is now the most recently used one.
    pub(super) fn find(&mut self, key: &TenantKey) -> Result<Option<Found>, Error> {
        if self.is_shut_down {
            return Err(shut_down());
        }
        if let Some(auth) = self.live.get(key) {
            return Ok(Some((auth.clone(), Displaced::default())));
        }
        let back = self.gone.pop(key).map(|gone| gone.successor);
        Ok(back.map(|auth| (auth.clone(), self.add(key.clone(), auth))))
    }

    /// Adds a new tenant, unless another request was quicker: then what that one has is everybody's.
    pub(super) fn find_or_add(
        &mut self,
        key: TenantKey,
        made: &AutoRefreshingToken,
    ) -> Result<Found, Error> {
        if let Some(found) = self.find(&key)? {
            return Ok(found);
        }
        let displaced = self.add(key, made.clone());
        Ok((made.clone(), displaced))
    }

    /// The least recently used tenant goes if there is no room.
    fn add(&mut self, key: TenantKey, auth: AutoRefreshingToken) -> Displaced {
        let displaced = if self.live.len() >= self.capacity {
            let evicted = self.live.pop_lru();
            evicted.map(|(key, evicted)| self.remember(key, evicted))
        } else {
            None
        };
        self.live.put(key, auth);
        displaced.unwrap_or_default()
    }

    pub(super) fn remove(&mut self, key: &TenantKey) -> Displaced {
        let removed = self.live.pop_entry(key);
        let displaced = removed.map(|(key, removed)| self.remember(key, removed));
        displaced.unwrap_or_default()
    }

    /// Everybody goes, and nobody comes back. With those that went before, who are to be dropped.
    pub(super) fn close(&mut self) -> (Map<AutoRefreshingToken>, Map<Gone>) {
        self.is_shut_down = true;
        (
            mem::replace(&mut self.live, map()),
            mem::replace(&mut self.gone, map()),
        )
    }

    /// Forgets those whose time is over, and says when the next one's is.
    pub(super) fn forget(&mut self) -> (Vec<Gone>, Option<Instant>) {
        let now = clock::now().monotonic;
        let mut forgotten = Vec::new();
        while let Some(due) = self.gone.peek_lru().map(|(_, gone)| gone.forgotten_at) {
            if now < due {
                return (forgotten, Some(due));
            }
            forgotten.extend(self.gone.pop_lru().map(|(_, gone)| gone));
        }
        (forgotten, None)
    }

    fn remember(&mut self, key: TenantKey, evicted: AutoRefreshingToken) -> Displaced {
        let (mut forgotten, _) = self.forget();
        if self.gone.len() >= self.capacity.max(FEWEST_REMEMBERED) {
            forgotten.extend(self.gone.pop_lru().map(|(_, gone)| gone));
        }
        let gone = Gone {
            successor: evicted.successor(),
            forgotten_at: clock::now().monotonic + REMEMBERED,
        };
        self.gone.put(key, gone);
        Displaced {
            evicted: Some(evicted),
            forgotten,
        }
    }
}

fn map<T>() -> Map<T> {
    LruCache::unbounded_with_hasher(RandomState::new())
}

fn shut_down() -> Error {
    Error::new(
        Kind::ShutDown,
        "this TokenRegistry was shut down and sends no more requests",
    )
}
