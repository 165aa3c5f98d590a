//! The emulator as a tower service.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower_service::Service;

use super::{
    Body, ConnectionLost, Emulator,
    connection_lost::When,
    credential::Credential,
    endpoint::Route,
    exchange::{Exchange, Outcome, Pending, Progress, Received},
};

/// Answers any request, whatever its body type, in origin form or absolute form; always ready.
impl<B> Service<Request<B>> for Emulator
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = ConnectionLost;
    type Future = ResponseFuture<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectionLost>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<B> {
        let (parts, body) = request.into_parts();
        ResponseFuture {
            stage: Stage::Arriving(Some((self.clone(), parts, body))),
        }
    }
}

/// The future of an emulated answer; a request arrives when it is first polled.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture<B> {
    stage: Stage<B>,
}

type Answer = Result<Response<Body>, ConnectionLost>;

#[expect(
    clippy::large_enum_variant,
    reason = "nearly every request is answered in its first stage: boxing that would cost an allocation"
)]
enum Stage<B> {
    Arriving(Option<(Emulator, Parts, B)>),
    /// Reads a body, or waits: the only case that needs a box.
    Slow(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

/// The body is moved, never polled in place.
impl<B> Unpin for ResponseFuture<B> {}

impl<B> Future for ResponseFuture<B>
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        loop {
            match &mut self.stage {
                Stage::Slow(slow) => return Poll::Ready(ready!(slow.as_mut().poll(cx))),
                Stage::Arriving(arriving) => {
                    let (emulator, parts, body) =
                        arriving.take().expect("not polled again once it is done");
                    let slow = match arrive(emulator, parts, body) {
                        Ok(answer) => return Poll::Ready(answer),
                        Err(slow) => slow,
                    };
                    self.stage = Stage::Slow(slow);
                }
            }
        }
    }
}

impl<B> fmt::Debug for ResponseFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl Emulator {
    /// Takes a request in. Signatures are checked before the lock is taken.
    fn begin(&self, exchange: &Exchange) -> Progress {
        let rules = &self.shared.rules;
        let credential = Credential::read(exchange.headers(), &rules.jwt_key);
        self.state().begin(rules, exchange, &credential)
    }

    fn resume(&self, exchange: &Exchange, pending: Pending) -> Outcome {
        let rules = &self.shared.rules;
        let credential = Credential::read(exchange.headers(), &rules.jwt_key);
        self.state().resume(rules, exchange, &credential, pending)
    }
}

/// The answer at once, or else a future of it.
fn arrive<B>(
    emulator: Emulator,
    parts: Parts,
    body: B,
) -> Result<Answer, Pin<Box<dyn Future<Output = Answer> + Send>>>
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut exchange = Exchange {
        parts,
        body: Received::Unread,
    };
    if body.is_end_stream() {
        exchange.body = Received::Nothing;
    } else if exchange.route() == Route::Create {
        return Err(Box::pin(async move {
            exchange.body = read(body).await;
            let progress = emulator.begin(&exchange);
            wait(emulator, exchange, progress).await
        }));
    }
    match emulator.begin(&exchange) {
        Progress::Done(Outcome::Answer(answer)) => Ok(Ok(answer)),
        Progress::Done(Outcome::Reset) => Ok(Err(LOST)),
        progress => Err(Box::pin(wait(emulator, exchange, progress))),
    }
}

async fn wait(emulator: Emulator, exchange: Exchange, progress: Progress) -> Answer {
    let outcome = match progress {
        Progress::Done(outcome) => outcome,
        Progress::AnswerAfter(latency, outcome) => {
            tokio::time::sleep(latency).await;
            outcome
        }
        Progress::HandleAfter(latency, pending) => {
            tokio::time::sleep(latency).await;
            emulator.resume(&exchange, pending)
        }
    };
    match outcome {
        Outcome::Answer(answer) => Ok(answer),
        Outcome::Reset => Err(LOST),
        Outcome::Hang => std::future::pending().await,
    }
}

async fn read<B>(body: B) -> Received
where
    B: http_body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let body = std::pin::pin!(Limited::new(body, BODY_LIMIT));
    match body.collect().await {
        Ok(collected) => Received::Whole(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Received::TooLarge,
        Err(_) => Received::Broken,
    }
}

const LOST: ConnectionLost = ConnectionLost {
    when: When::BeforeAnswer,
};

/// Fastify's default, in bytes (fastify.dev/docs/latest/Reference/Server, `bodyLimit`).
const BODY_LIMIT: usize = 1024 * 1024;
