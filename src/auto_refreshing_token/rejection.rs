//! What an answer says about the token that was sent.

use std::sync::Arc;

use super::engine::{Engine, State};
use super::event::Event;
use crate::clock;

impl Engine {
    /// The server did not accept the token of this generation (401). Says whether the same request, sent
    /// again, would carry another token.
    ///
    /// R9: a token that is newer than the rejected one is never dropped. R8: a rejection causes at most one
    /// create request, and none while the breaker is tripped.
    pub(super) fn rejected(self: &Arc<Self>, generation: u64) -> bool {
        let now = clock::now();
        let mut state = self.lock();
        if state.shut_down {
            return false;
        }
        let is_current = self
            .current
            .load()
            .as_ref()
            .is_some_and(|live| live.generation() == generation);
        if !is_current {
            return true;
        }
        state.tell(Event::Rejected { generation });
        if self.was_accepted(generation) {
            state.rejected_unused = 0;
        } else if state.newest_rejected != generation {
            state.rejected_unused += 1;
        }
        state.newest_rejected = generation;
        // H9: where one unused token after the other is rejected, those that stand by may be as dead.
        let standby_suspect = state.rejected_unused > 1;
        if !standby_suspect && self.promote_standby(&mut state, now).is_some() {
            drop(state);
            self.announce_change();
            return true;
        }
        let begins = !state.attempt_under_way;
        if begins && !(state.may_begin_attempt(now) && state.breaker.admit(now.monotonic)) {
            // One that stands by is tried after all; without one, the token stays: perhaps it is not
            // the token that is wrong.
            let promoted = self.promote_standby(&mut state, now).is_some();
            drop(state);
            if promoted {
                self.announce_change();
            }
            return promoted;
        }
        state.standby_suspect |= standby_suspect;
        if begins {
            self.begin_attempt(state);
            state = self.lock();
        }
        self.drop_generation(&mut state, generation);
        drop(state);
        self.announce_change();
        true
    }

    /// The server asked to slow down (429) in answer to the token of this generation. Says whether the
    /// same request, sent again, would carry another token: only if this one is spent by our own count.
    /// Any other 429 is about the rate, and a new token would not help.
    pub(super) fn is_spent(&self, generation: u64) -> bool {
        self.current
            .load()
            .as_ref()
            .is_some_and(|live| live.generation() == generation && live.requests_left() == 0)
    }

    /// Drops the token, unless the attempt was so quick that there is another by now.
    fn drop_generation(self: &Arc<Self>, state: &mut State, generation: u64) {
        if let Some(live) = self
            .current
            .load_full()
            .filter(|live| live.generation() == generation)
        {
            self.current.store(None);
            self.retire(state, live.token().clone());
        }
    }
}
