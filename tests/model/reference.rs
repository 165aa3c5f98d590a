//! What `AutoRefreshingToken` is documented to do, said as plainly as possible.
//!
//! Written from the README, ARCHITECTURE.md and the doc comments: one flat state, and no locks, tasks or wakers.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::events::{
    Class, Failure, Given, Look, Made, NO_TOKEN, Rules, SHUT_DOWN, Verdict, holds,
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) generation: u64,
    pub(super) left: u64,
    pub(super) asked_at: Duration,
    pub(super) lifetime: Duration,
    limit: u64,
}

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
    /// Tokens out of use, and when they are revoked; `None` for those that only a shutdown revokes.
    pub(super) retired: Vec<(Option<Duration>, String)>,
    pub(super) shut_down: bool,
    pub(super) closing: Option<Duration>,
}

impl Model {
    /// A call that may wait until its deadline looks for a token, and has one asked for if there is none.
    pub(super) fn look(&mut self, deadline: Duration) -> Look {
        if self.shut_down {
            return Look::Fail(SHUT_DOWN);
        }
        if self.has_token() || self.standby_takes_over() {
            return Look::Token;
        }
        let closed = self.closed().filter(|_| self.attempt.is_none());
        if let Some((error, opens_at)) = closed {
            // A refusal stays one until somebody acts; anything else may be over by the next attempt.
            let may_pass = matches!(error.class, Class::Transient | Class::RateLimited);
            if may_pass && opens_at < deadline && self.now < deadline {
                return Look::Wait;
            }
            return Look::Fail(error.again_in(opens_at - self.now));
        }
        self.begin_attempt();
        let in_time = self.now < deadline;
        if in_time {
            Look::Wait
        } else {
            Look::Fail(NO_TOKEN)
        }
    }

    /// A token is sent, or leased. A request that notices its age has it replaced.
    pub(super) fn take(&mut self, text: &str, notices_age: bool) -> Verdict<u64> {
        let is_aging = self.current.as_ref().is_some_and(|it| self.is_aging(it));
        let may_send = self.has_token();
        let current = self.current.as_mut();
        let token = current.filter(|it| may_send && it.text == text);
        let token = token.ok_or_else(|| format!("{text} must not be sent"))?;
        token.left -= 1;
        let generation = token.generation;
        if is_aging && notices_age && self.may_begin_attempt() {
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
        if current != Some(generation) || self.standby_takes_over() {
            return true;
        }
        if self.attempt.is_none() && !(self.may_begin_attempt() && self.breaker_admits()) {
            return false; // Without a better one, the token stays.
        }
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

    /// A create request for a rejection, then none for 10 s, 1 min, 2 min, ... 10 min. Rejections that are
    /// 10 minutes further apart than that start over.
    fn breaker_admits(&mut self) -> bool {
        let pause = |row: u32| match row {
            1 => 10 * SECOND,
            _ => (60 * SECOND * 2_u32.pow(row.min(9) - 2)).min(600 * SECOND),
        };
        let in_row = match self.breaker {
            Some((at, row)) if self.now < at + pause(row) => return false,
            Some((at, row)) if self.now < at + pause(row) + 600 * SECOND => row + 1,
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
        let made = match given {
            Given::Nothing(error) => return self.fail(error, gate),
            Given::Tokens(made) => made,
        };
        if self.shut_down {
            let late = made.into_iter().map(|it| (None, it.text));
            self.retired.extend(late);
            return Ok(());
        }
        let mut new = self.new_among(made, asked_at);
        let Some(first) = new.pop_front() else {
            return self.fail(NO_TOKEN, gate);
        };
        for unused in std::mem::replace(&mut self.standby, new) {
            self.retire(unused);
        }
        let near_its_end = self.is_aging(&first);
        self.put_to_use(first);
        if near_its_end {
            return self.fail(NO_TOKEN, gate);
        }
        (self.gate, self.failures) = (None, 0);
        Ok(())
    }

    /// What can be used of an answer: no token twice, and none that is dead.
    fn new_among(&self, made: Vec<Made>, asked_at: Duration) -> VecDeque<Token> {
        let had = self.current.iter().chain(&self.standby);
        let mut seen: HashSet<String> = had.map(|it| it.text.clone()).collect();
        made.into_iter()
            .filter(|it| seen.insert(it.text.clone()))
            .map(|it| self.token(it, asked_at))
            .filter(|it| self.is_usable(it))
            .collect()
    }

    fn fail(&mut self, error: Failure, gate: Option<Duration>) -> Verdict {
        let doubled = 2_u32.pow(self.failures.min(9));
        let transient = (500 * MS * doubled).min(30 * SECOND);
        let refusal = (5 * SECOND * doubled).min(60 * SECOND);
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

    pub(super) fn shut_down(&mut self) {
        self.shut_down = true;
        self.closing = Some(self.now + self.rules.shutdown_within);
        let current = self.current.take().filter(|it| !self.is_over(it));
        let unused = current.into_iter().chain(self.standby.drain(..));
        self.retired.extend(unused.map(|it| (None, it.text)));
    }

    /// A shutdown waits for the attempt under way and revokes everything then.
    pub(super) fn closes_now(&self) -> bool {
        self.closing.is_some() && self.attempt.is_none()
    }

    pub(super) fn revoke(&mut self, text: &str) -> Verdict {
        let (closes, now) = (self.closes_now(), Some(self.now));
        let mut retired = self.retired.iter();
        let at = retired.position(|(due, it)| it == text && (closes || *due == now));
        let at = at.ok_or("it is not time to revoke this token")?;
        self.retired.remove(at);
        Ok(())
    }

    fn standby_takes_over(&mut self) -> bool {
        while let Some(token) = self.standby.pop_front() {
            if self.is_usable(&token) {
                self.put_to_use(token);
                return true;
            }
        }
        false
    }

    fn put_to_use(&mut self, mut token: Token) {
        self.generation += 1;
        token.generation = self.generation;
        let before = self.current.replace(token);
        if let Some(before) = before.filter(|it| !self.is_over(it)) {
            self.retire(before);
        }
    }

    fn retire(&mut self, token: Token) {
        if let Some(grace) = self.rules.revoke_replaced_after {
            self.retired.push((Some(self.now + grace), token.text));
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
        self.current.as_ref().is_some_and(|it| self.is_usable(it))
    }

    /// What the source says of a token may shorten its life and budget, never lengthen them.
    fn token(&self, made: Made, asked_at: Duration) -> Token {
        let limit = made.request_limit.min(self.rules.request_limit);
        let lifetime = made.lifetime.min(self.rules.lifetime);
        Token {
            text: made.text,
            generation: 0,
            left: limit,
            asked_at,
            lifetime,
            limit,
        }
    }

    fn is_usable(&self, token: &Token) -> bool {
        token.left > 0 && !self.is_over(token)
    }

    fn is_over(&self, token: &Token) -> bool {
        self.now >= token.asked_at + token.never_sent_after()
    }

    /// Replaced from the soft point on, or with 20 % of its requests left if none stands by.
    fn is_aging(&self, token: &Token) -> bool {
        let is_short = self.standby.is_empty() && token.left <= token.limit / 5;
        is_short || self.now >= token.asked_at + token.lifetime.mul_f64(self.rules.soft_point)
    }
}

impl Token {
    /// Not in the last 3 seconds, or the last sixth, of its life.
    pub(super) fn never_sent_after(&self) -> Duration {
        self.lifetime - (3 * SECOND).min(self.lifetime / 6)
    }
}
