//! What all clients of one run share: the service, the time, and the book of what happened.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mobula_auth::emulator::Emulator;
use tokio::time::Instant;

use super::ledger::Ledger;
use super::promises::Verdict;
use super::random::mixed;
use super::tally::{Event, Tally};
use super::weather::{At, Weather, nanoseconds};

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) emulator: Emulator,
    began_at: Instant,
    /// How many violations of the service's rules are accounted for.
    pub(crate) violations_seen: AtomicU64,
    book: Mutex<Book>,
}

/// What comes out of a run.
#[derive(Debug, Default, Clone)]
pub(crate) struct Book {
    pub(crate) tally: Tally,
    pub(crate) breaches: Vec<String>,
    /// The sum of all events, whatever their order within a moment: two runs of one seed have the same.
    pub(crate) digest: u64,
}

/// One client, through all of its restarts and keys.
pub(crate) struct Client {
    pub(crate) number: u64,
    pub(crate) world: Arc<World>,
    pub(crate) weather: Weather,
    /// Names what each call of the token API meets.
    pub(crate) token_calls: AtomicU64,
    /// How often its tokens were revoked by somebody else.
    pub(crate) wipes: AtomicU64,
    /// In nanoseconds since the world began: when the newest request that was served had been sent.
    pub(crate) newest_served: AtomicU64,
    /// Until when the service asked it not to come back.
    pub(crate) retry_after: Mutex<At>,
    /// All that it was ever given.
    pub(crate) sessions: Mutex<Vec<Arc<Session>>>,
}

/// One handle of a client, from its making to its drop.
pub(crate) struct Session {
    pub(crate) client: Arc<Client>,
    ledger: Mutex<Ledger>,
    /// What the handle was built with.
    pub(crate) max_wait: Duration,
    pub(crate) shut_down: AtomicBool,
    pub(crate) generation: AtomicU64,
}

/// More would say the same.
const MOST_BREACHES: usize = 5;

impl World {
    pub(crate) fn new(seed: u64, emulator: Emulator) -> Arc<Self> {
        Arc::new(Self {
            seed,
            emulator,
            began_at: Instant::now(),
            violations_seen: AtomicU64::new(0),
            book: Mutex::default(),
        })
    }

    pub(crate) fn now(&self) -> At {
        self.began_at.elapsed()
    }

    pub(crate) fn since(&self, at: At) -> Duration {
        self.now().saturating_sub(at)
    }

    pub(crate) fn instant(&self, at: At) -> Instant {
        self.began_at + at
    }

    pub(crate) fn check(&self, verdict: Verdict) {
        if let Err(breach) = verdict {
            let now = self.now();
            let mut book = self.book();
            book.tally.breaches += 1;
            if book.breaches.len() < MOST_BREACHES {
                book.breaches.push(format!("at {now:?}: {breach}"));
            }
        }
    }

    /// Counts an event, and makes it part of the digest with its time and two words about it.
    pub(crate) fn note(&self, event: Event, about: [u64; 2]) {
        let at = nanoseconds(self.now());
        let word = mixed(mixed(mixed(at) ^ about[0]) ^ about[1]) ^ event as u64;
        let mut book = self.book();
        book.digest = book.digest.wrapping_add(mixed(word));
        book.tally.count(event);
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// All of its tokens are dead at the service.
    pub(crate) fn revoked_all(&self) {
        self.wipes.fetch_add(1, Ordering::Relaxed);
        for session in &*self.sessions.lock().unwrap() {
            session.ledger().revoke_all();
        }
    }

    /// Whether a request was served that was sent at this time or later.
    pub(crate) fn served_since(&self, at: At) -> bool {
        self.newest_served.load(Ordering::Relaxed) >= nanoseconds(at)
    }

    pub(crate) fn revocation_failed(&self, id: &str) {
        for session in &*self.sessions.lock().unwrap() {
            if let Some(grant) = session.ledger().find_id(id) {
                grant.return_failed = true;
            }
        }
    }

    pub(crate) fn ask_back_at(&self) -> At {
        *self.retry_after.lock().unwrap()
    }

    pub(crate) fn note_retry_after(&self, until: At) {
        let mut retry_after = self.retry_after.lock().unwrap();
        *retry_after = (*retry_after).max(until);
    }
}

impl Session {
    pub(crate) fn new(client: &Arc<Client>, max_wait: Duration) -> Arc<Self> {
        let session = Arc::new(Self {
            client: Arc::clone(client),
            ledger: Mutex::default(),
            max_wait,
            shut_down: false.into(),
            generation: AtomicU64::new(0),
        });
        client.sessions.lock().unwrap().push(Arc::clone(&session));
        session
    }

    pub(crate) fn world(&self) -> &World {
        &self.client.world
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.shut_down.load(Ordering::Relaxed)
    }
}
