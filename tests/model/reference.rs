//! What `AutoRefreshingToken` is documented to do, said as plainly as possible.
//!
//! Written from the README, ARCHITECTURE.md and the doc comments: one flat state, and no locks, tasks or wakers.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::events::{
    Class, Failure, Given, Look, Made, NO_TOKEN, Rules, SHUT_DOWN, Verdict, holds,
};
use super::shutdown::Retired;
use super::token::{InUse, Token, number};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) asked_at: Option<Duration>,
    pub(super) ends_at: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) rules: Rules,
    pub(super) now: Duration,
    pub(super) current: Option<Token>,
    pub(super) standby: VecDeque<Token>,
    pub(super) generation: u64,
    pub(super) attempt: Option<Attempt>,
    pub(super) attempts_ended: usize,
    /// The last error, and until when it keeps the next attempt.
    pub(super) gate: Option<(Failure, Duration)>,
    pub(super) failures: u32,
    /// When a rejection last caused a create request, and how many did in a row.
    pub(super) breaker: Option<(Duration, u32)>,
    /// Somebody called `refresh()` since the last attempt ended.
    pub(super) replacement_wanted: bool,
    /// A moving average, once there was a creation.
    pub(super) creation_takes: Option<Duration>,
    /// The newest generation that the server has accepted.
    pub(super) accepted: u64,
    /// How many tokens that were never accepted were rejected in a row, and the newest of them.
    pub(super) rejected_unused: u32,
    pub(super) newest_rejected: u64,
    /// Those that stand by are not used before the attempt under way has failed.
    pub(super) suspects: bool,
    pub(super) retired: Vec<Retired>,
    pub(super) shut_down: bool,
    /// The bound of the shutdown under way.
    pub(super) closing: Option<Duration>,
    /// What a shutdown revoked so far, and how much of that was due just then anyway.
    pub(super) revoked_at_end: (usize, usize),
}

impl Model {
    /// A call that may wait until its deadline looks for a token, and has one asked for if there is none.
    pub(super) fn look(&mut self, deadline: Duration, is_last: bool) -> Look {
        if self.shut_down {
            return Look::Fail(SHUT_DOWN);
        }
        if is_last && self.suspects {
            self.suspects = false;
        }
        if self.has_token() || (!self.suspects && self.standby_takes_over()) {
            return Look::Token;
        }
        let closed = self.closed().filter(|_| self.attempt.is_none());
        if let Some((error, opens_at)) = closed {
            // A refusal stays one until somebody acts; anything else may be over by the next attempt.
            let may_pass = matches!(error.class, Class::Transient | Class::RateLimited);
            if may_pass && opens_at < deadline && !is_last {
                return Look::Wait;
            }
            return Look::Fail(error.again_in(opens_at - self.now));
        }
        self.begin_attempt();
        if is_last {
            Look::Fail(NO_TOKEN)
        } else {
            Look::Wait
        }
    }

    /// A token is sent, or leased. Who notices its age has it replaced.
    pub(super) fn take(&mut self, text: &str) -> Verdict<u64> {
        let may_send = self.has_token();
        let current = self.current.as_mut();
        let token = current.filter(|it| may_send && it.text == text);
        let token = token.ok_or_else(|| format!("{text} must not be sent"))?;
        let due_at = token.old_from(self.rules.soft_point);
        let backing = self.standby.iter().filter(|it| it.over_from() >= due_at);
        let backed_by = backing.map(|it| it.limit).sum();
        let is_aging = token.take(self.now, self.rules.soft_point, backed_by);
        let generation = token.generation;
        if is_aging && self.may_begin_attempt() {
            self.begin_attempt();
        }
        Ok(generation)
    }

    /// A 401 for a token of this generation: would the same request now carry another?
    pub(super) fn rejected(&mut self, generation: u64) -> bool {
        if self.shut_down {
            return false;
        }
        let current = self.current.as_ref().map(|it| it.generation);
        if current != Some(generation) {
            return true;
        }
        if self.accepted >= generation {
            self.rejected_unused = 0;
        } else if self.newest_rejected != generation {
            self.rejected_unused += 1;
        }
        self.newest_rejected = generation;
        let suspects = self.rejected_unused > 1;
        if !suspects && self.standby_takes_over() {
            return true;
        }
        let begins = self.attempt.is_none();
        if begins && !(self.may_begin_attempt() && self.breaker_admits()) {
            return self.standby_takes_over(); // Without a better one, the token stays.
        }
        self.suspects |= suspects;
        self.begin_attempt();
        if let Some(token) = self.current.take() {
            self.retire(token);
        }
        true
    }

    /// A 429 for a token of this generation: the same question.
    pub(super) fn is_spent(&self, generation: u64) -> bool {
        let mut current = self.current.iter();
        current.any(|it| it.generation == generation && it.left == 0)
    }

    /// A create request for a rejection, then none for 10 s, and from then on one a minute. Rejections that are a
    /// minute further apart than that start over.
    fn breaker_admits(&mut self) -> bool {
        let pause = |row: u32| if row == 1 { 10 * SECOND } else { 60 * SECOND };
        let in_row = match self.breaker {
            Some((at, row)) if self.now < at + pause(row) => return false,
            Some((at, row)) if self.now < at + pause(row) + 60 * SECOND => row + 1,
            _ => 1,
        };
        self.breaker = Some((self.now, in_row));
        true
    }

    /// The source is asked, which has 30 s to answer.
    pub(super) fn ask(&mut self, count: u32, answers_after: Option<Duration>) -> Verdict {
        let attempt = self.attempt.as_mut();
        let begun = attempt.filter(|it| it.asked_at.is_none());
        let begun = begun.ok_or("nobody needs to ask the source now")?;
        let takes = answers_after.map_or(30 * SECOND, |after| after.min(30 * SECOND));
        begun.asked_at = Some(self.now);
        begun.ends_at = self.now + takes;
        holds(count == 1 + self.rules.standby, "not as many as set")
    }

    /// The attempt ends. `gate` is when the handle says that the next one may be made.
    pub(super) fn create(&mut self, given: Given, gate: Option<Duration>) -> Verdict {
        let attempt = self.attempt.take().unwrap_or_default();
        holds(attempt.ends_at == self.now, "no attempt ends now")?;
        let asked_at = attempt.asked_at.ok_or("nothing was asked")?;
        self.attempts_ended += 1;
        self.suspects = false;
        let replaces = std::mem::take(&mut self.replacement_wanted);
        let made = match given {
            Given::Nothing(error) => return self.fail(error, gate),
            Given::Tokens(made) => made,
        };
        if self.shut_down {
            for late in made {
                self.comes_too_late(late.text);
            }
            return Ok(());
        }
        let took = self.now - asked_at;
        let average = self.creation_takes.unwrap_or(took);
        self.creation_takes = Some((3 * average + took) / 4);
        let new = self.new_among(made, asked_at);
        let Some(first) = new.front() else {
            return self.fail(NO_TOKEN, gate);
        };
        let near_its_end = first.is_old(self.now, self.rules.soft_point);
        self.take_in(new, replaces);
        if near_its_end {
            return self.fail(NO_TOKEN, gate);
        }
        (self.gate, self.failures) = (None, 0);
        Ok(())
    }

    /// A token whose time is not over yet is spent before the new ones are used, unless somebody wants another.
    fn take_in(&mut self, mut new: VecDeque<Token>, replaces: bool) {
        let (now, soft_point) = (self.now, self.rules.soft_point);
        let current = self.current.as_mut().filter(|_| !replaces);
        if let Some(current) = current.filter(|it| it.left > 0 && !it.is_old(now, soft_point)) {
            current.look_again_at = number(current.limit);
            self.standby.extend(new);
            return;
        }
        let Some(first) = new.pop_front() else {
            return;
        };
        for unused in std::mem::replace(&mut self.standby, new) {
            self.retire(unused);
        }
        self.put_to_use(first);
    }

    /// What can be used of an answer: no token twice, none that is out of use, and none that is dead.
    fn new_among(&self, made: Vec<Made>, asked_at: Duration) -> VecDeque<Token> {
        let had = self.current.iter().chain(&self.standby).map(|it| &it.text);
        let had = had.chain(self.retired.iter().map(|it| &it.text));
        let mut seen: HashSet<String> = had.cloned().collect();
        made.into_iter()
            .filter(|it| seen.insert(it.text.clone()))
            .map(|it| Token::new(it, asked_at, &self.rules))
            .filter(|it| it.is_usable(self.now))
            .collect()
    }

    fn fail(&mut self, error: Failure, gate: Option<Duration>) -> Verdict {
        let doubled = 2_u32.pow(self.failures.min(9));
        let transient = (500 * MS * doubled).min(30 * SECOND);
        let refusal = (10 * SECOND * doubled).min(60 * SECOND);
        let bounds = match (error.class, error.retry_after) {
            (_, Some(wait)) => wait..=wait + 500 * MS,
            (Class::Transient, None) => 50 * MS..=transient,
            _ => refusal / 2..=refusal,
        };
        let wait = gate.ok_or("a failure closes the gate")? - self.now;
        holds(bounds.contains(&wait), "the back-off is out of its bounds")?;
        self.failures += 1;
        self.gate = Some((error, self.now + wait));
        Ok(())
    }

    fn standby_takes_over(&mut self) -> bool {
        while let Some(token) = self.standby.pop_front() {
            if token.is_usable(self.now) {
                self.put_to_use(token);
                return true;
            }
        }
        false
    }

    fn put_to_use(&mut self, mut token: Token) {
        let now = self.now;
        let before = self.current.take();
        self.generation += 1;
        token.generation = self.generation;
        token.look_again_at = number(token.limit);
        token.in_use = InUse {
            since: now,
            rate_before: before.as_ref().map_or(0.0, |it| it.rate(now)),
            creation_takes: self.creation_takes.unwrap_or_default(),
        };
        self.current = Some(token);
        if let Some(before) = before.filter(|it| !it.is_over(now)) {
            self.retire(before);
        }
    }

    pub(super) fn begin_attempt(&mut self) {
        self.attempt.get_or_insert_default();
    }

    fn may_begin_attempt(&self) -> bool {
        !self.shut_down && self.attempt.is_none() && self.closed().is_none()
    }

    pub(super) fn closed(&self) -> Option<(Failure, Duration)> {
        self.gate.filter(|(_, opens_at)| self.now < *opens_at)
    }

    pub(super) fn has_token(&self) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|it| it.is_usable(self.now))
    }
}
