//! Tokens that nobody has yet.

use std::collections::VecDeque;
use std::time::Duration;

use crate::api_token::ApiToken;
use crate::clock::Moment;
use crate::create_tokens::CreateTokens;

/// U7: a token is handed out only while at most this share of its life has passed: one part in five.
const LARGEST_AGE: u32 = 5;

/// What one create request brings at most.
pub(super) const MOST_AT_ONCE: u32 = 25;

/// A token that nobody has yet, and since when it lives.
#[derive(Debug, Clone)]
pub(super) struct PooledToken {
    pub(super) token: ApiToken,
    asked_for_at: Moment,
    lifetime: Duration,
}

impl PooledToken {
    pub(super) fn new(token: ApiToken, size: CreateTokens, asked_for_at: Moment) -> Self {
        let lifetime = size.get_lifetime();
        Self {
            lifetime: token.lifetime().map_or(lifetime, |told| told.min(lifetime)),
            token,
            asked_for_at,
        }
    }

    pub(super) fn may_be_handed_out(&self, now: Moment) -> bool {
        now.since(self.asked_for_at) <= self.lifetime / LARGEST_AGE
    }

    pub(super) fn time_left(&self, now: Moment) -> Duration {
        self.lifetime.saturating_sub(now.since(self.asked_for_at))
    }
}

/// The stock of one kind of token, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Pool {
    stock: VecDeque<PooledToken>,
}

impl Pool {
    pub(super) fn len(&self) -> usize {
        self.stock.len()
    }

    pub(super) fn push(&mut self, token: PooledToken) {
        self.stock.push_back(token);
    }

    /// Takes one back that was handed to nobody in the end. It is among the oldest.
    pub(super) fn put_back(&mut self, token: PooledToken) {
        self.stock.push_front(token);
    }

    pub(super) fn pop(&mut self) -> Option<PooledToken> {
        self.stock.pop_front()
    }

    /// Takes out those that may not be handed out any more.
    pub(super) fn remove_aged(&mut self, now: Moment) -> Vec<ApiToken> {
        let mut aged = Vec::new();
        self.stock.retain(|token| {
            let stays = token.may_be_handed_out(now);
            if !stays {
                aged.push(token.token.clone());
            }
            stays
        });
        aged
    }

    pub(super) fn remove_all(&mut self) -> Vec<ApiToken> {
        self.stock.drain(..).map(|token| token.token).collect()
    }
}

/// For how long a stock can be of use: longer than that, none of it may be handed out.
pub(super) fn shelf_life(size: CreateTokens) -> Duration {
    size.get_lifetime() / LARGEST_AGE
}

/// How many tokens to ask for.
///
/// As many as are waited for and forecast, less those in stock. One of the last create requests of the minute brings all
/// that it can: tokens cost nothing, create requests are what there is too little of.
pub(super) fn batch(
    waiting: usize,
    forecast: usize,
    stock: usize,
    capacity: usize,
    creates_left: Option<u32>,
) -> u32 {
    let room = capacity.saturating_add(waiting).saturating_sub(stock);
    let wanted = match creates_left {
        Some(0..=2) => room,
        _ => (waiting + forecast).saturating_sub(stock),
    };
    let wanted = wanted.min(room).clamp(1, MOST_AT_ONCE as usize);
    u32::try_from(wanted).unwrap_or(MOST_AT_ONCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn u7_a_token_is_handed_out_with_four_fifths_of_its_life() {
        let size = CreateTokens::default(); // an hour
        let made = clock::now();
        let token = |lifetime| {
            let token = ApiToken::new("token").unwrap();
            let token = match lifetime {
                Some(seconds) => token.with_lifetime(Duration::from_secs(seconds)),
                None => token,
            };
            PooledToken::new(token, size, made)
        };
        let at = |seconds| made.after_a_sleep(Duration::from_secs(seconds));
        for (lifetime, last) in [
            (None, 720),
            (Some(3_600), 720),
            (Some(7_200), 720),
            (Some(100), 20),
        ] {
            let token = token(lifetime);
            assert!(token.may_be_handed_out(at(last)), "{lifetime:?}");
            assert!(!token.may_be_handed_out(at(last + 1)), "{lifetime:?}");
        }
        assert_eq!(token(Some(100)).time_left(at(20)), Duration::from_secs(80));
        let mut pool = Pool::default();
        pool.push(token(Some(100)));
        pool.push(token(None));
        assert_eq!(pool.remove_aged(at(21)).len(), 1);
        assert_eq!(
            (pool.len(), pool.remove_aged(at(721)).len(), pool.len()),
            (1, 1, 0)
        );
    }

    #[test]
    fn a_batch_is_what_is_wanted_within_its_bounds() {
        for (waiting, forecast, stock, capacity, left, expected) in [
            (1, 0, 0, 100, None, 1),
            (1, 7, 0, 100, Some(4), 8),
            (0, 7, 5, 100, Some(4), 2),
            (0, 7, 9, 100, Some(4), 1),
            (30, 7, 0, 100, Some(4), 25),
            (1, 0, 0, 100, Some(2), 25),
            (1, 0, 0, 10, Some(1), 11),
            (0, 50, 90, 100, Some(1), 10),
            (0, 50, 100, 100, Some(1), 1),
            (3, 500, 0, 0, None, 3),
            (3, 0, 0, usize::MAX, Some(1), 25),
        ] {
            let batch = batch(waiting, forecast, stock, capacity, left);
            assert_eq!(batch, expected, "{waiting} {forecast} {stock} {capacity}");
        }
    }
}
