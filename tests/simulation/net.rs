//! The network between a client and the service, for data and for tokens: it does to each request what its weather
//! says, and checks whatever passes.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use mobula_auth::emulator::{Body, ConnectionLost, Endpoint, Fault};
use tokio::time::sleep_until;
use tower::{BoxError, Service};

use super::promises;
use super::random::Random;
use super::tally::Event;
use super::weather::{At, Fate, Mishap, SECOND, nanoseconds};
use super::world::{Client, Session, World};

/// One side of a client's network.
#[derive(Clone)]
pub(crate) struct Net {
    pub(crate) client: Arc<Client>,
    pub(crate) side: Side,
}

#[derive(Clone)]
pub(crate) enum Side {
    Data(Arc<Session>),
    Tokens(Arc<KeyLog>),
}

/// When create requests with one key arrived, as far back as anybody counts.
pub(crate) struct KeyLog {
    pub(crate) limit: u32,
    pub(crate) arrivals: Mutex<Vec<At>>,
    /// Until when a 429 with `Retry-After` allows none.
    pub(crate) paused_until: Mutex<At>,
}

/// Travels with a request, and with its copies.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    pub(crate) number: u64,
    pub(crate) foreign: bool,
    /// In nanoseconds since the world began: when the layer was asked to send it.
    pub(crate) asked_at: AtomicU64,
    /// In the same: when it was last sent.
    pub(crate) sent_at: AtomicU64,
    pub(crate) sends: AtomicU32,
    /// The last answer's status; 0 for none.
    pub(crate) status: AtomicU16,
    /// Whether that is the service's own word, and not a fault's.
    pub(crate) genuine: AtomicBool,
    /// The place of the last token in the ledger.
    pub(crate) place: AtomicUsize,
}

/// What the network says of a connection that broke.
#[derive(Debug)]
pub(crate) struct Broken;

type Answer = Result<Response<Body>, BoxError>;

/// An answer at once, or a way to one.
pub(crate) enum Passage {
    Done(Option<Answer>),
    Slow(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

/// What is known of a request when it leaves.
struct Sent {
    endpoint: Endpoint,
    at: At,
    fate: Fate,
    ticket: Option<Arc<Ticket>>,
}

impl Service<Request<Full<Bytes>>> for Net {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Passage;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Passage {
        let sent = self.send(&request);
        let quick = sent.fate.there.is_zero() && sent.fate.back.is_zero();
        if quick && matches!(sent.fate.mishap, Mishap::None) {
            let answer = self.arrive(request, &sent, None);
            return Passage::Done(Some(self.come_back(
                answer.map_err(Into::into),
                &sent,
                true,
            )));
        }
        let net = self.clone();
        Passage::Slow(Box::pin(async move { net.pass(request, sent).await }))
    }
}

impl Net {
    fn world(&self) -> &World {
        &self.client.world
    }

    /// Looks at a request that leaves, and draws what becomes of it.
    fn send(&self, request: &Request<Full<Bytes>>) -> Sent {
        let at = self.world().now();
        let ticket = request.extensions().get::<Arc<Ticket>>().cloned();
        let (endpoint, name) = match &self.side {
            Side::Data(session) => {
                let ticket = ticket.as_deref().expect("every data request has a ticket");
                let sends = self.check_data(session, request, ticket, at);
                (Endpoint::Data, [ticket.number, u64::from(sends)])
            }
            Side::Tokens(log) => {
                self.world()
                    .check(promises::h4_no_credential_reaches_a_foreign_origin(
                        request.headers(),
                        false,
                    ));
                let endpoint = if request.method() == Method::DELETE {
                    Endpoint::Revoke
                } else {
                    Endpoint::Create
                };
                if endpoint == Endpoint::Create {
                    let paused_until = *log.paused_until.lock().unwrap();
                    self.world()
                        .check(promises::h3_no_create_before_the_service_allows_it(
                            at,
                            paused_until,
                        ));
                }
                let number = self.client.token_calls.fetch_add(1, Ordering::Relaxed);
                let event = if endpoint == Endpoint::Create {
                    Event::Create
                } else {
                    Event::Revoke
                };
                self.world().note(event, [self.client.number, number]);
                (endpoint, [u64::MAX, number])
            }
        };
        let mut random = Random::named(self.world().seed, &[self.client.number, name[0], name[1]]);
        let fate = self.client.weather.fate(at, endpoint, &mut random);
        self.note_fate(&fate, name);
        if endpoint == Endpoint::Revoke && !matches!(fate.mishap, Mishap::None) {
            // Whatever the client is told, 200 and nonsense too, nobody can say that the token is gone.
            let id = request.uri().path().rsplit('/').next();
            self.client.revocation_failed(id.unwrap_or_default());
        }
        Sent {
            endpoint,
            at,
            fate,
            ticket,
        }
    }

    /// H2, H4 to H8, where a request leaves. Says how often it was sent by now.
    fn check_data(
        &self,
        session: &Session,
        request: &Request<Full<Bytes>>,
        ticket: &Ticket,
        now: At,
    ) -> u32 {
        let world = self.world();
        let sends = ticket.sends.fetch_add(1, Ordering::Relaxed) + 1;
        ticket.sent_at.store(nanoseconds(now), Ordering::Relaxed);
        world.check(promises::h4_no_credential_reaches_a_foreign_origin(
            request.headers(),
            ticket.foreign,
        ));
        let before = Some(ticket.status.load(Ordering::Relaxed)).filter(|_| !ticket.foreign);
        world.check(promises::h8_at_most_one_replay_and_only_of_a_rejected_request(sends, before));
        if ticket.foreign {
            return sends;
        }
        let asked_at = Duration::from_nanos(ticket.asked_at.load(Ordering::Relaxed));
        world.check(promises::h7_every_waiter_ends_by_its_deadline(
            now.saturating_sub(asked_at),
            session.max_wait,
        ));
        let mut ledger = session.ledger();
        let header = request
            .headers()
            .get(AUTHORIZATION)
            .map_or(&b""[..], |value| value.as_bytes());
        match promises::h5_no_token_of_anybody_else_is_sent(ledger.find(header)) {
            Err(breach) => world.check(Err(breach)),
            Ok(place) => {
                world.check(promises::h6_generations_never_go_back(
                    ledger.newest_sent as u64,
                    place as u64,
                ));
                ledger.newest_sent = ledger.newest_sent.max(place);
                ticket.place.store(place, Ordering::Relaxed);
                let grant = &mut ledger.grants[place];
                grant.sends += 1;
                world.check(promises::h2_no_spent_token_is_sent(grant));
                world.check(promises::h2_no_token_is_sent_in_its_last_moments(
                    grant, now,
                ));
            }
        }
        drop(ledger);
        let event = if sends == 1 {
            Event::Sent
        } else {
            Event::Replayed
        };
        world.note(event, [self.client.number, ticket.number]);
        sends
    }

    fn note_fate(&self, fate: &Fate, name: [u64; 2]) {
        let event = match &fate.mishap {
            Mishap::LostRequest => Event::LostRequest,
            Mishap::LostAnswer => Event::LostAnswer,
            Mishap::ResetBefore | Mishap::ResetAfter => Event::Reset,
            Mishap::Service { told: Some(_), .. } => Event::Status,
            Mishap::Service { told: None, .. } => Event::Nonsense,
            Mishap::None if fate.there.max(fate.back) > self.client.weather.usual_delay => {
                Event::Delay
            }
            Mishap::None => return,
        };
        self.world().note(event, name);
    }

    async fn pass(self, request: Request<Full<Bytes>>, sent: Sent) -> Answer {
        self.take_time(sent.fate.there).await;
        let fault = match &sent.fate.mishap {
            Mishap::LostRequest => return self.hang().await,
            Mishap::ResetBefore => return Err(Broken.into()),
            Mishap::Service { fault, .. } => Some(Fault::clone(fault)),
            _ => None,
        };
        let answer = self.arrive(request, &sent, fault);
        match sent.fate.mishap {
            Mishap::LostAnswer => return self.hang().await,
            Mishap::ResetAfter => return Err(Broken.into()),
            _ => {}
        }
        self.take_time(sent.fate.back).await;
        let genuine = matches!(sent.fate.mishap, Mishap::None);
        self.come_back(answer.map_err(Into::into), &sent, genuine)
    }

    /// The service sees the request now, and whatever it has against it is our fault.
    fn arrive(
        &self,
        request: Request<Full<Bytes>>,
        sent: &Sent,
        fault: Option<Fault>,
    ) -> Result<Response<Body>, ConnectionLost> {
        let world = self.world();
        let now = world.now();
        if let (Side::Tokens(log), Endpoint::Create) = (&self.side, sent.endpoint) {
            let mut arrivals = log.arrivals.lock().unwrap();
            arrivals.push(now);
            world.check(
                promises::h3_never_more_creates_than_the_limit_in_any_60_seconds(
                    &arrivals, log.limit,
                ),
            );
            if arrivals.len() > 64 {
                arrivals.drain(..32);
            }
        }
        let mut emulator = world.emulator.clone();
        let answer = pin!(emulator.call(request));
        if let Some(fault) = fault {
            // It strikes this request: there is no other between here and the poll.
            world.emulator.fault(fault);
        }
        let Poll::Ready(answer) = answer.poll(&mut Context::from_waker(Waker::noop())) else {
            unreachable!("the emulator is never slow unless asked to be");
        };
        let violations = world.emulator.counts().violations;
        if violations > world.violations_seen.swap(violations, Ordering::Relaxed) {
            if let Some(violation) = world.emulator.violations().last() {
                world.check(promises::h2_no_expired_or_spent_token_arrives(
                    violation.kind,
                    now.saturating_sub(sent.at),
                ));
            }
        }
        answer
    }

    /// The client learns the answer now.
    fn come_back(&self, answer: Answer, sent: &Sent, genuine: bool) -> Answer {
        let Ok(response) = &answer else {
            return answer;
        };
        let now = self.world().now();
        if let Mishap::Service {
            retry_after: Some(seconds),
            ..
        } = sent.fate.mishap
        {
            let until = now + Duration::from_secs(seconds.clamp(1, 600));
            self.client.note_retry_after(until + SECOND / 2);
            if let (Side::Tokens(log), Endpoint::Create, StatusCode::TOO_MANY_REQUESTS) =
                (&self.side, sent.endpoint, response.status())
            {
                *log.paused_until.lock().unwrap() = until;
            }
        }
        let (Side::Data(session), Some(ticket)) = (&self.side, sent.ticket.as_deref()) else {
            return answer;
        };
        ticket
            .status
            .store(response.status().as_u16(), Ordering::Relaxed);
        ticket.genuine.store(genuine, Ordering::Relaxed);
        if response.status() == StatusCode::UNAUTHORIZED && !ticket.foreign {
            let place = ticket.place.load(Ordering::Relaxed);
            if let Some(grant) = session.ledger().grants.get_mut(place) {
                grant.told_rejected = true;
            }
        }
        answer
    }

    /// No answer until the weather is better, and then the news that none will come.
    async fn hang(&self) -> Answer {
        let world = self.world();
        sleep_until(world.instant(self.client.weather.calm_at.max(world.now()))).await;
        Err(Broken.into())
    }

    /// Long delays are over when the weather is better.
    async fn take_time(&self, time: Duration) {
        let (world, weather) = (self.world(), &self.client.weather);
        let now = world.now();
        let usual_end = now.max(weather.calm_at) + weather.usual_delay;
        if !time.is_zero() {
            sleep_until(world.instant((now + time).min(usual_end))).await;
        }
    }
}

impl Future for Passage {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        match &mut *self {
            Self::Done(answer) => Poll::Ready(answer.take().expect("polled once")),
            Self::Slow(slow) => slow.as_mut().poll(cx),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated connection broke")
    }
}

impl Error for Broken {}
