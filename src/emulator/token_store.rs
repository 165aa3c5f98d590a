//! The short-lived tokens that the emulator has issued.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{api_key::KeyIndex, clock::system_time, jwt::Claims};

/// What the emulator knows of one token; never the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenRecord {
    /// The handle that revokes it: a UUID.
    pub id: Arc<str>,
    /// When it stops working, in true time.
    pub expires_at: SystemTime,
    /// How many requests it may make.
    pub request_limit: u64,
    /// How many of those are left.
    pub remaining: u64,
    /// Whether it was revoked, by itself or with its API key.
    pub revoked: bool,
    /// How many data requests have arrived with it, refused ones too.
    pub requests: u64,
}

/// One token; times since the Unix epoch.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) id: Arc<str>,
    pub(super) key: KeyIndex,
    /// In true time, to the nanosecond: what is enforced.
    pub(super) expires_at: Duration,
    /// On the service's own clock: what is said.
    pub(super) claimed_expiry: Duration,
    pub(super) claimed_issue: Duration,
    pub(super) request_limit: u64,
    pub(super) remaining: u64,
    pub(super) revoked: bool,
    pub(super) requests: u64,
}

/// Whether a token may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    Revoked,
    Expired,
    /// Its request limit is used up.
    Exhausted,
}

impl Token {
    pub(super) fn standing(&self, now: Duration) -> Standing {
        if now >= self.expires_at {
            Standing::Expired
        } else if self.revoked {
            Standing::Revoked
        } else if self.remaining == 0 {
            Standing::Exhausted
        } else {
            Standing::Good
        }
    }

    /// Neither expired nor revoked: what the list shows.
    pub(super) fn is_active(&self, now: Duration) -> bool {
        matches!(self.standing(now), Standing::Good | Standing::Exhausted)
    }

    /// Whole seconds, rounded down: the claims never promise more than the record.
    pub(super) fn claims(&self) -> Claims {
        Claims {
            id: self.id.as_ref().to_owned(),
            issued_at: self.claimed_issue.as_secs(),
            expires_at: self.claimed_expiry.as_secs(),
        }
    }

    fn record(&self) -> TokenRecord {
        TokenRecord {
            id: Arc::clone(&self.id),
            expires_at: system_time(self.expires_at),
            request_limit: self.request_limit,
            remaining: self.remaining,
            revoked: self.revoked,
            requests: self.requests,
        }
    }
}

/// A token's place in the store; good for ever, though the token may be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TokenIndex(u64);

/// All tokens in the order of their creation; dead ones are forgotten, oldest first, beyond a bound.
#[derive(Debug, Default)]
pub(super) struct TokenStore {
    tokens: VecDeque<Token>,
    /// The index of the first one in `tokens`.
    first: u64,
    by_id: HashMap<Arc<str>, TokenIndex>,
}

impl TokenStore {
    pub(super) fn add(&mut self, token: Token, now: Duration) {
        while self.tokens.len() >= KEPT
            && self
                .tokens
                .front()
                .is_some_and(|oldest| !oldest.is_active(now))
        {
            if let Some(oldest) = self.tokens.pop_front() {
                self.first += 1;
                self.by_id.remove(&oldest.id);
            }
        }
        let index = TokenIndex(self.first + self.tokens.len() as u64);
        self.by_id.insert(Arc::clone(&token.id), index);
        self.tokens.push_back(token);
    }

    pub(super) fn find(&self, id: &str) -> Option<TokenIndex> {
        self.by_id.get(id).copied()
    }

    pub(super) fn get(&self, index: TokenIndex) -> Option<&Token> {
        self.tokens.get(self.place(index)?)
    }

    pub(super) fn get_mut(&mut self, index: TokenIndex) -> Option<&mut Token> {
        let place = self.place(index)?;
        self.tokens.get_mut(place)
    }

    /// Revokes the tokens of one key, or all.
    pub(super) fn revoke_all(&mut self, of: Option<KeyIndex>) {
        for token in &mut self.tokens {
            token.revoked |= of.is_none_or(|key| key == token.key);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter()
    }

    pub(super) fn records(&self) -> Vec<TokenRecord> {
        self.iter().map(Token::record).collect()
    }

    fn place(&self, index: TokenIndex) -> Option<usize> {
        usize::try_from(index.0.checked_sub(self.first)?).ok()
    }
}

/// Tokens kept before dead ones are forgotten.
const KEPT: usize = 50_000;
