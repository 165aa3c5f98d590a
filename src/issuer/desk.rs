//! Where tokens and callers meet: what all clones of an issuer share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::appointments::Appointments;
use super::audit::Audit;
use super::authorize::AnyAuthorize;
use super::grant::Subject;
use super::handover::{HandedToken, Waiting};
use super::issued::{HeldToken, Issued};
use super::limits::{Exceeded, Limits};
use super::pool::PooledToken;
use super::recalls::Recalls;
use super::refusal::Refusal;
use super::seen::Seen;
use super::settings::Settings;
use super::token_kind::{TokenKind, Waiter};
use super::turned_away::{over_capacity, refusal_of, revoked_meanwhile, shut_down};
use crate::api_token::ApiToken;
use crate::auto_refreshing_token::gate::Gate;
use crate::auto_refreshing_token::source::AnySource;
use crate::clock::{self, Moment};
use crate::create_tokens::CreateTokens;

/// More unused tokens than that are not revoked but left to expire: nobody has them.
const MOST_RETIRED: usize = 1_000;

pub(super) struct Desk {
    pub(super) source: Arc<dyn AnySource>,
    pub(super) authorize: Box<dyn AnyAuthorize>,
    pub(super) settings: Settings,
    pub(super) audit: Audit,
    state: Mutex<State>,
}

pub(super) type Locked<'a> = MutexGuard<'a, State>;

pub(super) struct State {
    pub(super) kinds: Vec<TokenKind>,
    pub(super) issued: Issued,
    pub(super) recalls: Recalls,
    pub(super) seen: Seen,
    pub(super) gate: Gate,
    /// Of requests for tokens, and of requests to revoke them.
    limits: [Limits; 2],
    pub(super) random: fastrand::Rng,
    pub(super) appointments: Appointments,
    pub(super) is_stocking: bool,
    /// Tokens that nobody has and nobody will get.
    pub(super) retired: VecDeque<ApiToken>,
    pub(super) is_retiring: bool,
    pub(super) is_shut_down: bool,
    numbers: u64,
}

/// Which of the two limits a request counts for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Counted {
    Issue,
    Revoke,
}

pub(super) enum Asked {
    Handed(HandedToken),
    Waiting(Waiting),
}

impl Desk {
    pub(super) fn new(
        source: Arc<dyn AnySource>,
        authorize: Box<dyn AnyAuthorize>,
        settings: Settings,
        limits: [Limits; 2],
    ) -> Self {
        let random = settings
            .jitter_seed
            .map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Self {
            source,
            authorize,
            settings,
            audit: Audit::new(),
            state: Mutex::new(State {
                kinds: Vec::new(),
                issued: Issued::default(),
                recalls: Recalls::default(),
                seen: Seen::default(),
                gate: Gate::default(),
                limits,
                random,
                appointments: Appointments::default(),
                is_stocking: false,
                retired: VecDeque::new(),
                is_retiring: false,
                is_shut_down: false,
                numbers: 0,
            }),
        }
    }

    pub(super) fn lock(&self) -> Locked<'_> {
        // No critical section can panic half-way, so a poisoned state is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// U4: counts a request, before anything is sent anywhere.
    pub(super) fn count(&self, subject: &Subject, what: Counted) -> Result<(), Refusal> {
        let per_minute = self.tokens_per_minute();
        let now = clock::now().monotonic;
        let mut state = self.lock();
        let taken = state.limits[what as usize].take(subject, now);
        taken.map_err(|exceeded| {
            let (code, message, wait) = match exceeded {
                Exceeded::OfSubject(wait) => ("rate_limited", "you ask too often", wait),
                Exceeded::OfAll(wait) => (
                    "globally_rate_limited",
                    "too many ask at the moment",
                    state.appointment_after(wait, per_minute, now),
                ),
            };
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, code, message).after(wait)
        })
    }

    /// Gives a token from the stock, or a place in the line.
    pub(super) fn ask(
        self: &Arc<Self>,
        subject: &Subject,
        size: CreateTokens,
        admitted: u64,
        deadline: Instant,
    ) -> Result<Asked, Refusal> {
        let per_minute = self.tokens_per_minute();
        let now = clock::now();
        let mut state = self.lock();
        if state.recalls.is_recalled(subject, admitted) {
            return Err(revoked_meanwhile());
        }
        let asked = state.ask(self, subject, size, deadline, per_minute, now);
        self.finish(state);
        asked
    }

    /// What the caller is told whose wait is over.
    pub(super) fn out_of_time(&self) -> Refusal {
        let per_minute = self.tokens_per_minute();
        let now = clock::now().monotonic;
        let mut state = self.lock();
        let wait = state.appointment(per_minute, now);
        match state.gate.last_error() {
            Some(error) => refusal_of(error, wait),
            None => over_capacity(wait),
        }
    }

    /// What every change ends with: tokens go to those who wait for them, and tasks begin that are needed.
    pub(super) fn finish<'a>(self: &'a Arc<Self>, mut state: Locked<'a>) {
        loop {
            let handovers = state.hand_over(self, clock::now());
            if handovers.is_empty() {
                break;
            }
            drop(state);
            let mut refused = Vec::new();
            for (waiter, handed) in handovers {
                let answer = handed.ok_or_else(|| self.no_room());
                // Whoever has hung up since loses nothing: it goes to the next in line.
                if let Err(Ok(handed)) = waiter.answer.send(answer) {
                    refused.push(handed);
                }
            }
            state = self.lock();
            for handed in refused {
                handed.return_to(&mut state);
            }
        }
        state = self.begin_stocking(state);
        self.begin_retiring(state);
    }
}

impl State {
    pub(super) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// The kind of token of this size, made if there is room for it.
    pub(super) fn kind(&mut self, size: CreateTokens, most: usize) -> Option<&mut TokenKind> {
        let asked_for = self.next_number();
        let known = self.kinds.iter().position(|kind| kind.size == size);
        let place = match known {
            Some(place) => place,
            None if self.kinds.len() < most => {
                self.kinds.push(TokenKind::new(size));
                self.kinds.len() - 1
            }
            None => {
                let idle = self.kinds.iter().enumerate();
                let idle = idle.filter(|(_, kind)| kind.queue.is_empty());
                let (place, _) = idle.min_by_key(|(_, kind)| kind.asked_for)?;
                let unused = self.kinds[place].pool.remove_all();
                self.retire(unused);
                self.kinds[place] = TokenKind::new(size);
                place
            }
        };
        let kind = &mut self.kinds[place];
        kind.asked_for = asked_for;
        Some(kind)
    }

    pub(super) fn retire(&mut self, tokens: impl IntoIterator<Item = ApiToken>) {
        let room = MOST_RETIRED.saturating_sub(self.retired.len());
        self.retired.extend(tokens.into_iter().take(room));
    }

    pub(super) fn waiting(&self) -> usize {
        self.kinds.iter().map(|kind| kind.queue.len()).sum()
    }

    pub(super) fn subjects(&self) -> usize {
        self.limits[Counted::Issue as usize].subjects()
    }

    fn ask(
        &mut self,
        desk: &Arc<Desk>,
        subject: &Subject,
        size: CreateTokens,
        deadline: Instant,
        per_minute: u32,
        now: Moment,
    ) -> Result<Asked, Refusal> {
        let settings = &desk.settings;
        if self.is_shut_down {
            return Err(shut_down());
        }
        self.issued.remove_ended(now.monotonic);
        if self.issued.len() >= settings.max_live {
            return Err(self.no_room(per_minute, now.monotonic));
        }
        let Some(kind) = self.kind(size, settings.max_kinds) else {
            return Err(over_capacity(self.appointment(per_minute, now.monotonic)));
        };
        kind.demand.note(now.monotonic);
        let aged = kind.pool.remove_aged(now);
        let in_stock = if kind.queue.is_empty() {
            kind.pool.pop()
        } else {
            None
        };
        let waiting_of_subject = kind.queue.len_of(subject);
        self.retire(aged);
        if let Some(token) = in_stock {
            let handed = self.hand(desk, subject, size, token, now);
            return Ok(Asked::Handed(handed));
        }
        if waiting_of_subject >= settings.max_waiting_of_subject {
            let refusal = Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "already_waiting",
                "as many of your requests as may wait for a token do so already",
            );
            return Err(refusal.after(self.estimate(per_minute, now.monotonic)));
        }
        if self.waiting() >= settings.max_waiting {
            return Err(over_capacity(self.appointment(per_minute, now.monotonic)));
        }
        let closed = self.gate.closed(now.monotonic);
        let in_vain = closed.filter(|it| !it.is_worth_waiting() || deadline < it.until);
        if let Some(error) = in_vain.map(|closed| closed.error.clone()) {
            let wait = self.appointment(per_minute, now.monotonic);
            return Err(refusal_of(&error, wait));
        }
        let number = self.next_number();
        let (answer, answered) = oneshot::channel();
        let kind = self.kind(size, settings.max_kinds);
        let queue = &mut kind.expect("it is there").queue;
        queue.push(subject, number, Waiter { deadline, answer });
        let waiting = Waiting::new(
            Arc::clone(desk),
            Subject::clone(subject),
            size,
            number,
            answered,
        );
        Ok(Asked::Waiting(waiting))
    }

    /// Matches those who wait with what is in stock, in turn. If no more may be out, nobody waits any longer.
    fn hand_over(&mut self, desk: &Arc<Desk>, now: Moment) -> Vec<(Waiter, Option<HandedToken>)> {
        let mut handovers = Vec::new();
        self.issued.remove_ended(now.monotonic);
        for place in 0..self.kinds.len() {
            let aged = self.kinds[place].pool.remove_aged(now);
            self.retire(aged);
            let size = self.kinds[place].size;
            while self.kinds[place].pool.len() > 0 && self.issued.len() < desk.settings.max_live {
                let number = self.next_number();
                let Some((subject, waiter)) = self.kinds[place].queue.pop(number) else {
                    break;
                };
                if waiter.answer.is_closed() {
                    continue;
                }
                let token = self.kinds[place].pool.pop().expect("it is not empty");
                let handed = self.hand(desk, &subject, size, token, now);
                handovers.push((waiter, Some(handed)));
            }
        }
        if self.issued.len() >= desk.settings.max_live {
            let left = self
                .kinds
                .iter_mut()
                .flat_map(|kind| kind.queue.remove_if(|_| true));
            handovers.extend(left.map(|waiter| (waiter, None)));
        }
        handovers
    }

    /// Notes a token as this subject's from here on, so that whoever revokes the subject's tokens finds it.
    fn hand(
        &mut self,
        desk: &Arc<Desk>,
        subject: &Subject,
        size: CreateTokens,
        token: PooledToken,
        now: Moment,
    ) -> HandedToken {
        let number = self.next_number();
        let held = HeldToken {
            subject: Subject::clone(subject),
            token: token.token.clone(),
            ends_at: now.monotonic + token.time_left(now),
            is_given_up: false,
        };
        self.issued.insert(number, held);
        HandedToken::new(Arc::clone(desk), size, number, token)
    }
}
