//! A service's own copy of the current token: threads that send through clones of one service write to nothing that they
//! share.

use std::sync::Arc;

use http::HeaderValue;
use tokio::time::Instant;

use super::budget::Share;
use super::engine::Engine;
use super::live_token::LiveToken;
use crate::clock::{self, WALL_IS_TRUSTED_FOR};

/// A service that has looked so often for what it may send is worth a copy. One that was cloned for a request is not.
const LOOKS: u32 = 8;

/// A token, its header in bytes of its own, whose count of users is on no other thread's cache line.
pub(super) struct TokenCopy {
    engine: Arc<Engine>,
    live: Arc<LiveToken>,
    header: HeaderValue,
    generation: u64,
    share: Arc<Share>,
    /// The count of the engine's changes when this was current.
    changes: u64,
}

/// The copy of a service, once it has one. A clone of the service starts with it, and gets one of its own if it lives.
#[derive(Default)]
pub(super) struct OwnCopy {
    held: Option<Held>,
    looks: u32,
}

#[derive(Clone)]
struct Held {
    copy: Arc<TokenCopy>,
    /// Until then the token is young, and nobody has to read the wall clock.
    young_until: Instant,
}

impl TokenCopy {
    fn of(engine: &Arc<Engine>, live: Arc<LiveToken>, changes: u64) -> Self {
        Self {
            engine: Arc::clone(engine),
            header: live.token().copy_header(),
            generation: live.generation(),
            share: live.share(),
            live,
            changes,
        }
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn header(&self) -> &HeaderValue {
        &self.header
    }

    #[inline]
    fn take(&self, cost: i64) -> bool {
        self.is_current() && self.live.take_from(&self.share, cost)
    }

    #[inline]
    fn is_current(&self) -> bool {
        self.changes == self.engine.current.changes()
    }
}

impl OwnCopy {
    /// Takes what a request costs. `None`, and nothing is taken, unless there is a copy, of the current token, and fresh.
    #[inline]
    pub(super) fn take(&mut self, engine: &Arc<Engine>, cost: i64) -> Option<Arc<TokenCopy>> {
        if let Some(held) = &self.held {
            if clock::monotonic() < held.young_until && held.copy.take(cost) {
                return Some(Arc::clone(&held.copy));
            }
        }
        self.look(engine, cost)
    }

    /// Looks at both clocks and at the current token, and takes from a copy of it.
    #[cold]
    fn look(&mut self, engine: &Arc<Engine>, cost: i64) -> Option<Arc<TokenCopy>> {
        self.looks = (self.looks + 1).min(LOOKS + 1);
        let is_anothers = self.looks == LOOKS;
        self.held
            .take_if(|held| is_anothers || !held.copy.is_current());
        if self.held.is_none() && self.looks < LOOKS {
            return None;
        }
        let now = clock::now_by_both();
        let changes = engine.current.changes();
        let live = match &self.held {
            Some(held) => Arc::clone(&held.copy.live),
            None => engine.current.load_full()?,
        };
        let soft_end = live.soft_end();
        if now.is_past(soft_end) {
            return None;
        }
        let young_until = soft_end.monotonic.min(now.monotonic + WALL_IS_TRUSTED_FOR);
        let held = self.held.get_or_insert_with(|| Held {
            copy: Arc::new(TokenCopy::of(engine, live, changes)),
            young_until,
        });
        held.young_until = young_until;
        held.copy.take(cost).then(|| Arc::clone(&held.copy))
    }
}

impl Clone for OwnCopy {
    fn clone(&self) -> Self {
        Self {
            held: self.held.clone(),
            looks: 0,
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::api_token::ApiToken;
    use crate::create_tokens::CreateTokens;
    use crate::error::Error;

    /// An engine with a token of an hour, and as many requests as there may be.
    async fn engine() -> Arc<Engine> {
        // From here on, the wall clock goes with the paused one.
        clock::step_wall_clock(0);
        let created = AtomicU32::new(0);
        let source = move |_: CreateTokens| {
            let number = created.fetch_add(1, Ordering::Relaxed);
            async move { Ok::<_, Error>(vec![ApiToken::new(format!("token-{number}"))?]) }
        };
        let auth = super::super::AutoRefreshingToken::builder(source)
            .request_limit(1_000_000)
            .standby(0)
            .build()
            .unwrap();
        auth.refresh().await.unwrap();
        Arc::clone(&auth.engine)
    }

    /// A copy that has sent so much that it is a service's own.
    fn proven(engine: &Arc<Engine>) -> OwnCopy {
        let mut own = OwnCopy::default();
        for look in 1..=LOOKS {
            let now = clock::now();
            assert_eq!(own.take(engine, 1).is_some(), look == LOOKS, "{look}");
            assert!(engine.take(now, 1).is_some());
        }
        own
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_lives_gets_a_copy_and_its_clones_one_of_their_own_later() {
        let engine = engine().await;
        let mut original = proven(&engine);
        let copy = original.take(&engine, 1).unwrap();
        assert_eq!(copy.header(), "Bearer token-0");
        assert!(copy.header().is_sensitive());
        let mut clone = original.clone();
        assert!(Arc::ptr_eq(&copy, &clone.take(&engine, 1).unwrap()));
        for _ in 0..LOOKS {
            tokio::time::advance(Duration::from_millis(1)).await;
            assert!(clone.take(&engine, 1).is_some());
        }
        let own = clone.take(&engine, 1).unwrap();
        assert!(!Arc::ptr_eq(&copy, &own));
        assert_ne!(
            copy.header().as_bytes().as_ptr(),
            own.header().as_bytes().as_ptr()
        );
    }

    /// R9, H6: a copy is used no more from the moment on that its token is not the current one.
    #[tokio::test(start_paused = true)]
    async fn a_copy_of_a_token_that_was_replaced_or_dropped_is_not_used() {
        let engine = engine().await;
        let mut own = proven(&engine);
        assert_eq!(own.take(&engine, 1).unwrap().generation(), 1);
        Arc::clone(&engine).refresh().await.unwrap();
        let new = |_| {
            own.take(&engine, 1)
                .or_else(|| engine.take(clock::now(), 1).and(None))
        };
        let generation = (0..2).find_map(new).unwrap().generation();
        assert_eq!(generation, 2, "once somebody has looked at its budget");
        engine.current.store(None);
        assert!(own.take(&engine, 1).is_none());
    }

    /// T1: a suspend shows in the next millisecond, and so does the end of youth.
    #[tokio::test(start_paused = true)]
    async fn t1_a_copy_ages_as_its_token_does() {
        let engine = engine().await;
        let mut own = proven(&engine);
        let lifetime = engine.settings.create.get_lifetime();
        tokio::time::advance(lifetime * 49 / 100).await;
        assert!(own.take(&engine, 1).is_some());
        clock::step_wall_clock(i64::try_from(lifetime.as_secs()).unwrap() / 2);
        tokio::time::advance(WALL_IS_TRUSTED_FOR).await;
        assert!(own.take(&engine, 1).is_none(), "it slept");
    }

    /// The clock is read once more in a millisecond, and never trusted beyond the soft point.
    #[tokio::test(start_paused = true)]
    async fn a_copy_is_good_until_the_soft_point_to_the_nanosecond() {
        let engine = engine().await;
        let mut own = proven(&engine);
        let soft_end = engine.current.load_full().unwrap().soft_end().monotonic;
        let just_before = soft_end - Duration::from_micros(500);
        tokio::time::advance(just_before - clock::monotonic()).await;
        assert!(own.take(&engine, 1).is_some());
        tokio::time::advance(Duration::from_nanos(499_999)).await;
        assert!(own.take(&engine, 1).is_some());
        tokio::time::advance(Duration::from_nanos(1)).await;
        assert!(own.take(&engine, 1).is_none());
    }
}
