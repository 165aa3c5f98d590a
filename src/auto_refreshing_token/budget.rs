//! What is left of a token's request limit, counted once per request by all threads together.

use std::sync::{Arc, OnceLock};

use super::sync::{AtomicI64, AtomicUsize, Ordering};

/// How often, in the life of a token, somebody looks whether what is left still lasts.
const LOOKS: i64 = 16;
/// Threads that count in different shares write to different cache lines.
const SHARES: u8 = if cfg!(loom) { 2 } else { 16 };
/// What a share takes at once, at most.
const LARGEST_SHARE: i64 = 1_024;

#[derive(Debug)]
pub(super) struct Budget {
    limit: i64,
    /// What is left outside of the shares.
    common: AtomicI64,
    /// While more is left than this, the budget is no reason to refresh.
    look_again_at: AtomicI64,
    shares: OnceLock<Box<[Arc<Share>]>>,
    next_share: AtomicUsize,
}

/// A part of the budget, on a cache line (or, as processors fetch them, two) of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Share(AtomicI64);

/// What came of an attempt to take from a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    /// There was enough, and more than anybody needs to look at.
    Enough,
    /// There was enough: so much was left before. Time to look.
    Look(i64),
    /// There is not enough outside of the shares, and nothing was taken.
    Nothing,
}

impl Budget {
    pub(super) fn new(limit: i64) -> Self {
        Self {
            limit,
            common: AtomicI64::new(limit),
            // The first request looks.
            look_again_at: AtomicI64::new(limit),
            shares: OnceLock::new(),
            next_share: AtomicUsize::new(0),
        }
    }

    pub(super) fn limit(&self) -> i64 {
        self.limit
    }

    /// Takes what a request costs from what is left outside of the shares.
    pub(super) fn take(&self, cost: i64) -> Spent {
        let Some(before) = take(&self.common, cost.min(self.limit)) else {
            return Spent::Nothing;
        };
        if before <= self.look_again_at.load(Ordering::Relaxed) {
            return Spent::Look(before + self.held());
        }
        Spent::Enough
    }

    /// A share for who will take often. Whoever comes after the last one gets the first again.
    pub(super) fn share(&self) -> Arc<Share> {
        let new = || {
            (0..SHARES)
                .map(|_| Arc::new(Share(AtomicI64::new(0))))
                .collect()
        };
        let shares = self.shares.get_or_init(new);
        let next = self.next_share.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&shares[next % shares.len()])
    }

    /// Takes what a request costs without a look at the whole; `false`, and nothing is taken, where one is due.
    #[inline]
    pub(super) fn take_from(&self, share: &Share, cost: i64) -> bool {
        take(&share.0, cost).is_some() || self.refill(share, cost)
    }

    /// Takes a part of the budget for the requests to come. All shares together never take what is left when somebody looks.
    #[cold]
    fn refill(&self, share: &Share, cost: i64) -> bool {
        // With tokens that stand by, nobody may ever have to look: there is no more than there is all the same.
        let look_again_at = self.look_again_at.load(Ordering::Relaxed).max(0);
        let part = |left: i64| {
            let part = ((left - look_again_at) / i64::from(SHARES)).min(LARGEST_SHARE);
            (part >= cost.max(1)).then_some(part)
        };
        let taken = self
            .common
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                part(left).map(|part| left - part)
            });
        let Some(part) = taken.ok().and_then(part) else {
            return false;
        };
        share.0.fetch_add(part - cost, Ordering::Relaxed);
        true
    }

    /// Puts back what the shares hold, and says whether that was anything. For one caller at a time: another would miss what
    /// is on its way back.
    pub(super) fn call_in(&self) -> bool {
        let mut held = 0;
        for share in self.shares.get().into_iter().flatten() {
            held += share.0.swap(0, Ordering::Relaxed);
        }
        self.common.fetch_add(held, Ordering::Relaxed);
        held > 0
    }

    /// All that is left.
    pub(super) fn left(&self) -> i64 {
        self.common
            .load(Ordering::Relaxed)
            .saturating_add(self.held())
    }

    fn held(&self) -> i64 {
        let shares = self.shares.get().into_iter().flatten();
        shares.map(|share| share.0.load(Ordering::Relaxed)).sum()
    }

    /// The next look is due at the reserve, or after a sixteenth of the budget, as the rate may have changed by then.
    pub(super) fn look_again(&self, left: i64, at_the_reserve: i64) {
        let after_a_while = left - self.held() - (self.limit / LOOKS).max(1);
        self.look_again_at
            .store(after_a_while.max(at_the_reserve), Ordering::Relaxed);
    }

    /// The next request looks.
    pub(super) fn look_at_once(&self) {
        self.look_again_at.store(self.limit, Ordering::Relaxed);
    }
}

/// Takes so much if it is there, and says how much was. Never takes for a moment what is not there: another thread would
/// miss it.
#[inline]
fn take(from: &AtomicI64, cost: i64) -> Option<i64> {
    let enough = |left: i64| (left >= cost.max(1)).then(|| left - cost);
    from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enough)
        .ok()
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    /// Takes from a share, or from the whole, as a service does; looks where it has to.
    fn take_any(budget: &Budget, share: &Share) -> bool {
        if budget.take_from(share, 1) {
            return true;
        }
        match budget.take(1) {
            Spent::Enough => true,
            Spent::Look(left) => {
                budget.look_again(left, 0);
                true
            }
            Spent::Nothing => false,
        }
    }

    #[test]
    fn h2_every_request_of_the_limit_is_taken_once_whatever_it_is_taken_from() {
        for limit in [1, 2, 15, 16, 17, 500, 5_000, 100_000] {
            let budget = Budget::new(limit);
            let shares: Vec<_> = (0..3 * usize::from(SHARES))
                .map(|_| budget.share())
                .collect();
            let mut taken = 0;
            for share in shares.iter().cycle() {
                assert_eq!(budget.left(), limit - taken);
                if take_any(&budget, share) {
                    taken += 1;
                } else if !budget.call_in() {
                    break;
                }
            }
            assert_eq!(taken, limit);
            assert_eq!(budget.left(), 0);
        }
    }

    /// H1: what idle services hold is there for the last requests of a token.
    #[test]
    fn h1_nothing_is_left_behind_in_a_share() {
        let budget = Budget::new(100_000);
        let idle: Vec<_> = (0..SHARES).map(|_| budget.share()).collect();
        budget.look_again(100_000, 0);
        assert!(idle.iter().all(|share| budget.take_from(share, 1)));
        let held = budget.held();
        assert!(held > 0);
        let mut taken = i64::from(SHARES);
        while budget.take(1) != Spent::Nothing {
            taken += 1;
        }
        assert_eq!(taken + held, 100_000);
        assert!(budget.call_in());
        while budget.take(1) != Spent::Nothing {
            taken += 1;
        }
        assert_eq!(taken, 100_000);
        assert!(!budget.call_in());
    }

    #[test]
    fn no_share_is_filled_from_what_is_left_when_somebody_looks() {
        let budget = Budget::new(1_000);
        let share = budget.share();
        assert!(!budget.take_from(&share, 1), "the first request looks");
        assert_eq!(budget.take(1), Spent::Look(1_000));
        budget.look_again(1_000, 900);
        let mut taken = 0;
        while budget.take_from(&share, 1) {
            taken += 1;
        }
        assert!((1..=62).contains(&taken), "{taken}");
        assert!(budget.left() >= 937);
        budget.look_at_once();
        assert!(!budget.take_from(&share, 1));
    }

    #[test]
    fn h2_shares_take_no_more_than_there_is_when_nobody_has_to_look_again() {
        let budget = Budget::new(1_000);
        let share = budget.share();
        budget.look_again(0, -5_000);
        let mut taken = 0;
        while budget.take_from(&share, 1) || budget.take(1) != Spent::Nothing {
            taken += 1;
        }
        assert_eq!(taken, 1_000);
    }

    #[test]
    fn a_cost_above_one_is_taken_as_a_whole_or_not_at_all() {
        let budget = Budget::new(10_000);
        let share = budget.share();
        budget.look_again(10_000, 0);
        assert!(budget.take_from(&share, 5));
        assert_eq!(budget.left(), 9_995);
        assert!(!budget.take_from(&share, 1_000), "more than a part");
        assert_eq!(budget.left(), 9_995);
        assert_ne!(budget.take(9_900), Spent::Nothing);
        assert_eq!(budget.take(100), Spent::Nothing);
        assert_eq!(budget.left(), 95);
    }

    #[test]
    fn threads_together_take_no_more_than_there_is() {
        let budget = Budget::new(200_000);
        let taken: i64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let share = budget.share();
                        let mut taken = 0;
                        while take_any(&budget, &share) {
                            taken += 1;
                        }
                        taken
                    })
                })
                .collect();
            threads.into_iter().map(|it| it.join().unwrap()).sum()
        });
        assert_eq!(taken + budget.left(), 200_000);
    }
}
