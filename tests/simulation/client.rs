//! One client: its stack, its traffic, and what is done to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use mobula_auth::emulator::Plan;
use mobula_auth::{ApiKey, AutoRefreshingToken, Error, ReplayRejected, TokenClient};
use tokio::time::timeout;
use tower::retry::{Retry, RetryLayer};
use tower::{Layer, Service, ServiceExt};

use super::herd::Herd;
use super::net::{KeyLog, Net, Side, Ticket};
use super::plan::{ClientEvent, ClientPlan, Phase, Settings};
use super::promises;
use super::random::Random;
use super::source::Source;
use super::tally::Event;
use super::watch::{Answer, Watch};
use super::weather::{At, SECOND};
use super::world::{Client, Session, World};

type Stack = Retry<ReplayRejected, Watch>;

const STACKS: usize = 3;

/// Requests under way at once; a caller that is this far behind sends no more.
const MOST_UNDER_WAY: usize = 256;

pub(crate) struct Driver {
    pub(crate) client: Arc<Client>,
    pub(crate) settings: Settings,
    key: String,
    tokens: TokenClient<Net>,
    handle: AutoRefreshingToken,
    pub(crate) session: Arc<Session>,
    /// Long-lived services: their requests go out with a token of their own, once they have sent a few.
    stacks: Arc<[Mutex<Stack>]>,
    pub(crate) herd: Herd,
    requests: u64,
    random: Random,
}

impl Driver {
    pub(crate) fn new(world: &Arc<World>, number: u64, plan: &ClientPlan) -> Self {
        let client = Arc::new(Client {
            number,
            world: Arc::clone(world),
            weather: plan.weather.clone(),
            token_calls: AtomicU64::new(0),
            wipes: AtomicU64::new(0),
            newest_served: AtomicU64::new(0),
            retry_after: Mutex::default(),
            sessions: Mutex::default(),
        });
        let settings = plan.settings.clone();
        let key = world.emulator.add_api_key(Plan::Growth);
        let tokens = token_client(&client, &key, &settings);
        let (session, handle, stacks) = stacks(&client, &tokens, &settings);
        Self {
            random: Random::named(world.seed, &[3, number]),
            client,
            key,
            tokens,
            handle,
            session,
            stacks,
            herd: Herd::new(settings.newcomers_first),
            settings,
            requests: 0,
        }
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        &self.client.world
    }

    /// What `Retry-After` and the limit on create requests still ask for.
    pub(crate) fn creates_again_in(&self) -> Duration {
        let retry_after = self.client.ask_back_at().saturating_sub(self.world().now());
        retry_after + self.tokens.next_create_in().unwrap_or_default()
    }

    pub(crate) fn handle(&self) -> &AutoRefreshingToken {
        &self.handle
    }

    /// All of the bad times: traffic and events, until the last fault is over.
    pub(crate) async fn live(
        &mut self,
        traffic: &[Phase],
        events: &[(At, ClientEvent)],
        until: At,
    ) {
        let mut events = events.iter().peekable();
        for phase in traffic {
            for time in 0..phase.times {
                let at = phase.from + phase.every * time;
                while let Some((at, event)) = events.next_if(|(due, _)| *due <= at) {
                    self.go_on_until(*at).await;
                    self.meet(*event);
                }
                self.go_on_until(at).await;
                for _ in 0..phase.at_once {
                    if self.herd.len() < MOST_UNDER_WAY {
                        self.ask();
                    }
                }
            }
        }
        for (at, event) in events {
            self.go_on_until(*at).await;
            self.meet(*event);
        }
        self.go_on_until(until).await;
    }

    pub(crate) async fn go_on_until(&mut self, at: At) {
        let world = Arc::clone(self.world());
        if world.now() < at {
            self.herd.run_until(world.instant(at)).await;
        }
    }

    /// One request of a caller: to Mobula mostly, to somebody else now and then, and given up at times.
    fn ask(&mut self) {
        let foreign = self.random.chance(0.01);
        let patience = if self.random.chance(0.01) {
            self.random.milliseconds(0, 2_000)
        } else {
            self.settings.max_wait * 2 + 30 * SECOND
        };
        let request = self.request(foreign);
        let ticket = ticket_of(&request);
        let answer = self.send(request);
        self.herd
            .begin(ask(answer, Arc::clone(&self.session), ticket, patience));
    }

    /// Sends a request, once that is polled: every fourth one through a service of its own, the others through one of those
    /// that stay.
    fn send(&self, request: Request<Full<Bytes>>) -> impl Future<Output = Answer> + Send + use<> {
        let nth = usize::try_from(self.requests).unwrap();
        let stacks = Arc::clone(&self.stacks);
        async move {
            let stack = &stacks[nth % STACKS];
            if nth % 4 == 0 {
                let own = stack.lock().unwrap().clone();
                return own.oneshot(request).await;
            }
            let answer = {
                let mut stack = stack.lock().unwrap();
                let mut cx = Context::from_waker(Waker::noop());
                assert!(stack.poll_ready(&mut cx).is_ready(), "the net always is");
                stack.call(request)
            };
            answer.await
        }
    }

    fn request(&mut self, foreign: bool) -> Request<Full<Bytes>> {
        self.requests += 1;
        let url = if foreign {
            *self.random.pick(FOREIGN)
        } else {
            "https://api.mobula.io/api/2/token/price?asset=bitcoin"
        };
        let mut request = Request::get(url).body(Full::default()).unwrap();
        let ticket = Ticket {
            number: self.requests,
            foreign,
            ..Ticket::default()
        };
        request.extensions_mut().insert(Arc::new(ticket));
        request
    }

    /// Whether a request is served, and that at once where nothing is wrong.
    pub(crate) async fn probe(&mut self) -> Result<StatusCode, Option<Error>> {
        let request = self.request(false);
        let (ticket, session) = (ticket_of(&request), Arc::clone(&self.session));
        let answer = self.send(request);
        let answer = self.herd.during(answer).await;
        note(&session, &ticket, Some(&answer));
        answer
            .map(|response| response.status())
            .map_err(|error| error.downcast_ref::<Error>().cloned())
    }

    fn meet(&mut self, event: ClientEvent) {
        let world = Arc::clone(self.world());
        let number = self.client.number;
        match event {
            ClientEvent::RevokeCurrent => {
                world.note(Event::RevokeOne, [number, 0]);
                let mut ledger = self.session.ledger();
                let place = ledger.newest_sent;
                if let Some(grant) = ledger.grants.get_mut(place) {
                    // The service forgets the oldest dead ones.
                    let _ = world.emulator.revoke_token(&grant.id);
                    grant.revoked = true;
                }
            }
            ClientEvent::DeleteKey => self.delete_key(),
            ClientEvent::NewKey => self.new_key(),
            ClientEvent::Downgrade | ClientEvent::Upgrade => {
                world.note(Event::PlanChange, [number, 0]);
                let plan = if matches!(event, ClientEvent::Downgrade) {
                    Plan::Free
                } else {
                    Plan::Startup
                };
                // A key that was deleted meanwhile has no plan.
                let _ = world.emulator.set_plan(&self.key, plan);
            }
            ClientEvent::Restart { cancel } => {
                world.note(Event::Restart, [number, u64::from(cancel)]);
                if cancel {
                    self.herd.cancel();
                }
                self.restart();
            }
            ClientEvent::Shutdown => {
                world.note(Event::Shutdown, [number, 0]);
                self.session.shut_down.store(true, Ordering::Relaxed);
                self.herd
                    .begin(shut_down(self.handle.clone(), Arc::clone(&self.session)));
                self.restart();
            }
            ClientEvent::Refresh => {
                world.note(Event::ManualRefresh, [number, 0]);
                let handle = self.handle.clone();
                self.herd.begin(async move { drop(handle.refresh().await) });
            }
            ClientEvent::Lease => {
                world.note(Event::Lease, [number, 0]);
                self.herd
                    .begin(lease(self.handle.clone(), Arc::clone(&self.session)));
            }
        }
    }

    pub(crate) fn delete_key(&self) {
        let world = Arc::clone(self.world());
        world.note(Event::KeyDeleted, [self.client.number, 0]);
        // It may be deleted twice.
        let _ = world.emulator.delete_api_key(&self.key);
        self.client.revoked_all();
    }

    /// Restarts with a new key, whatever became of the old one.
    pub(crate) fn new_key(&mut self) {
        self.key = self.world().emulator.add_api_key(Plan::Growth);
        self.tokens = token_client(&self.client, &self.key, &self.settings);
        self.restart();
    }

    /// A new handle for the same key; requests that are under way keep the old one alive.
    fn restart(&mut self) {
        let (session, handle, stacks) = stacks(&self.client, &self.tokens, &self.settings);
        self.session = session;
        self.handle = handle;
        self.stacks = stacks;
    }
}

fn token_client(client: &Arc<Client>, key: &str, settings: &Settings) -> TokenClient<Net> {
    let log = KeyLog {
        limit: settings.creates_per_minute,
        arrivals: Mutex::default(),
        paused_until: Mutex::default(),
    };
    let net = Net {
        client: Arc::clone(client),
        side: Side::Tokens(Arc::new(log)),
    };
    TokenClient::new(net, ApiKey::new(key).unwrap())
        .create_requests_per_minute(settings.creates_per_minute)
        .unwrap()
}

fn stacks(
    client: &Arc<Client>,
    tokens: &TokenClient<Net>,
    settings: &Settings,
) -> (Arc<Session>, AutoRefreshingToken, Arc<[Mutex<Stack>]>) {
    let session = Session::new(client, settings.max_wait);
    let source = Source {
        tokens: tokens.clone(),
        session: Arc::clone(&session),
    };
    let handle = AutoRefreshingToken::builder(source)
        .lifetime(settings.lifetime)
        .request_limit(settings.request_limit)
        .standby(settings.standby)
        .max_wait(settings.max_wait)
        .max_waiting(settings.max_waiting)
        .revoke_replaced_after(settings.grace)
        .policy(settings.policy)
        .jitter_seed(settings.jitter_seed)
        .build()
        .unwrap();
    let net = Net {
        client: Arc::clone(client),
        side: Side::Data(Arc::clone(&session)),
    };
    let watch = Watch {
        inner: handle.layer(net),
        handle: handle.clone(),
        session: Arc::clone(&session),
    };
    let stack = RetryLayer::new(ReplayRejected::default()).layer(watch);
    let stacks = (0..STACKS).map(|_| Mutex::new(stack.clone())).collect();
    (session, handle, stacks)
}

fn ticket_of(request: &Request<Full<Bytes>>) -> Arc<Ticket> {
    Arc::clone(request.extensions().get::<Arc<Ticket>>().unwrap())
}

async fn ask(
    answer: impl Future<Output = Answer>,
    session: Arc<Session>,
    ticket: Arc<Ticket>,
    patience: Duration,
) {
    let answer = timeout(patience, answer).await.ok();
    note(&session, &ticket, answer.as_ref());
}

/// What came of a request, in the end.
fn note(session: &Session, ticket: &Ticket, answer: Option<&Answer>) {
    let world = session.world();
    let event = match answer {
        None => Event::GivenUp,
        Some(_) if ticket.foreign => Event::Foreign,
        Some(Ok(response)) => match response.status() {
            StatusCode::OK => {
                let sent_at = ticket.sent_at.load(Ordering::Relaxed);
                let newest = &session.client.newest_served;
                newest.fetch_max(sent_at, Ordering::Relaxed);
                Event::Served
            }
            StatusCode::UNAUTHORIZED => {
                check_final_401(session, ticket);
                Event::Answered401
            }
            StatusCode::TOO_MANY_REQUESTS => Event::Answered429,
            _ => Event::AnsweredOther,
        },
        Some(Err(error)) => error.downcast_ref::<Error>().map_or(Event::Unreached, kind),
    };
    world.note(event, [session.client.number, ticket.number]);
}

/// H1: the service itself refused a token, and the request was not sent again, though there was another one.
fn check_final_401(session: &Session, ticket: &Ticket) {
    let replayed = ticket.sends.load(Ordering::Relaxed) > 1;
    if replayed || session.is_shut_down() {
        return;
    }
    let world = session.world();
    let how = "a 401 that was not replayed";
    world.check(promises::h1_no_request_fails_while_a_usable_token_exists(
        &session.ledger(),
        world.now(),
        how,
    ));
}

fn kind(error: &Error) -> Event {
    match error {
        error if error.is_rejected() => Event::Rejected,
        error if error.is_plan_required() => Event::PlanRequired,
        error if error.is_rate_limited() => Event::RateLimited,
        error if error.is_shut_down() => Event::ShutDown,
        error if error.is_transient() => Event::Transient,
        _ => Event::Refused,
    }
}

/// A shutdown in bad weather need not succeed, but it ends in time.
async fn shut_down(handle: AutoRefreshingToken, session: Arc<Session>) {
    let world = session.world();
    let began_at = world.now();
    handle.shutdown().await;
    world.check(promises::h7_every_waiter_ends_by_its_deadline(
        world.since(began_at),
        10 * SECOND,
    ));
}

/// A lease counts as one request, and ends when its token does.
async fn lease(handle: AutoRefreshingToken, session: Arc<Session>) {
    let world = session.world();
    let began_at = world.now();
    let lease = handle.lease().await;
    world.check(promises::h7_every_waiter_ends_by_its_deadline(
        world.since(began_at),
        session.max_wait,
    ));
    match lease {
        Ok(lease) => {
            let lifetime = {
                let mut ledger = session.ledger();
                let grant = ledger
                    .find_id(lease.token().id().unwrap_or_default())
                    .expect("a token of this handle");
                grant.sends += 1;
                grant.lifetime
            };
            if timeout(lifetime, lease.expired()).await.is_err() {
                world.check(Err("a lease outlived its token".into()));
            }
        }
        Err(error) if !error.is_shut_down() => {
            let how = error.to_string();
            world.check(promises::h1_no_request_fails_while_a_usable_token_exists(
                &session.ledger(),
                world.now(),
                &how,
            ));
        }
        Err(_) => {}
    }
}

const FOREIGN: &[&str] = &[
    "https://example.com/api/2/token/price",
    "http://api.mobula.io/api/2/token/price",
    "https://api.mobula.io:8443/api/2/token/price",
    "https://api.mobula.io.example.com/api/2/token/price",
    "https://demo-api.mobula.io/api/2/token/price",
    "https://mobula.io/api/2/token/price",
    "/api/2/token/price",
];
