//! Mistakes that can be planted into the model, to see that the comparison sees them.

use std::time::Duration;

use super::checker::Checker;
use super::events::{Given, Verdict};

/// A test that cannot fail proves nothing: with one of these, model and engine must part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mistake {
    /// R9: a late 401 drops the token that replaced the rejected one.
    LateRejectionDropsNewer,
    /// R3: a failed refresh drops the token that is still good.
    FailureDropsToken,
    /// R8: every rejection costs a create request.
    BreakerIgnored,
    /// H7: whoever waits does so a millisecond too long.
    WaitsTooLong,
    /// R14: a token is replaced before it is spent.
    ReplacedUnspent,
    /// R14: how long the source takes does not count.
    SourceIsQuick,
    /// H9: those that stand by are never suspects.
    NoSuspects,
}

/// The model's rules, unless a mistake is planted into them.
impl Checker {
    pub(super) fn create(&mut self, given: &Given, gate: Option<Duration>) -> Verdict {
        self.model.replacement_wanted |= self.mistake == Some(Mistake::ReplacedUnspent);
        self.model.create(given.clone(), gate)?;
        if self.mistake == Some(Mistake::SourceIsQuick) {
            self.model.creation_takes = None;
        }
        if self.mistake == Some(Mistake::FailureDropsToken) && self.model.gate.is_some() {
            self.model.current = None;
        }
        Ok(())
    }

    pub(super) fn rejected(&mut self, generation: u64) -> bool {
        let current = self.model.current.as_ref().map(|token| token.generation);
        match self.mistake {
            Some(Mistake::LateRejectionDropsNewer) => {
                self.model.rejected(current.unwrap_or(generation))
            }
            Some(Mistake::BreakerIgnored) => {
                self.model.breaker = None;
                self.model.rejected(generation)
            }
            Some(Mistake::NoSuspects) => {
                self.model.rejected_unused = 0;
                self.model.rejected(generation)
            }
            _ => self.model.rejected(generation),
        }
    }

    pub(super) fn deadline(&self) -> Duration {
        let deadline = self.model.now + self.model.rules.max_wait;
        if self.mistake == Some(Mistake::WaitsTooLong) {
            return deadline + Duration::from_millis(1);
        }
        deadline
    }
}
