//! What is known of the run, and by whom: nothing of it comes from the registry.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, UNIX_EPOCH};

use mobula_auth::ApiKey;
use mobula_auth::emulator::{Emulator, Plan};
use tokio::time::Instant;

use super::random::mixed;

const MINUTE: Duration = Duration::from_secs(60);
/// What Mobula allows a key (docs.mobula.io, Auth tokens).
const CREATES_A_MINUTE: usize = 5;
/// How many breaches are told in words.
const TOLD: usize = 20;

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) emulator: Emulator,
    pub(crate) keys: Vec<ApiKey>,
    tenant_of_key: HashMap<String, usize>,
    ledger: Mutex<Ledger>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    /// For whose key the service made a token, by the value of its `Authorization` header.
    owner: HashMap<Box<[u8]>, usize>,
    /// The ids of the newest tokens, to revoke some.
    pub(crate) newest: Vec<String>,
    creates: HashMap<usize, Vec<Instant>>,
    pub(crate) served: BTreeSet<usize>,
    pub(crate) book: Book,
}

/// What happened; equal for equal seeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Book {
    pub(crate) breaches: Vec<String>,
    /// Requests that arrived with a token.
    pub(crate) arrived: u64,
    pub(crate) answered: u64,
    pub(crate) rejected: u64,
    pub(crate) mishaps: u64,
    /// Requests that failed because the tenant's create requests were used up.
    pub(crate) rate_limited: u64,
    pub(crate) transient: u64,
    pub(crate) given_up: u64,
    pub(crate) creates: u64,
    pub(crate) tokens: u64,
    pub(crate) revoked: u64,
    pub(crate) revoked_in_use: u64,
    /// How often a tenant that was evicted came back after it was forgotten.
    pub(crate) came_anew: u64,
    pub(crate) tenants_served: usize,
    pub(crate) seconds: u64,
    /// Of all arrivals and their times, in whatever order within a millisecond.
    pub(crate) digest: u64,
}

impl World {
    pub(crate) fn new(seed: u64, tenants: usize) -> Self {
        let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let emulator = Emulator::builder().start_at(start).build();
        let mut keys = vec![emulator.api_key()];
        keys.extend((1..tenants).map(|_| emulator.add_api_key(Plan::Growth)));
        Self {
            seed,
            emulator,
            tenant_of_key: keys.iter().cloned().zip(0..).collect(),
            keys: keys.iter().map(|key| ApiKey::new(key).unwrap()).collect(),
            ledger: Mutex::default(),
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// The end of a stage, to which so many tenants came.
    pub(crate) fn note_stage(&self, came: u64, stayed: usize, capacity: usize) {
        let mut ledger = self.ledger();
        ledger.book.came_anew += came.saturating_sub(stayed as u64);
        if stayed > capacity {
            ledger.breach(format!("R20: {stayed} tenants, and room for {capacity}"));
        }
    }

    /// Whose key this is.
    pub(crate) fn tenant_of(&self, key: &str) -> usize {
        self.tenant_of_key[key]
    }
}

impl Ledger {
    pub(crate) fn breach(&mut self, breach: String) {
        if self.book.breaches.len() < TOLD {
            self.book.breaches.push(breach);
        }
    }

    /// H3, where create requests arrive.
    pub(crate) fn create_arrives(&mut self, tenant: usize) {
        self.book.creates += 1;
        let now = Instant::now();
        let creates = self.creates.entry(tenant).or_default();
        creates.retain(|at| now.duration_since(*at) < MINUTE);
        creates.push(now);
        let count = creates.len();
        if count > CREATES_A_MINUTE {
            self.breach(format!(
                "H3: {count} create requests of tenant {tenant} in a minute"
            ));
        }
    }

    /// The service has made a token for this tenant's key.
    pub(crate) fn made(&mut self, tenant: usize, token: &str, id: &str) {
        self.book.tokens += 1;
        let header = format!("Bearer {token}").into_bytes();
        self.owner.insert(header.into(), tenant);
        self.newest.push(id.to_owned());
        if self.newest.len() > 128 {
            self.newest.remove(0);
        }
    }

    /// L8, where requests arrive: the token is one that was made for this tenant's key.
    pub(crate) fn data_arrives(
        &mut self,
        tenant: usize,
        authorization: &[u8],
        name: &[u64; 3],
        at: Duration,
    ) {
        self.book.arrived += 1;
        let at = u64::try_from(at.as_millis()).unwrap();
        let arrival = name.iter().fold(at, |sum, part| mixed(sum ^ part));
        self.book.digest = self.book.digest.wrapping_add(arrival);
        match self.owner.get(authorization) {
            Some(owner) if *owner == tenant => {
                self.served.insert(tenant);
            }
            Some(owner) => {
                let owner = *owner;
                self.breach(format!(
                    "L8: a request of tenant {tenant} carries a token of {owner}"
                ));
            }
            None => self.breach(format!(
                "L8: a request of tenant {tenant} carries what the service made for nobody"
            )),
        }
    }
}
