//! Randomness that is all from the seed.

use std::time::Duration;

/// `SplitMix64` (Steele, Lea and Flood, 2014): one word of state, the same on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for each name, so that a draw added in one place moves no other.
    ///
    /// What a request meets is drawn by its name (client, number, attempt) and not by its turn: tokio wakes those
    /// who wait for the same thing in an order that no seed decides.
    pub(crate) fn named(seed: u64, name: &[u64]) -> Self {
        let mut random = Self(seed);
        for part in name {
            random.0 = random.word() ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        random
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// From 0.0 up to, and without, 1.0.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn share(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// Both ends included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.word() % (most - least + 1)
    }

    /// Both ends included, each order of magnitude as likely as the others.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a draw need not be exact, and is never negative"
    )]
    pub(crate) fn magnitude(&mut self, least: u64, most: u64) -> u64 {
        let (low, high) = ((least as f64).ln(), ((most + 1) as f64).ln());
        let drawn = (low + (high - low) * self.share()).exp() as u64;
        drawn.clamp(least, most)
    }

    pub(crate) fn milliseconds(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let place = self.between(0, of.len() as u64 - 1);
        &of[usize::try_from(place).unwrap()]
    }
}

/// Spreads a word over all of its bits.
pub(crate) fn mixed(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
