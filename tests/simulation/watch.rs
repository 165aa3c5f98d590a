//! A transparent service between the retry layer and the auth layer, which looks at the engine right before and right
//! after it has seen an answer.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use mobula_auth::emulator::Body;
use mobula_auth::{AutoRefresh, AutoRefreshingToken, Error};
use tower::{BoxError, Service};

use super::net::{Net, Ticket};
use super::promises::{self, InUse};
use super::tally::Event;
use super::weather::nanoseconds;
use super::world::Session;

#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) inner: AutoRefresh<Net>,
    pub(crate) handle: AutoRefreshingToken,
    pub(crate) session: Arc<Session>,
}

pub(crate) type Answer = Result<Response<Body>, BoxError>;

impl Service<Request<Full<Bytes>>> for Watch {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let ticket = Arc::clone(
            request
                .extensions()
                .get::<Arc<Ticket>>()
                .expect("every data request has a ticket"),
        );
        let now = self.session.world().now();
        ticket.asked_at.store(nanoseconds(now), Ordering::Relaxed);
        let mut answer = Box::pin(self.inner.call(request));
        let (handle, session) = (self.handle.clone(), Arc::clone(&self.session));
        Box::pin(poll_fn(move |cx| {
            let before = is_late(&ticket, &session).then(|| in_use(&handle));
            let sends = ticket.sends.load(Ordering::Relaxed);
            let polled = answer.as_mut().poll(cx);
            // One that waited may have been sent only now, with the newest token there is.
            let before = before.filter(|_| ticket.sends.load(Ordering::Relaxed) == sends);
            if let Poll::Ready(answer) = &polled {
                look(&handle, &session, &ticket, before, answer);
            }
            polled
        }))
    }
}

/// Whether the request is under way with a token that is not the newest.
fn is_late(ticket: &Ticket, session: &Session) -> bool {
    !ticket.foreign
        && ticket.sends.load(Ordering::Relaxed) > 0
        && ticket.place.load(Ordering::Relaxed) < session.ledger().newest_sent
}

fn in_use(handle: &AutoRefreshingToken) -> InUse {
    let status = handle.status();
    InUse {
        generation: status.generation(),
        has_token: status.expires_in().is_some(),
    }
}

fn look(
    handle: &AutoRefreshingToken,
    session: &Session,
    ticket: &Ticket,
    before: Option<InUse>,
    answer: &Answer,
) {
    let world = session.world();
    let after = in_use(handle);
    let last = session.generation.swap(after.generation, Ordering::Relaxed);
    world.check(promises::h6_generations_never_go_back(
        last,
        after.generation,
    ));
    match answer {
        Ok(response) if response.status() == StatusCode::UNAUTHORIZED => {
            if let Some(before) = before {
                world.note(Event::LateRejection, [session.client.number, ticket.number]);
                world.check(promises::h6_a_late_401_never_drops_a_newer_token(
                    before, after,
                ));
            }
        }
        Ok(_) => {}
        Err(error) => {
            let Some(error) = error.downcast_ref::<Error>() else {
                return;
            };
            let now = world.now();
            let asked_at = Duration::from_nanos(ticket.asked_at.load(Ordering::Relaxed));
            world.check(promises::h7_every_waiter_ends_by_its_deadline(
                now.saturating_sub(asked_at),
                session.max_wait,
            ));
            if !session.is_shut_down() {
                let how = error.to_string();
                world.check(promises::h1_no_request_fails_while_a_usable_token_exists(
                    &session.ledger(),
                    now,
                    &how,
                ));
            }
        }
    }
}
