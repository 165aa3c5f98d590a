//! The oracle: which tokens a handle was given, and what it did with them. It asks the engine nothing.

use std::collections::HashMap;
use std::time::Duration;

use mobula_auth::ApiToken;

use super::weather::{At, SECOND};

/// Expiry is told in whole seconds, so a life may look shorter by that.
const ROUNDING: Duration = Duration::from_millis(1_001);

/// One token that the source handed to the engine.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each may be so whatever the others are"
)]
pub(crate) struct Grant {
    pub(crate) id: String,
    /// The create request that brought it.
    pub(crate) batch: u64,
    /// Before it was asked for: what its age counts from.
    pub(crate) asked_at: At,
    pub(crate) given_at: At,
    pub(crate) lifetime: Duration,
    pub(crate) limit: u64,
    /// How often it was sent, whether it arrived or not.
    pub(crate) sends: u64,
    /// Dead by the service's books.
    pub(crate) revoked: bool,
    /// The client was told so (401), rightly or not.
    pub(crate) told_rejected: bool,
    /// The engine gave it back.
    pub(crate) returned: bool,
    /// That did not work, and it is left to expire.
    pub(crate) return_failed: bool,
}

impl Grant {
    /// From this age on it is never sent: the last 3 seconds of its life, or the last sixth.
    pub(crate) fn hard_age(&self) -> Duration {
        self.lifetime
            .saturating_sub((3 * SECOND).min(self.lifetime / 6))
    }

    /// Live, unspent, unrevoked, and not within its last moments, by the service's books and by what the client knows.
    pub(crate) fn is_usable(&self, now: At) -> bool {
        let age = now.saturating_sub(self.asked_at);
        age + ROUNDING < self.hard_age()
            && self.sends < self.limit
            && !self.revoked
            && !self.told_rejected
            && !self.returned
    }
}

/// All tokens of one handle, in the order in which its engine puts them to use.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) grants: Vec<Grant>,
    by_header: HashMap<Vec<u8>, usize>,
    batches: u64,
    /// The place of the newest token that was sent.
    pub(crate) newest_sent: usize,
}

impl Ledger {
    /// The engine was given these. `doubtful`: tokens were revoked while the answer was under way.
    pub(crate) fn give(
        &mut self,
        tokens: &[ApiToken],
        asked_at: At,
        given_at: At,
        asked: (Duration, u64),
        doubtful: bool,
    ) {
        self.batches += 1;
        for token in tokens {
            let header = format!("Bearer {}", token.expose_secret()).into_bytes();
            self.by_header.insert(header, self.grants.len());
            self.grants.push(Grant {
                id: token.id().unwrap_or_default().to_owned(),
                batch: self.batches,
                asked_at,
                given_at,
                lifetime: asked.0,
                limit: asked.1,
                sends: 0,
                revoked: doubtful,
                told_rejected: false,
                returned: false,
                return_failed: false,
            });
        }
    }

    pub(crate) fn find(&self, header: &[u8]) -> Option<usize> {
        self.by_header.get(header).copied()
    }

    pub(crate) fn find_id(&mut self, id: &str) -> Option<&mut Grant> {
        self.grants.iter_mut().rev().find(|grant| grant.id == id)
    }

    /// A token that a request could have been sent with, had the engine looked: of the newest batch, because a newer
    /// one replaces what is left of the one before; and given before this very moment, in which nobody could know.
    pub(crate) fn usable(&self, now: At) -> Option<&Grant> {
        self.grants
            .iter()
            .rev()
            .take_while(|grant| grant.batch == self.batches)
            .find(|grant| grant.given_at < now && grant.is_usable(now))
    }

    pub(crate) fn revoke_all(&mut self) {
        for grant in &mut self.grants {
            grant.revoked = true;
        }
    }
}
