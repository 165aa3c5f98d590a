//! The service's state, and a request's way through it.

use std::sync::Arc;

use http::{HeaderValue, StatusCode};

use super::{
    CredentialKind, Keyless, Plan, SeenRequest, ViolationKind,
    api_key::{KeyBook, KeyIndex},
    caller::{Caller, Identity},
    clock::{Clock, Now, http_date, system_time},
    create_limit::Arrival,
    credential::Credential,
    data,
    endpoint::Route,
    exchange::{Exchange, Outcome, Pending, Progress},
    fault_queue::{FaultQueue, Latency, Met},
    jwt::JwtKey,
    log::{Log, recorded_path},
    refusal::Refusal,
    reply::{Credits, Reply, Spoiled},
    settings::Settings,
    token_store::{Standing, TokenStore},
};

/// What never changes.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) settings: Settings,
    pub(super) jwt_key: JwtKey,
}

/// What changes with every request.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) keys: KeyBook,
    pub(super) tokens: TokenStore,
    pub(super) faults: FaultQueue,
    pub(super) log: Log,
    /// The `Date` header of one second, to be used again within it.
    date: Option<(u64, HeaderValue)>,
}

impl State {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            keys: KeyBook::default(),
            tokens: TokenStore::default(),
            faults: FaultQueue::default(),
            log: Log::default(),
            date: None,
        }
    }

    /// Takes a request in, and handles it unless it has to wait.
    pub(super) fn begin(
        &mut self,
        rules: &Rules,
        exchange: &Exchange,
        credential: &Credential<'_>,
    ) -> Progress {
        let now = self.clock.now();
        let caller = self.identify(rules, credential, now);
        let identity = caller.identity;
        let (pending, latency) = self.arrive(exchange, caller, now);
        match latency {
            None => Progress::Done(self.settle(rules, exchange, identity, pending, now)),
            Some(latency) if latency.after_handling => {
                let outcome = self.settle(rules, exchange, identity, pending, now);
                Progress::AnswerAfter(latency.length, outcome)
            }
            Some(latency) => Progress::HandleAfter(latency.length, pending),
        }
    }

    /// Handles a request whose wait is over; by now its credential may have died.
    pub(super) fn resume(
        &mut self,
        rules: &Rules,
        exchange: &Exchange,
        credential: &Credential<'_>,
        pending: Pending,
    ) -> Outcome {
        let now = self.clock.now();
        let identity = self.identify(rules, credential, now).identity;
        self.settle(rules, exchange, identity, pending, now)
    }

    pub(super) fn identify(&self, rules: &Rules, credential: &Credential<'_>, now: Now) -> Caller {
        Caller::identify(
            credential,
            &self.keys,
            &self.tokens,
            &rules.settings,
            now.true_time,
        )
    }

    /// Records a request, and finds the faults that it meets.
    fn arrive(
        &mut self,
        exchange: &Exchange,
        caller: Caller,
        now: Now,
    ) -> (Pending, Option<Latency>) {
        let at = now.true_time;
        let route = exchange.route();
        let endpoint = route.endpoint();
        let create = match (route, caller.identity) {
            (Route::Create, Identity::Key(key)) => Some(self.keys.get_mut(key).creates.arrive(at)),
            _ => None,
        };
        let over_limit = self.count_token_request(route, caller.identity);
        let violations = caller.violations.into_iter().flatten();
        let too_many = create
            .is_some_and(|create| create.too_many)
            .then_some(ViolationKind::TooManyCreates);
        for kind in violations.chain(over_limit).chain(too_many) {
            let token_id = match &caller.kind {
                CredentialKind::Token { id, .. } => Some(Arc::clone(id)),
                _ => None,
            };
            self.log.violation(kind, at, token_id);
        }
        let number = self.log.push(SeenRequest {
            at: system_time(at),
            method: exchange.method().clone(),
            path: recorded_path(route, exchange.path()),
            endpoint,
            credential: caller.kind,
            status: None,
        });
        let Met { latency, fault } = self.faults.meet(endpoint);
        (
            Pending {
                number,
                create,
                fault,
            },
            latency,
        )
    }

    fn count_token_request(
        &mut self,
        route: Route<'_>,
        identity: Identity,
    ) -> Option<ViolationKind> {
        let (Route::Data(_), Identity::Token(index, standing)) = (route, identity) else {
            return None;
        };
        if let Some(token) = self.tokens.get_mut(index) {
            token.requests += 1;
        }
        (standing == Standing::Exhausted).then_some(ViolationKind::OverLimitToken)
    }

    /// Handles a request, or does what its fault says, and notes the answer.
    fn settle(
        &mut self,
        rules: &Rules,
        exchange: &Exchange,
        identity: Identity,
        pending: Pending,
        now: Now,
    ) -> Outcome {
        let Pending {
            number,
            create,
            fault,
        } = pending;
        let mut cost = 0;
        let mut handle = || {
            let result = self.handle(rules, exchange, identity, create, now);
            cost = u64::from(result.is_ok() && matches!(exchange.route(), Route::Data(_)));
            result.unwrap_or_else(|refusal| Reply::refused(&refusal, &rules.settings, now))
        };
        let answer = match fault {
            None => Ok((handle(), Spoiled::No)),
            Some(fault) => {
                let real = fault.after_handling.then(handle);
                Reply::faulty(fault, real, &rules.settings, now)
            }
        };
        let credits = self.charge(identity, cost);
        let (reply, spoiled) = match answer {
            Ok(answer) => answer,
            Err(lost) => return lost.into(),
        };
        self.log
            .answered(number, exchange.route().endpoint(), reply.status);
        let date = self.date(now);
        Outcome::Answer(reply.into_response(exchange.method(), date, credits, spoiled))
    }

    fn handle(
        &mut self,
        rules: &Rules,
        exchange: &Exchange,
        identity: Identity,
        create: Option<Arrival>,
        now: Now,
    ) -> Result<Reply, Refusal> {
        match exchange.route() {
            Route::Data(path) => self.answer_data(rules, exchange, path, identity, now),
            Route::WrongMethod(allow) => Err(Refusal::wrong_method(allow)),
            Route::Unknown => Err(Refusal::new(StatusCode::NOT_FOUND, "Route not found")),
            Route::Create => {
                let key = self.manager(rules, exchange, identity, create, now)?;
                self.create(rules, exchange, key, now)
            }
            Route::List => {
                let key = self.manager(rules, exchange, identity, None, now)?;
                Ok(self.list(rules, key, now))
            }
            Route::Inspect => {
                let key = self.manager(rules, exchange, identity, None, now)?;
                self.inspect(rules, exchange.query(), key, now)
            }
            Route::Revoke(id) => {
                let key = self.manager(rules, exchange, identity, None, now)?;
                self.revoke(rules, id, key, now)
            }
        }
    }

    /// One request of a token counts one against its limit.
    fn answer_data(
        &mut self,
        rules: &Rules,
        exchange: &Exchange,
        path: &str,
        identity: Identity,
        now: Now,
    ) -> Result<Reply, Refusal> {
        match identity {
            Identity::Key(_) => {}
            Identity::Token(index, standing) => {
                if let Some(refusal) = Refusal::bad_standing(standing) {
                    return Err(refusal);
                }
                if let Some(token) = self.tokens.get_mut(index) {
                    token.remaining = token.remaining.saturating_sub(1);
                }
            }
            Identity::Refused(reason) => return Err(Refusal::bad_credential(reason)),
            Identity::Nobody => match rules.settings.keyless {
                Keyless::Demo => {}
                Keyless::RateLimited => return Err(Refusal::no_credential_throttled()),
                Keyless::Unauthorized => return Err(Refusal::no_credential()),
            },
        }
        refuse_bodiless_json(rules, exchange)?;
        Ok(Reply::json(
            StatusCode::OK,
            data::answer(path, exchange.query(), now.true_time),
        ))
    }

    fn charge(&mut self, identity: Identity, cost: u64) -> Credits {
        let Some(key) = self.paying_key(identity) else {
            let limit = Plan::Free.monthly_credits();
            return Credits {
                cost,
                limit,
                remaining: limit,
            };
        };
        let key = self.keys.get_mut(key);
        key.used_credits += cost;
        let limit = key.plan.monthly_credits();
        Credits {
            cost,
            limit,
            remaining: limit.saturating_sub(key.used_credits),
        }
    }

    fn paying_key(&self, identity: Identity) -> Option<KeyIndex> {
        match identity {
            Identity::Key(key) => Some(key),
            Identity::Token(token, _) => self.tokens.get(token).map(|token| token.key),
            Identity::Nobody | Identity::Refused(_) => None,
        }
    }

    fn date(&mut self, now: Now) -> HeaderValue {
        let second = now.claimed.as_secs();
        match &self.date {
            Some((cached, date)) if *cached == second => date.clone(),
            _ => {
                let date =
                    HeaderValue::try_from(http_date(now.claimed)).expect("HTTP dates are ASCII");
                self.date = Some((second, date.clone()));
                date
            }
        }
    }
}

/// A JSON content type without a body is refused, as Fastify does.
pub(super) fn refuse_bodiless_json(rules: &Rules, exchange: &Exchange) -> Result<(), Refusal> {
    if exchange.has_no_body() && exchange.says_json() && !rules.settings.flags.accept_bodiless_json
    {
        return Err(Refusal::empty_json_body());
    }
    Ok(())
}
