//! Tokens out of use, and the end of them all.

use std::time::Duration;

use super::events::{Verdict, holds};
use super::reference::Model;
use super::token::Token;

/// A token out of use that is not revoked yet.
#[derive(Debug)]
pub(super) struct Retired {
    /// When it is revoked; `None` for one that only a shutdown revokes.
    pub(super) due: Option<Duration>,
    pub(super) text: String,
    /// Live until the shutdown.
    by_shutdown: bool,
}

impl Model {
    pub(super) fn retire(&mut self, token: Token) {
        if let Some(grace) = self.rules.revoke_replaced_after {
            self.add_retired(Some(self.now + grace), token.text, false);
        }
    }

    /// A token that comes after a shutdown is never used.
    pub(super) fn comes_too_late(&mut self, text: String) {
        self.add_retired(None, text, false);
    }

    /// What is live is revoked at once.
    pub(super) fn shut_down(&mut self) {
        self.shut_down = true;
        self.closing = Some(self.now + self.rules.shutdown_within);
        let now = self.now;
        let current = self.current.take().filter(|it| !it.is_over(now));
        let live: Vec<Token> = current.into_iter().chain(self.standby.drain(..)).collect();
        for token in live {
            self.add_retired(Some(now), token.text, true);
        }
    }

    /// A shutdown waits for the attempt under way, and then revokes everything.
    pub(super) fn closes_now(&self) -> bool {
        self.closing.is_some() && self.attempt.is_none()
    }

    pub(super) fn revoke(&mut self, text: &str) -> Verdict {
        let (closes, now) = (self.closes_now(), Some(self.now));
        let mut retired = self.retired.iter();
        let at = retired.position(|it| it.text == text && (closes || it.due == now));
        let at = at.ok_or("it is not time to revoke this token")?;
        let token = self.retired.remove(at);
        if token.by_shutdown || closes {
            self.revoked_at_end.0 += 1;
            self.revoked_at_end.1 += usize::from(!token.by_shutdown && token.due == now);
        }
        Ok(())
    }

    /// After everything is revoked; at the bound, what is left is owned up to.
    pub(super) fn shutdown_ends(&mut self, revoked: usize, left: usize) -> Verdict {
        let bound = self.closing.take().ok_or("no shutdown is under way")?;
        let (most, due_anyway) = std::mem::take(&mut self.revoked_at_end);
        let as_many = (most - due_anyway..=most).contains(&revoked);
        holds(as_many, "another number was revoked")?;
        let may_come = self.attempt.map_or(0, |_| 1 + self.rules.standby as usize);
        let expected = self.retired.drain(..).count() + may_come;
        holds(left == expected, "another number is left")?;
        holds(left == 0 || self.now == bound, "too early to give up")
    }

    fn add_retired(&mut self, due: Option<Duration>, text: String, by_shutdown: bool) {
        self.retired.push(Retired {
            due,
            text,
            by_shutdown,
        });
    }
}
