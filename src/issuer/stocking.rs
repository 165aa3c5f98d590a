//! Creating tokens, in a task that belongs to no caller.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until, timeout};

use super::audit::IssuerEvent;
use super::desk::{Desk, Locked, State};
use super::pool::{self, PooledToken};
use super::settings::Settings;
use super::token_kind::Waiter;
use super::turned_away::refusal_of;
use crate::api_token::ApiToken;
use crate::clock::{self, Moment};
use crate::create_tokens::CreateTokens;
use crate::error::{Error, Kind};

/// A source that does not answer by then has failed, so that the next attempt can begin.
const DEADLINE: Duration = Duration::from_secs(30);

/// A stock that would last for less than that is filled before it is empty.
const AHEAD: Duration = Duration::from_secs(5);

/// No forecast reaches further, however long the tokens keep.
const FURTHEST: Duration = Duration::from_secs(60);

/// R4: no caller's end ends it. It lasts for as long as anybody waits, and asks for one batch at a time.
struct Stocking {
    desk: Arc<Desk>,
    is_over: bool,
}

enum Step {
    Create(CreateTokens),
    WaitUntil(Instant),
    Stop,
}

impl Desk {
    /// Begins if anybody waits, or will soon, and it is not under way already.
    pub(super) fn begin_stocking<'a>(self: &'a Arc<Self>, mut state: Locked<'a>) -> Locked<'a> {
        if state.is_stocking {
            return state;
        }
        let Ok(runtime) = Handle::try_current() else {
            return state;
        };
        let now = clock::now();
        // With the lock held, the source is not asked: it is somebody else's code.
        if matches!(state.next_step(&self.settings, None, now), Step::Stop) {
            return state;
        }
        state.is_stocking = true;
        // A runtime that is shutting down drops the task on the spot, which takes the lock.
        drop(state);
        let stocking = Stocking {
            desk: Arc::clone(self),
            is_over: false,
        };
        drop(runtime.spawn(stocking.run()));
        self.lock()
    }

    fn settle(
        self: &Arc<Self>,
        size: CreateTokens,
        created: Result<Vec<ApiToken>, Error>,
        asked_for_at: Moment,
    ) {
        let per_minute = self.tokens_per_minute();
        let now = clock::now();
        let mut state = self.lock();
        let stocked = created.and_then(|tokens| {
            let most = self.settings.max_kinds;
            match state.take_in(size, tokens, asked_for_at, now, most) {
                0 => Err(Error::new(
                    Kind::Transient,
                    "the token source gave no new token that can still be handed out",
                )),
                tokens => Ok(tokens),
            }
        });
        let mut in_vain = Vec::new();
        let event = match stocked {
            Ok(tokens) => {
                state.gate.open();
                IssuerEvent::Stocked { tokens }
            }
            Err(error) => {
                let random = state.random.f64();
                let next_attempt_in = state.gate.close(now.monotonic, error.clone(), random);
                for waiter in state.waiters_in_vain(now.monotonic) {
                    let wait = state.appointment(per_minute, now.monotonic);
                    in_vain.push((waiter, refusal_of(&error, wait)));
                }
                IssuerEvent::StockingFailed {
                    error,
                    next_attempt_in,
                }
            }
        };
        self.finish(state);
        self.audit.tell(event);
        for (waiter, refusal) in in_vain {
            // Who has hung up misses nothing.
            let _ = waiter.answer.send(Err(refusal));
        }
    }
}

impl State {
    fn next_step(&self, settings: &Settings, creates_left: Option<u32>, now: Moment) -> Step {
        if self.is_shut_down {
            return Step::Stop;
        }
        let somebody_waits = self.kinds.iter().any(|kind| !kind.queue.is_empty());
        if let Some(closed) = self.gate.closed(now.monotonic) {
            return if somebody_waits {
                Step::WaitUntil(closed.until)
            } else {
                Step::Stop
            };
        }
        // Who waits for the longest time is served first, whatever kind of token it is.
        let waited_for = self
            .kinds
            .iter()
            .filter_map(|kind| Some((kind.queue.next_turn()?, kind)))
            .min_by_key(|&(turn, _)| turn)
            .map(|(_, kind)| kind);
        let running_low = || {
            // The last create requests are for those who wait.
            let is_affordable = creates_left.is_none_or(|left| left > 1);
            self.kinds.iter().filter(|_| is_affordable).find(|kind| {
                let soon = kind.demand.forecast(AHEAD, now.monotonic);
                kind.pool.len() < soon.min(settings.capacity)
            })
        };
        let Some(kind) = waited_for.or_else(running_low) else {
            return Step::Stop;
        };
        let ahead = pool::shelf_life(kind.size).min(FURTHEST);
        let count = pool::batch(
            kind.queue.len(),
            kind.demand.forecast(ahead, now.monotonic),
            kind.pool.len(),
            settings.capacity,
            creates_left,
        );
        Step::Create(
            kind.size
                .count(count)
                .expect("a batch is within the bounds"),
        )
    }

    /// Puts new tokens into stock and says how many; the others are revoked.
    fn take_in(
        &mut self,
        size: CreateTokens,
        tokens: Vec<ApiToken>,
        asked_for_at: Moment,
        now: Moment,
        most_kinds: usize,
    ) -> usize {
        let size = size.count(1).expect("one is within the bounds");
        let (mut fresh, mut unfit) = (Vec::new(), Vec::new());
        for token in tokens {
            if !self.seen.is_new(&token) {
                // It may be somebody's: neither handed out again nor revoked under them.
                continue;
            }
            let token = PooledToken::new(token, size, asked_for_at);
            if token.may_be_handed_out(now) && !self.is_shut_down {
                fresh.push(token);
            } else {
                unfit.push(token.token);
            }
        }
        let count = fresh.len();
        match self.kind(size, most_kinds) {
            Some(kind) => fresh.into_iter().for_each(|token| kind.pool.push(token)),
            None => unfit.extend(fresh.into_iter().map(|token| token.token)),
        }
        self.retire(unfit);
        count
    }

    /// R13: a refusal ends every wait at once; anything else ends those that would be over before the next attempt.
    fn waiters_in_vain(&mut self, now: Instant) -> Vec<Waiter> {
        let Some(closed) = self.gate.closed(now) else {
            return Vec::new();
        };
        let mut in_vain = Vec::new();
        for kind in &mut self.kinds {
            in_vain.extend(
                kind.queue
                    .remove_if(|it| !closed.is_worth_waiting() || it.deadline < closed.until),
            );
        }
        in_vain
    }
}

impl Stocking {
    async fn run(mut self) {
        loop {
            let creates_left = self.desk.source.creates_left();
            let step = {
                let now = clock::now();
                let mut state = self.desk.lock();
                let step = state.next_step(&self.desk.settings, creates_left, now);
                if matches!(step, Step::Stop) {
                    state.is_stocking = false;
                    self.is_over = true;
                }
                step
            };
            match step {
                Step::Create(request) => {
                    // T2: counted from before the request, so that a slow answer cannot lengthen a token's life.
                    let asked_for_at = clock::now();
                    let created = create(&self.desk, request).await;
                    self.desk.settle(request, created, asked_for_at);
                }
                Step::WaitUntil(open) => sleep_until(open).await,
                Step::Stop => return,
            }
        }
    }
}

impl Drop for Stocking {
    /// R16: the runtime went away. Those who wait on others see that their answer does not come, and begin anew.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut state = self.desk.lock();
        state.is_stocking = false;
        let waiting: Vec<_> = state
            .kinds
            .iter_mut()
            .map(|kind| mem::take(&mut kind.queue))
            .collect();
        drop(state);
        drop(waiting);
    }
}

/// R17: in a task of its own, so that a panic of the source is an error of the source.
async fn create(desk: &Arc<Desk>, request: CreateTokens) -> Result<Vec<ApiToken>, Error> {
    let source = Arc::clone(&desk.source);
    let mut task = tokio::spawn(async move { source.create(request).await });
    match timeout(DEADLINE, &mut task).await {
        Ok(Ok(created)) => created,
        Ok(Err(_)) => Err(Error::new(Kind::Transient, "the token source panicked")),
        Err(_) => {
            task.abort();
            Err(Error::new(
                Kind::Transient,
                "the token source did not answer within 30 seconds",
            ))
        }
    }
}
