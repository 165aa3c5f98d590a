//! Who called, who waits, and whether what happened was for the model to happen.

use std::collections::BTreeMap;
use std::time::Duration;

use super::events::Failure;
use super::events::{
    End, Event, Id, Kind, Look, NO_TOKEN, Rules, SHUT_DOWN, Verdict, View, holds,
    whole_milliseconds,
};
use super::mistakes::Mistake;
use super::reference::Model;

/// A model, and the calls that are under way.
///
/// It is shown what happened, in order, and says whether that may happen at that time
/// ([`happens`](Self::happens)), and whether something should have happened that did not
/// ([`rests`](Self::rests)). The order settles what nobody promises: who of those who wait is first.
#[derive(Debug)]
pub(super) struct Checker {
    pub(super) model: Model,
    pub(super) mistake: Option<Mistake>,
    calls: BTreeMap<Id, Call>,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    deadline: Duration,
    replayed: bool,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// There was a usable token, so it does not wait.
    Served,
    Waits,
    /// Sent with the token of this generation.
    AtServer(u64),
    Answered(u16),
    /// Waits for the end of the attempt after so many.
    Refreshes(usize),
    ShutsDown,
    Fails(Failure),
}

impl Checker {
    pub(super) fn new(rules: Rules, mistake: Option<Mistake>) -> Self {
        Self {
            model: Model {
                rules,
                ..Model::default()
            },
            mistake,
            calls: BTreeMap::new(),
        }
    }

    /// Whether this may happen now. How long the gate stays closed after a failure is drawn, so the handle
    /// says it, and the model checks the bounds.
    pub(super) fn happens(
        &mut self,
        at: Duration,
        event: &Event,
        gate: Option<Duration>,
    ) -> Verdict {
        let is_early_enough = self.next_due().is_none_or(|due| due >= at);
        holds(is_early_enough, "something was due before that")?;
        self.model.now = at;
        match event {
            Event::Began(id, kind) => self.begin(*id, *kind),
            Event::Arrived(id, text) => {
                let generation = self.take(*id, text)?;
                self.call(*id)?.step = Step::AtServer(generation);
            }
            Event::Answered(id, status) => self.answer(*id, *status)?,
            Event::Ended(id, end) => self.end(*id, end)?,
            Event::Dropped(id) => drop(self.calls.remove(id)),
            Event::Asked(count, answers_after) => {
                // Whoever waits has the source asked as soon as the gate is open.
                if self.model.attempt.is_none() {
                    for deadline in self.deadlines() {
                        self.model.look(deadline, false);
                    }
                }
                self.model.ask(*count, *answers_after)?;
            }
            Event::Created(given) => self.create(given, gate)?,
            Event::Revoked(text) => self.model.revoke(text)?,
        }
        Ok(())
    }

    /// Whether nothing is left to happen at this time.
    pub(super) fn rests(&mut self, now: Duration) -> Verdict {
        self.model.now = now;
        for (id, call) in self.calls.clone() {
            let rests = match call.step {
                Step::AtServer(_) => true,
                Step::Waits => self.look(call) == Look::Wait,
                Step::Refreshes(attempt) => {
                    !self.model.shut_down && self.model.attempts_ended == attempt
                }
                Step::ShutsDown => !self.model.closes_now(),
                Step::Served | Step::Answered(_) | Step::Fails(_) => false,
            };
            holds(rests, &format!("call {id} should have gone on: {call:?}"))?;
        }
        let is_asked = self.model.attempt.is_none_or(|it| it.asked_at.is_some());
        holds(is_asked, "the source should have been asked")?;
        let is_over = self.next_due().is_none_or(|due| due > now);
        holds(is_over, "something is due")
    }

    /// When something happens next by itself.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let model = &self.model;
        let waits_for_gate = self.waiting() > 0 && model.attempt.is_none();
        let gate = model.closed().filter(|_| waits_for_gate);
        let asked = model.attempt.filter(|it| it.asked_at.is_some());
        let retired = model.retired.iter().filter_map(|it| it.due);
        self.deadlines()
            .into_iter()
            .chain(gate.map(|(_, opens_at)| whole_milliseconds(opens_at)))
            .chain(asked.map(|it| it.ends_at))
            .chain(retired)
            .chain(model.closing)
            .min()
    }

    pub(super) fn view(&self) -> View {
        let model = &self.model;
        View {
            generation: model.generation,
            requests_left: model.current.as_ref().map(|token| token.left),
            standby: model.standby.len(),
            refreshing: model.attempt.is_some(),
            waiting: self.waiting(),
            last_error: model.gate.map(|(error, _)| error.class),
            next_attempt_in: model.closed().map(|(_, opens_at)| opens_at - model.now),
        }
    }

    /// How many requests were sent and are not answered yet.
    pub(super) fn at_server(&self) -> usize {
        let at_server = |call: &&Call| matches!(call.step, Step::AtServer(_));
        self.calls.values().filter(at_server).count()
    }

    fn begin(&mut self, id: Id, kind: Kind) {
        let deadline = self.deadline();
        let step = match kind {
            Kind::Request | Kind::Lease => self.first_look(deadline),
            Kind::Refresh => self.refresh(),
            Kind::Shutdown => {
                self.model.shut_down();
                Step::ShutsDown
            }
        };
        let call = Call {
            deadline,
            replayed: false,
            step,
        };
        self.calls.insert(id, call);
    }

    fn refresh(&mut self) -> Step {
        if self.model.shut_down {
            return Step::Fails(SHUT_DOWN);
        }
        let closed = self.model.closed();
        if let Some((error, opens_at)) = closed.filter(|_| self.model.attempt.is_none()) {
            return Step::Fails(error.again_in(opens_at - self.model.now));
        }
        self.model.replacement_wanted = true;
        self.model.begin_attempt();
        Step::Refreshes(self.model.attempts_ended)
    }

    /// The bound on those who wait is asked of who has to.
    fn first_look(&mut self, deadline: Duration) -> Step {
        match self.model.look(deadline, false) {
            Look::Token => Step::Served,
            Look::Fail(failure) => Step::Fails(failure),
            Look::Wait if self.waiting() >= self.model.rules.max_waiting => Step::Fails(NO_TOKEN),
            Look::Wait => Step::Waits,
        }
    }

    fn look(&mut self, call: Call) -> Look {
        let is_last = self.model.now >= call.deadline;
        self.model.look(call.deadline, is_last)
    }

    fn take(&mut self, id: Id, text: &str) -> Verdict<u64> {
        let call = *self.call(id)?;
        let may_take = match call.step {
            Step::Served => true,
            Step::Waits => self.look(call) == Look::Token,
            _ => false,
        };
        holds(may_take, &format!("call {id} got a token: {call:?}"))?;
        self.model.take(text)
    }

    fn answer(&mut self, id: Id, status: u16) -> Verdict {
        let call = *self.call(id)?;
        let Step::AtServer(generation) = call.step else {
            return Err(format!("call {id} was not at the server: {call:?}"));
        };
        let another_would_be_sent = match status {
            200 => {
                self.model.accepted = self.model.accepted.max(generation);
                false
            }
            401 => self.rejected(generation),
            429 => self.model.is_spent(generation),
            _ => false,
        };
        let deadline = self.deadline();
        let step = if self.model.rules.replay && another_would_be_sent && !call.replayed {
            self.first_look(deadline)
        } else {
            Step::Answered(status)
        };
        *self.call(id)? = Call {
            deadline,
            replayed: true,
            step,
        };
        Ok(())
    }

    fn end(&mut self, id: Id, end: &End) -> Verdict {
        if let End::Lease { text, generation } = end {
            let leased = self.take(id, text)?;
            holds(leased == *generation, "another generation was leased")?;
            self.calls.remove(&id);
            return Ok(());
        }
        let call = *self.call(id)?;
        self.calls.remove(&id);
        if let (Step::ShutsDown, End::ShutDown { revoked, left }) = (call.step, end) {
            return self.model.shutdown_ends(*revoked, *left);
        }
        let expected = match call.step {
            Step::Answered(status) => End::Response(status),
            Step::Fails(failure) => End::Failed(failure),
            Step::Refreshes(_) if self.model.shut_down => End::Failed(SHUT_DOWN),
            Step::Refreshes(attempt) if self.model.attempts_ended > attempt => {
                let failed = |(error, _)| End::Failed(error);
                self.model.gate.map_or(End::Refreshed, failed)
            }
            Step::Waits => match self.look(call) {
                Look::Fail(failure) => End::Failed(failure),
                found => return Err(format!("{call:?} ended with {end:?}, yet found {found:?}")),
            },
            _ => return Err(format!("{call:?} ended with {end:?}")),
        };
        let differs = format!("{call:?} ended with {end:?}, not with {expected:?}");
        holds(*end == expected, &differs)
    }

    fn waiting(&self) -> usize {
        self.deadlines().len()
    }

    fn deadlines(&self) -> Vec<Duration> {
        let waiting = self.calls.values().filter(|call| call.step == Step::Waits);
        waiting.map(|call| call.deadline).collect()
    }

    fn call(&mut self, id: Id) -> Verdict<&mut Call> {
        let call = self.calls.get_mut(&id);
        call.ok_or_else(|| format!("there is no call {id}"))
    }
}
