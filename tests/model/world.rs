//! The source and the server around the handle under test, and the record of what happened, in order.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::panic::resume_unwind;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use mobula_auth::emulator::{Emulator, Endpoint, Fault};
use mobula_auth::{ApiKey, ApiToken, CreateTokens, Error, TokenClient, TokenSource};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::commands::{Answer, TokenSpec, What};
use super::events::{Class, Event, Failure, Given, Id, Made};

/// Shared by source, server and driver. One thread runs a case, so the order of the record is the order of
/// what happened.
#[derive(Debug, Clone)]
pub(super) struct World(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    start: Instant,
    record: Vec<(Duration, Event)>,
    answers: VecDeque<Answer>,
    made: usize,
    status: u16,
    holds: bool,
    refused: HashSet<String>,
    /// Counts the releases of what is held back, each with a status.
    releases: watch::Sender<u16>,
}

impl World {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            start: Instant::now(),
            record: Vec::new(),
            answers: VecDeque::new(),
            made: 0,
            status: 200,
            holds: false,
            refused: HashSet::new(),
            releases: watch::Sender::new(0),
        })))
    }

    pub(super) fn now(&self) -> Duration {
        Instant::now() - self.lock().start
    }

    pub(super) fn note(&self, event: Event) {
        let mut inner = self.lock();
        let at = Instant::now() - inner.start;
        inner.record.push((at, event));
    }

    pub(super) fn take_record(&self) -> Vec<(Duration, Event)> {
        std::mem::take(&mut self.lock().record)
    }

    /// How much is on the record.
    pub(super) fn happened(&self) -> usize {
        self.lock().record.len()
    }

    pub(super) fn script(&self, answers: Vec<Answer>) {
        self.lock().answers.extend(answers);
    }

    pub(super) fn serve(&self, status: u16) {
        self.lock().status = status;
    }

    pub(super) fn refuse(&self, text: &str) {
        self.lock().refused.insert(text.to_owned());
    }

    pub(super) fn hold(&self, holds: bool) {
        self.lock().holds = holds;
    }

    /// How many requests are held back.
    pub(super) fn held(&self) -> usize {
        self.lock().releases.receiver_count()
    }

    pub(super) fn release(&self, status: u16) {
        self.lock().releases.send_replace(status);
    }

    pub(super) async fn serves(self, request: Request<Id>) -> Result<Response<Id>, Infallible> {
        let id = *request.body();
        let header = request.headers()[AUTHORIZATION].to_str().unwrap();
        let text = header.strip_prefix("Bearer ").unwrap().to_owned();
        self.note(Event::Arrived(id, text.clone()));
        let held = {
            let inner = self.lock();
            inner.holds.then(|| inner.releases.subscribe())
        };
        let status = if let Some(mut releases) = held {
            releases.changed().await.unwrap();
            *releases.borrow()
        } else {
            let inner = self.lock();
            let is_refused = inner.refused.contains(&text);
            if is_refused { 401 } else { inner.status }
        };
        self.note(Event::Answered(id, status));
        let status = StatusCode::from_u16(status).unwrap();
        Ok(Response::builder().status(status).body(id).unwrap())
    }

    fn make(&self, specs: Vec<TokenSpec>) -> (Given, Vec<ApiToken>) {
        let mut inner = self.lock();
        let (mut made, mut tokens) = (Vec::new(), Vec::new());
        for spec in specs {
            inner.made += usize::from(!spec.again || inner.made == 0);
            let text = format!("token-{}", inner.made);
            tokens.push(token(&text, spec));
            made.push(Made {
                text,
                lifetime: spec.lifetime.unwrap_or(Duration::MAX),
                request_limit: spec.request_limit.unwrap_or(u64::MAX),
            });
        }
        (Given::Tokens(made), tokens)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

impl TokenSource for World {
    async fn create(&self, request: CreateTokens) -> Result<Vec<ApiToken>, Error> {
        let count = request.get_count();
        let answer = self.lock().answers.pop_front();
        let Answer { after, what } = answer.unwrap_or(Answer {
            after: Duration::ZERO,
            what: What::AsAsked,
        });
        let answers_after = (!matches!(what, What::Hang)).then_some(after);
        self.note(Event::Asked(count, answers_after));
        let mut attempt = Attempt {
            world: self,
            given: Given::Nothing(Failure::new(Class::Transient)),
        };
        if !after.is_zero() {
            sleep(after).await;
        }
        let as_asked = TokenSpec {
            lifetime: None,
            request_limit: None,
            again: false,
        };
        let specs = match what {
            What::AsAsked => vec![as_asked; count as usize],
            What::Tokens(specs) => specs,
            What::Fail(class) => {
                let error = ERRORS.iter().find(|error| failure(error).class == class);
                let error = error.unwrap().clone();
                attempt.given = Given::Nothing(failure(&error));
                return Err(error);
            }
            What::Panic => resume_unwind(Box::new("the script says so")),
            What::Hang => std::future::pending().await,
        };
        let (given, tokens) = self.make(specs);
        attempt.given = given;
        Ok(tokens)
    }

    async fn revoke(&self, token: ApiToken) -> Result<(), Error> {
        let text = token.expose_secret().to_owned();
        self.refuse(&text);
        self.note(Event::Revoked(text));
        Ok(())
    }
}

/// Notes the end of an attempt, also of one that panics or is given up.
struct Attempt<'a> {
    world: &'a World,
    given: Given,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.world.note(Event::Created(self.given.clone()));
    }
}

fn token(text: &str, spec: TokenSpec) -> ApiToken {
    let mut token = ApiToken::new(text).unwrap();
    if let Some(lifetime) = spec.lifetime {
        token = token.with_lifetime(lifetime);
    }
    if let Some(limit) = spec.request_limit {
        token = token.with_request_limit(limit);
    }
    token
}

pub(super) fn failure(error: &Error) -> Failure {
    let class = match () {
        () if error.is_rate_limited() => Class::RateLimited,
        () if error.is_rejected() => Class::Rejected,
        () if error.is_plan_required() => Class::PlanRequired,
        () if error.is_shut_down() => Class::ShutDown,
        () => Class::Transient,
    };
    Failure {
        class,
        retry_after: error.retry_after(),
    }
}

/// One error of each class, from a token client: a source cannot make refusals itself.
static ERRORS: LazyLock<Vec<Error>> = LazyLock::new(|| {
    let make = async || {
        let emulator = Emulator::new();
        let key = ApiKey::new(emulator.api_key()).unwrap();
        let tokens = TokenClient::new(emulator.clone(), key);
        let mut errors = vec![Error::other("down")];
        for status in [401, 403, 429] {
            let fault = Fault::status(StatusCode::from_u16(status).unwrap()).on(Endpoint::List);
            emulator.fault(fault.header(RETRY_AFTER, HeaderValue::from_static("7")));
            errors.push(tokens.list().await.unwrap_err());
        }
        errors
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(make())
    })
    .join()
    .unwrap()
});
